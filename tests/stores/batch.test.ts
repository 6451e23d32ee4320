import { LimiterError } from '../../lib/errors'
import { keyOf } from '../../lib/keys'
import { ALGORITHMS } from '../../lib/limiters'
import type { Limiter } from '../../lib/limiters/limiter'
import { randomOf } from '../../lib/testing/contract/random'
import {
  debounceOf,
  decide,
  limitOf,
  queryOf,
  reasons,
  START,
  tally,
} from '../../lib/testing/contract/requests'
import { Process } from '../support/faulty-store'
import { MapStore } from '../support/map-store'
import { SlowStore } from '../support/slow-store'

const SPACE = 'test:batch'
const globalKey = keyOf(SPACE, 'global', '', '')
const actorKey = keyOf(SPACE, 'actor', '', 1)

const passes = (decisions: readonly { reason?: string }[]) =>
  decisions.filter(({ reason }) => reason === undefined).length

const flood = <T>(count: number, act: (n: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, n) => act(n)))

const left = async (store: MapStore | Process, limit: ReturnType<typeof limitOf>, actor = 42) =>
  (await store.peek(queryOf(SPACE, limit, START, actor))).remaining

describe('a flood takes few trips', () => {
  test('100 of one actor: three batches, the limit admits exactly its number', async () => {
    const store = new SlowStore(3)
    const all = await flood(100, () => decide(store, SPACE, { limits: [limitOf()] }))
    expect(reasons(all)).toEqual([...Array(3).fill('allowed'), ...Array(97).fill('limited')])
    expect(store.calls).toEqual({ get: 3, swap: 2, delete: 0 })
  })

  test('two by each of 50 actors under one shared limit', async () => {
    const store = new SlowStore(3)
    const mine = limitOf({ bucket: 'mine', limit: 1 })
    const all = limitOf({ bucket: 'all', limit: 20, scope: 'global' })
    const decisions = await flood(100, (n) =>
      decide(store, SPACE, { actor: 1 + (n % 50), limits: [mine, all] }),
    )
    expect(passes(decisions)).toBe(20)
    // Read thrice; written when the first passed and when the others did.
    expect(store.trips.get(globalKey)).toBe(5)
    const used = await flood(50, async (n) => 1 - (await left(store, mine, 1 + n)))
    expect(used.reduce((sum, units) => sum + units)).toBe(20)
  })
})

describe('a batch decides as its decisions would one after another', () => {
  test.each([...ALGORITHMS, tally as Limiter])('limiter %#, each at its own time', async (limiter) => {
    const random = randomOf(17)
    const [together, apart] = [new SlowStore(1), new MapStore()]
    const requests = Array.from({ length: 60 }, (_, n) => ({
      now: START + n * random.below(300),
      block: true,
      duplicate: { mark: random.below(50), window: 1_000 },
      notices: { blocked: true, unregistered: true },
      album: random.below(3) === 0 ? random.below(5) : undefined,
      debounces: [debounceOf({ text: `text ${random.below(20)}`, window: 500 })],
      limits: [
        limitOf({ bucket: 'one', limit: 8, limiter, cost: random.below(3), notice: true }),
        limitOf({ bucket: 'two', limit: 12, limiter, countRefused: true, blockFor: random.below(2) * 900 }),
        limitOf({ bucket: 'all', limit: 30, limiter, scope: 'global', shadow: true }),
      ],
    }))
    const decisions = await Promise.all(requests.map((request) => decide(together, SPACE, request)))
    const expected = []
    for (const request of requests) expected.push(await decide(apart, SPACE, request))
    expect(decisions).toEqual(expected)
    expect(new Set(reasons(decisions)).size).toBeGreaterThan(3)
    expect(together.trips.get(globalKey)).toBeLessThanOrEqual(4)
    for (const { key, value } of (await apart.scan(SPACE, { limit: 100 })).entries) {
      expect((await together.get(key))?.value === undefined).toBe(value === undefined)
    }
  })

  test('a block that one of them adds meets the others', async () => {
    const store = new SlowStore(1)
    const limits = [limitOf({ limit: 1, blockFor: 60_000 })]
    const all = await flood(5, () => decide(store, SPACE, { block: true, limits }))
    expect(reasons(all)).toEqual(['allowed', 'limited', 'blocked', 'blocked', 'blocked'])
    expect(all.map(({ blockAdded }) => blockAdded?.until)).toEqual([
      undefined,
      START + 60_000,
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('failures', () => {
  /** Says yes when asked, throws when it is to charge. */
  const broken = (): Limiter => {
    let hits = 0
    return {
      name: 'broken',
      hit: () => {
        if (++hits % 2 === 0) throw new Error('out of order')
        return [{}, { allowed: true, retryAfter: 0, remaining: 1, resetAfter: 0 }]
      },
    }
  }

  test('a limiter that throws fails its own decision, which leaves nothing behind', async () => {
    const store = new SlowStore(1)
    const shop = limitOf({ limit: 6 })
    const bad = limitOf({ bucket: 'bad', limiter: broken() })
    const settled = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) =>
        decide(store, SPACE, {
          limits: n % 3 === 1 ? [shop, bad] : [shop],
          duplicate: { mark: n, window: 9 },
        }),
      ),
    )
    expect(
      settled.map((one) => (one.status === 'rejected' ? 'failed' : (one.value.reason ?? 'allowed'))),
    ).toEqual([
      ...['allowed', 'failed', 'allowed', 'allowed', 'failed', 'allowed', 'allowed', 'failed', 'allowed'],
      'limited',
    ])
    for (const one of settled) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(LimiterError)
    expect(await left(store, shop)).toBe(0)
    expect(store.calls.swap).toBe(2)
  })

  test('one lost trip costs none of a batch its verdict, a store that is gone costs all', async () => {
    const store = new Process()
    const limits = [limitOf()]
    store.interfere('get', ':actor:', () => Promise.reject(new Error('reset by peer')), 2)
    expect(passes(await flood(20, () => decide(store, SPACE, { limits })))).toBe(3)
    store.before = () => Promise.reject(new Error('gone'))
    const settled = await Promise.allSettled(
      Array.from({ length: 20 }, () => decide(store, SPACE, { limits })),
    )
    expect(settled.every(({ status }) => status === 'rejected')).toBe(true)
  })
})

describe('other processes', () => {
  const mine = limitOf({ bucket: 'mine', limit: 5 })
  const all = limitOf({ bucket: 'all', limit: 12, scope: 'global' })

  test.each([
    [actorKey, [mine], 12, 13],
    [globalKey, [mine, all], 11, 12],
  ] as const)(
    'a charge between read and write of a batch, at %s: all of it is judged again, nothing is charged twice',
    async (where, limits, passed, charged) => {
      const store = new Process()
      const other = new Process(store.shared)
      // The first decision goes alone; its swaps come before the batch's.
      store.interfere('swap', where, () => decide(other, SPACE, { actor: 1, limits }), 2)
      const decisions = await flood(60, (n) =>
        decide(store, SPACE, { actor: 1 + (n % 4), limits: [mine, all] }),
      )
      expect(passes(decisions)).toBe(passed)
      expect(await left(store, all)).toBe(0)
      const used = await flood(4, async (n) => 5 - (await left(store, mine, 1 + n)))
      expect(used.reduce((sum, units) => sum + units)).toBe(charged)
    },
  )

  test('a batch takes back all that it wrote, and nothing that another process has charged since', async () => {
    const store = new Process()
    const other = new Process(store.shared)
    const many = { ...all, rule: { ...all.rule, limit: 30, burst: 30 } }
    const limits = [mine, many]
    // By then the batch has written the shared record, and the other process charges both.
    store.interfere('swap', actorKey, () => decide(other, SPACE, { actor: 1, limits }), 2)
    const decisions = await flood(60, (n) => decide(store, SPACE, { actor: 1 + (n % 4), limits }))
    expect(passes(decisions)).toBe(19)
    expect(await left(store, many)).toBe(10)
  })

  test('floods in four of them at once: no limit is exceeded, every pass is charged', async () => {
    const shared = new MapStore()
    const random = randomOf(23)
    const stores = Array.from({ length: 4 }, () => {
      const store = new Process(shared)
      store.before = async () => {
        for (let turns = random.below(4); turns > 0; turns--) await new Promise(setImmediate)
      }
      return store
    })
    const limits = [
      limitOf({ bucket: 'each', limit: 4 }),
      limitOf({ bucket: 'all', limit: 30, scope: 'global' }),
    ]
    const decisions = await flood(400, (n) => decide(stores[n % 4], SPACE, { actor: 1 + (n % 20), limits }))
    expect(passes(decisions)).toBe(30)
    expect(await left(stores[0], limits[1])).toBe(0)
    const used = await flood(20, async (n) => 4 - (await left(stores[0], limits[0], 1 + n)))
    expect(used.reduce((sum, units) => sum + units)).toBe(30)
  })
})

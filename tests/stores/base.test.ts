import { StoreError } from '../../lib/errors'
import { keyOf } from '../../lib/keys'
import { ALGORITHMS } from '../../lib/limiters'
import type { Limiter } from '../../lib/limiters/limiter'
import { Blocks, Registrations } from '../../lib/stores/records'
import { randomOf } from '../../lib/testing/contract/random'
import {
  debounceOf,
  decide,
  limitOf,
  once,
  queryOf,
  reasons,
  START,
  tally,
} from '../../lib/testing/contract/requests'
import { Process } from '../support/faulty-store'
import { MapStore } from '../support/map-store'
import { NativeStore } from '../support/native-store'

const SPACE = 'test:base'
const DAY = 86_400_000
const actorKey = keyOf(SPACE, 'actor', '', 42)
const globalKey = keyOf(SPACE, 'global', '', '')

const left = async (store: Process | MapStore, limit: ReturnType<typeof limitOf>, actor = 42) =>
  (await store.peek(queryOf(SPACE, limit, START, actor))).remaining

describe('the cost of a decision', () => {
  const usual = {
    duplicate: { mark: 1, window: 60_000 },
    block: true,
    registration: 'vouched' as const,
    debounces: [debounceOf()],
    limits: [limitOf({ bucket: 'class' }), limitOf({ bucket: 'method', limit: 1 })],
    notices: { blocked: false, unregistered: true },
  }

  test('the usual update reads three records and swaps one', async () => {
    const store = new MapStore()
    expect((await decide(store, SPACE, usual)).reason).toBeUndefined()
    expect(store.calls).toEqual({ get: 3, swap: 1, delete: 0 })
  })

  test('a refusal that changes nothing swaps nothing', async () => {
    const store = new MapStore()
    await decide(store, SPACE, usual)
    const refused = await decide(store, SPACE, { ...usual, duplicate: undefined, debounces: [] })
    expect([refused.reason, store.calls.swap]).toEqual(['limited', 1])
    await decide(store, SPACE, { limits: [limitOf({ cost: 0 })] })
    expect(store.calls.swap).toBe(1)
  })
})

describe.each([...ALGORITHMS, tally as Limiter])('two records, limiter %#', (limiter) => {
  const mine = limitOf({ bucket: 'mine', limit: 5, window: 60_000, limiter })
  const all = limitOf({ bucket: 'all', limit: 5, window: 60_000, limiter, scope: 'global' })
  const limits = [mine, all]

  test('a conflict at the second takes the first back, and all is judged again', async () => {
    const store = new Process()
    const other = new Process(store.shared)
    store.interfere('swap', ':global:', () => decide(other, SPACE, { actor: 7, limits }))
    expect((await decide(store, SPACE, { limits })).reason).toBeUndefined()
    expect([await left(store, mine), await left(store, mine, 7), await left(store, all)]).toEqual([4, 4, 3])
  })

  test('… also where another process has charged the first in between', async () => {
    const store = new Process()
    const other = new Process(store.shared)
    store.interfere('swap', ':global:', () => decide(other, SPACE, { limits, now: START }))
    expect((await decide(store, SPACE, { limits })).reason).toBeUndefined()
    expect([await left(store, mine), await left(store, all)]).toEqual([3, 3])
  })

  test('… and if it is refused then, nothing of it stays: no charge, no mark', async () => {
    const store = new Process()
    const other = new Process(store.shared)
    const rest = { ...all, cost: 5 }
    store.interfere('swap', ':global:', () => decide(other, SPACE, { limits: [{ ...mine, cost: 2 }, rest] }))
    const update = { limits, duplicate: { mark: 9, window: 60_000 }, debounces: [debounceOf()] }
    const refused = await decide(store, SPACE, update)
    expect([refused.reason, refused.name]).toEqual(['limited', 'all'])
    expect(await left(store, mine)).toBe(3)
    await store.reset(queryOf(SPACE, all))
    expect((await decide(store, SPACE, update)).reason).toBeUndefined()
  })

  test('a store that dies between them leaves a charge too many, never one too few', async () => {
    const store = new Process()
    const dead = new Error('connection lost')
    let isDead = false
    store.before = async (primitive, key) => {
      isDead ||= primitive === 'swap' && key === globalKey
      if (isDead) throw dead
    }
    await expect(decide(store, SPACE, { limits })).rejects.toBe(dead)
    const after = new Process(store.shared)
    expect([await left(after, mine), await left(after, all)]).toEqual([4, 5])
  })

  test('one failing trip is an error, and is taken back', async () => {
    const store = new Process()
    const failure = new Error('reset by peer')
    store.interfere('swap', ':global:', () => Promise.reject(failure))
    await expect(decide(store, SPACE, { limits })).rejects.toBe(failure)
    expect([await left(store, mine), await left(store, all)]).toEqual([5, 5])
  })
})

describe('compensation', () => {
  const mine = limitOf({ bucket: 'mine', limit: 1, blockFor: 60_000 })
  const all = limitOf({ bucket: 'all', limit: 1, window: 5_000, scope: 'global', countRefused: true })

  test('a block that is taken back is added again by the next attempt, unless somebody else has changed it', async () => {
    for (const admin of [false, true]) {
      const store = new Process()
      const other = new Process(store.shared)
      const blocks = new Blocks(other, SPACE, () => START)
      await decide(store, SPACE, { limits: [mine, all] })
      store.interfere('swap', ':global:', async () => {
        if (admin) await blocks.add(42, { reason: 'by hand' })
        await decide(other, SPACE, { actor: 7, limits: [all] })
      })
      const refused = await decide(store, SPACE, { limits: [mine, all] })
      expect([refused.reason, refused.blockAdded?.until]).toEqual([
        'limited',
        admin ? undefined : START + 60_000,
      ])
      expect((await blocks.get(42))?.reason).toBe(admin ? 'by hand' : 'mine')
    }
  })

  test('a limiter that cannot refund is put back exactly while nobody else wrote, else the charge stays', async () => {
    const single = limitOf({ bucket: 'single', limiter: once as Limiter, limit: 1 })
    for (const [meanwhile, outcome] of [
      [limitOf({ bucket: 'all', limit: 1, scope: 'global' }), 'allowed'],
      [limitOf({ bucket: 'elsewhere' }), 'limited'],
    ] as const) {
      const store = new Process()
      const other = new Process(store.shared)
      const full = limitOf({ bucket: 'all', limit: 1, scope: 'global' })
      store.interfere('swap', ':global:', () => decide(other, SPACE, { limits: [meanwhile, full] }))
      const refused = await decide(store, SPACE, { limits: [single, full] })
      expect(refused.name).toBe(outcome === 'allowed' ? 'all' : 'single')
      expect((await decide(store, SPACE, { limits: [single] })).reason ?? 'allowed').toBe(outcome)
    }
  })

  test('random deaths: for each bucket, passed <= charged <= passed + died', async () => {
    const random = randomOf(11)
    const limits = (['actor', 'chat', 'global', 'member'] as const).map((scope) =>
      limitOf({ bucket: scope, scope, limit: 1_000, limiter: random.pick(ALGORITHMS) }),
    )
    const shared = new MapStore()
    let [passed, died] = [0, 0]
    for (let round = 0; round < 150; round++) {
      const store = new Process(shared)
      let trips = random.below(14)
      store.before = async () => {
        if (trips-- <= 0) throw new Error('dead')
      }
      await decide(store, SPACE, { limits }).then(
        () => passed++,
        () => died++,
      )
    }
    expect(passed).toBeGreaterThan(20)
    for (const limit of limits) {
      const charged = 1_000 - (await left(shared, limit))
      expect(charged).toBeGreaterThanOrEqual(passed)
      expect(charged).toBeLessThanOrEqual(passed + died)
    }
  })
})

describe('many processes', () => {
  const processes = (count: number) => {
    const shared = new MapStore()
    const random = randomOf(5)
    return Array.from({ length: count }, () => {
      const store = new Process(shared)
      // Lets the others in between any two trips.
      store.before = async () => {
        for (let turns = random.below(4); turns > 0; turns--) await new Promise(setImmediate)
      }
      return store
    })
  }

  test('of 100 at once in four, exactly the limit pass', async () => {
    const stores = processes(4)
    const limits = [limitOf({ limit: 13, scope: 'global' })]
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, n) => decide(stores[n % 4], SPACE, { limits })),
    )
    expect(all.filter(({ reason }) => reason === undefined)).toHaveLength(13)
  })

  test('stacked limits on three records: none exceeded, every pass charged everywhere', async () => {
    const stores = processes(4)
    const limits = [
      limitOf({ bucket: 'each', limit: 5, limiter: 'gcra' }),
      limitOf({ bucket: 'chat', limit: 30, scope: 'chat', limiter: 'fixed-window' }),
      limitOf({ bucket: 'all', limit: 20, scope: 'global' }),
    ]
    const all = await Promise.all(
      Array.from({ length: 120 }, (_, n) => decide(stores[n % 4], SPACE, { actor: 1 + (n % 8), limits })),
    )
    expect(all.filter(({ reason }) => reason === undefined)).toHaveLength(20)
    expect([await left(stores[0], limits[2]), await left(stores[0], limits[1])]).toEqual([0, 10])
    let used = 0
    for (let actor = 1; actor <= 8; actor++) used += 5 - (await left(stores[0], limits[0], actor))
    expect(used).toBe(20)
  })
})

describe('failing primitives', () => {
  test.each(['get', 'swap'] as const)(
    'what %s throws comes out, and the next decision is not held up',
    async (primitive) => {
      const store = new Process()
      const failure = new Error('gone')
      store.interfere(primitive, ':actor:', () => Promise.reject(failure))
      const limits = [limitOf()]
      const [first, second] = await Promise.allSettled([
        decide(store, SPACE, { limits }),
        decide(store, SPACE, { limits }),
      ])
      expect(first).toEqual({ status: 'rejected', reason: failure })
      expect(second.status).toBe('fulfilled')
    },
  )

  test('a record that changes under every attempt is named in the error', async () => {
    const store = new Process()
    let n = 0
    store.before = async (primitive, key) => {
      if (primitive !== 'swap') return
      const entry = await store.shared.get(key)
      await store.shared.swap(key, entry?.version ?? null, { n: n++ })
    }
    const failed = decide(store, SPACE, { limits: [limitOf()] })
    await expect(failed).rejects.toThrow(StoreError)
    await expect(failed).rejects.toThrow(`'${actorKey}'`)
    expect(n).toBe(100)
  })

  test('health is down, with the reason', async () => {
    const store = new Process()
    store.before = () => Promise.reject(new Error('no route'))
    expect(await store.health()).toEqual({ status: 'down', error: 'no route' })
  })

  test('a check without the id that its scope needs is a usage error', async () => {
    const limits = [limitOf({ scope: 'chat' })]
    await expect(decide(new MapStore(), SPACE, { chat: undefined, limits })).rejects.toThrow(
      /needs the update's chat/,
    )
  })
})

describe('what a record keeps', () => {
  const stored = async (store: MapStore) => {
    const entry = await store.get(actorKey)
    return { ...(entry?.value as { s?: object; m?: object }), expiresAt: entry?.expiresAt ?? Infinity }
  }

  test('it lives as long as anything in it can matter, a day longer under an injected clock', async () => {
    for (const [now, extra] of [
      [undefined, 0],
      [START, DAY],
    ] as const) {
      const store = new MapStore()
      const limits = [
        limitOf({ window: 3 * DAY, limiter: 'fixed-window' }),
        limitOf({ bucket: 'short', window: 5 }),
      ]
      const { limits: states } = await decide(store, SPACE, { now, limits })
      const spare = (await stored(store)).expiresAt - Date.now() - states[0].resetAfter - extra
      expect(spare).toBeGreaterThan(0)
      expect(spare).toBeLessThanOrEqual(60_001)
    }
  })

  test('by the store’s own clock, marks that are over and buckets as good as fresh go at the next write', async () => {
    const store = new MapStore()
    let now = START
    store.now = () => now
    const at = (text: string) =>
      decide(store, SPACE, {
        now: undefined,
        debounces: [debounceOf({ text })],
        limits: [limitOf({ bucket: text })],
      })
    await at('one')
    now += 10_000
    await at('two')
    const { s, m } = await stored(store)
    expect([Object.keys(s ?? {}), Object.keys(m ?? {})]).toEqual([
      ['two'],
      [String(debounceOf({ text: 'two' }).mark)],
    ])
  })

  test('at most 4,096 marks; those that end first go first', async () => {
    const store = new MapStore()
    const seed = Object.fromEntries(Array.from({ length: 4_200 }, (_, n) => [n, START + DAY + n]))
    await store.swap(actorKey, null, { m: seed })
    await decide(store, SPACE, { duplicate: { mark: 9_999_999, window: 2 * DAY } })
    const { m = {} } = await stored(store)
    expect([Object.keys(m).length, Object.hasOwn(m, '104'), Object.hasOwn(m, '105')]).toEqual([
      4_096,
      false,
      true,
    ])
    expect(Object.hasOwn(m, '9999999')).toBe(true)
  })

  test('a record that somebody else has put there counts as empty', async () => {
    for (const value of [
      null,
      7,
      'text',
      [],
      { s: 1, m: [] },
      { s: { shop: [1, 2] } },
      { s: { shop: ['gcra', 'x', 1] } },
    ]) {
      const store = new MapStore()
      await store.swap(actorKey, null, value)
      const { reason, limits } = await decide(store, SPACE, {
        limits: [limitOf()],
        debounces: [debounceOf()],
      })
      expect([reason, limits[0].remaining]).toEqual([undefined, 2])
    }
  })

  test('a bucket whose algorithm has changed starts afresh', async () => {
    const store = new MapStore()
    await decide(store, SPACE, { limits: [limitOf({ limiter: 'gcra', limit: 1 })] })
    const { reason } = await decide(store, SPACE, {
      limits: [limitOf({ limiter: 'fixed-window', limit: 1 })],
    })
    expect(reason).toBeUndefined()
  })
})

describe('own limiters beside an engine', () => {
  const own = limitOf({ bucket: 'own', limiter: tally as Limiter, limit: 2 })
  const builtin = limitOf({ bucket: 'builtin', limit: 5 })

  test('without one, the engine is asked and no record read', async () => {
    const store = new NativeStore()
    await decide(store, SPACE, { limits: [builtin] })
    expect(store.calls).toEqual({ get: 0, swap: 0, delete: 0 })
  })

  test('the engine is asked once, with the outcome', async () => {
    const store = new NativeStore()
    const seen: unknown[] = []
    store.onNative = async ({ limits }) => void seen.push(limits.map(({ outcome }) => outcome?.allowed))
    await decide(store, SPACE, { limits: [own, builtin] })
    await decide(store, SPACE, { limits: [own, builtin] })
    expect(reasons([await decide(store, SPACE, { limits: [own, builtin] })])).toEqual(['limited'])
    expect(seen).toEqual([
      [true, undefined],
      [true, undefined],
      [false, undefined],
    ])
  })

  test('an engine that throws gives the units back', async () => {
    const store = new NativeStore()
    store.onNative = () => Promise.reject(new Error('engine down'))
    await expect(decide(store, SPACE, { limits: [own, builtin] })).rejects.toThrow('engine down')
    expect(await left(store, own)).toBe(2)
  })

  test('they are refunded where another process has charged since', async () => {
    const store = new NativeStore()
    const record = async () =>
      (await store.get(actorKey)) as { value: { s: { own: unknown[] } }; version: number }
    store.onNative = async () => {
      const { value, version } = await record()
      value.s.own[2] = { used: 2 }
      await store.swap(actorKey, version, value)
      throw new Error('engine down')
    }
    await expect(decide(store, SPACE, { limits: [own] })).rejects.toThrow('engine down')
    expect(await left(store, own)).toBe(1)
  })

  test('decisions on one record take turns, so none is refused for a unit that comes back', async () => {
    const store = new NativeStore()
    await new Registrations(store, SPACE, () => START).add(7)
    const scoped = { ...own, scope: 'chat' as const }
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        decide(store, SPACE, { actor: n % 10 === 0 ? 7 : 8, registration: 'required', limits: [scoped] }),
      ),
    )
    expect(all.filter(({ reason }) => reason === undefined)).toHaveLength(2)
  })
})

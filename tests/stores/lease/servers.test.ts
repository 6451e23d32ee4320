/** Leases on real servers: the same decisions as over the reference, and the bound from several processes. */
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { ALGORITHMS } from '../../../lib/limiters'
import type { DecisionRequest } from '../../../lib/stores/decision'
import type { StorageAdapter } from '../../../lib/stores/store'
import { debounceOf, limitOf, queryOf, requestOf, START } from '../../../lib/testing/contract/requests'
import { Workers } from '../../hammer/workers'
import { nativeStores } from '../../support/stores'
import { hotOf, LeasedStore } from './leased-store'

const LEASE = 10
const LIMIT = 100
const MOST = 4
const seed = Number(process.env.FC_SEED ?? Date.now() % 1_000_000)
const servers = nativeStores().filter(({ hangs }) => hangs)

describe.each(servers.map((under) => [under.name, under] as const))('%s', (_name, under) => {
  let store: StorageAdapter
  let spaces = 0
  const newSpace = (): string => `lease:${process.pid}-${++spaces}`

  beforeAll(async () => {
    await under.start()
    store = await under.make()
  }, 120_000)
  afterAll(async () => {
    await store?.close()
    await under.stop()
  })

  // On a Cluster, an update and what is taken ahead beside it come to the limit in any order.
  const ordered = under.order === 'as issued' ? ALGORITHMS : []
  for (const limiter of ordered) {
    test(`one by one, as over the reference (${limiter}, FC_SEED=${seed})`, async () => {
      const update = fc.record({
        later: fc.oneof(fc.nat(4), fc.constantFrom(0, 99, 100, 400)),
        actor: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
        block: fc.boolean(),
        cost: fc.constantFrom(1, 1, 1, 2),
        blockFor: fc.constantFrom(0, 0, 200),
        text: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
        own: fc.boolean(),
        chat: fc.boolean(),
      })
      const traffic = fc.array(update, { minLength: 40, maxLength: 120, size: 'max' })
      await fc.assert(
        fc.asyncProperty(traffic, async (updates) => {
          const space = newSpace()
          const reference = new LeasedStore()
          let now = START
          for (const { later, actor, block, cost, blockFor, text, own, chat } of updates) {
            now += later
            const limits = [hotOf({ limiter, limit: 30, lease: LEASE, cost, blockFor, notice: true })]
            if (chat) limits.unshift(hotOf({ bucket: 'chat', scope: 'chat', limit: 40, lease: 4 }))
            if (own && actor !== undefined) limits.push(limitOf({ bucket: 'own', countRefused: true }))
            const debounces =
              text === undefined || actor === undefined ? [] : [debounceOf({ text, window: 20 })]
            const notices = { blocked: true, unregistered: false }
            const request = requestOf(space, { now, actor, block, limits, debounces, notices })
            expect(await store.decide(request)).toEqual(await reference.decide(request))
            // What was taken ahead meanwhile is there when the next one comes, on both.
            for (const limit of chat ? limits.slice(0, 2) : limits.slice(0, 1)) {
              await store.peek({ ...queryOf(space, limit, now), chat: request.chat })
            }
            await setImmediate()
            await setImmediate()
          }
        }),
        { seed, numRuns: 6, endOnFailure: true },
      )
    }, 120_000)
  }

  test('by the clock of the server', async () => {
    const space = newSpace()
    const limits = [hotOf({ window: 60_000 })]
    const reasons: unknown[] = []
    for (let from = 0; from < 160; from += 16) {
      const some = Array.from({ length: 16 }, (_, n) => {
        return store.decide(requestOf(space, { now: undefined, actor: from + n, block: true, limits }))
      })
      reasons.push(...(await Promise.all(some)).map(({ reason }) => reason))
    }
    const passed = reasons.filter((reason) => reason === undefined).length
    expect(passed).toBeLessThanOrEqual(LIMIT)
    expect(passed).toBeGreaterThan(LIMIT - LEASE)
  })

  test('what is in hand is there while the server is not', async () => {
    const space = newSpace()
    const ask = (parts: Partial<DecisionRequest> = {}) =>
      store.decide(requestOf(space, { limits: [hotOf()], ...parts }))
    for (let n = 0; n < 24; n++) await ask()
    under.pause()
    try {
      const { limits } = await ask()
      expect(limits).toMatchObject([{ name: 'hot', limit: LIMIT }])
      await expect(ask({ block: true })).rejects.toThrow('no answer within')
    } finally {
      under.resume()
    }
  })

  test('peek counts what was taken ahead; a reset forgets it', async () => {
    const space = newSpace()
    const query = queryOf(space, hotOf())
    for (let n = 0; n < 24; n++) await store.decide(requestOf(space, { limits: [hotOf()] }))
    const { remaining } = await store.peek(query)
    expect(remaining).toBeLessThan(LIMIT - 24)
    expect(remaining).toBeGreaterThan(LIMIT - 24 - LEASE)
    await store.reset(query)
    const decision = await store.decide(requestOf(space, { limits: [hotOf()] }))
    expect(decision.limits).toMatchObject([{ remaining: LIMIT - 1 }])
  })

  describe('several processes', () => {
    let workers: Workers
    beforeAll(async () => {
      workers = await Workers.start(MOST, under.address())
    }, 120_000)
    afterAll(() => workers?.stop())

    test.each([2, MOST].flatMap((count) => ALGORITHMS.map((limiter) => [count, limiter] as const)))(
      '%i at one limit (%s): no more pass than it admits, and few less',
      async (count, limiter) => {
        const limits = [
          { bucket: 'one', limiter, scope: 'global', limit: LIMIT, window: 60_000, lease: LEASE } as const,
        ]
        const asked = Array.from({ length: 2 * LIMIT }, (_, n) => ({ actor: n + 1, block: true, limits }))
        const space = newSpace()
        const jobs = Array.from({ length: count }, () => ({
          kind: 'decide' as const,
          space,
          together: 16,
          asked,
        }))
        const reasons = (await workers.run(jobs)).flat()
        expect(new Set(reasons)).toEqual(new Set(['allowed', 'limited']))
        const passed = reasons.filter((reason) => reason === 'allowed').length
        expect(passed).toBeLessThanOrEqual(LIMIT)
        expect(passed).toBeGreaterThanOrEqual(LIMIT - count * (LEASE - 1))
      },
    )
  })
})

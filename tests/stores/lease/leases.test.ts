/** What leases do, one update after another, on injected time. */
import { OverloadError, StoreError, StoreTimeoutError } from '../../../lib/errors'
import type { DecisionRequest } from '../../../lib/stores/decision'
import { MOST_HOLDINGS } from '../../../lib/stores/lease/leases'
import { ReferenceStore } from '../../../lib/testing/contract/reference'
import { blocksOf, debounceOf, limitOf, queryOf, START, tally } from '../../../lib/testing/contract/requests'
import { HOT, hotOf, LeasedStore, SPACE, updateOf } from './leased-store'

const BLOCKED = 999
let shared: ReferenceStore
let store: LeasedStore
beforeEach(async () => {
  shared = new ReferenceStore()
  store = new LeasedStore(shared)
  await shared.putRecords(blocksOf(SPACE), [{ userId: BLOCKED, since: START }], 'replace')
})

/** Updates of so many actors, one after another, a ms apart. */
async function send(count: number, from: number, parts: Partial<DecisionRequest> = {}, to = store) {
  const reasons = []
  for (let n = 0; n < count; n++) {
    const { reason } = await to.decide(updateOf(from + n, { actor: n + 1, ...parts }))
    reasons.push(reason ?? 'allowed')
  }
  return reasons
}

const left = async (at: number): Promise<number> =>
  (await shared.peek(queryOf(SPACE, hotOf(), START + at))).remaining

/** Units in hand: what a refused update, which gives its own back, is told of more than the store has left. */
async function inHand(at: number): Promise<number> {
  const { limits } = await store.decide(updateOf(at, { actor: BLOCKED }))
  return limits[0].remaining - (await left(at))
}

/** Has units in hand: as many as the store counts more than were used. */
async function warm(): Promise<void> {
  await send(24, 0)
}

describe('trips', () => {
  test('one of ten updates goes to the hot limit, and takes units ahead in the same tick', async () => {
    await send(40, 0)
    store.trips.length = 0
    await send(20, 40, { limits: [hotOf({ limit: 1_000 })] })
    await send(100, 60, { limits: [hotOf({ limit: 1_000 })] })
    const exact = store.hot.filter(({ ahead }) => !ahead)
    expect(exact.length).toBeLessThanOrEqual(17)
    expect(store.hot.filter(({ ahead }) => ahead).length).toBeLessThanOrEqual(exact.length)
    expect(store.trips.filter(({ ahead }) => !ahead)).toHaveLength(120)
  })

  test('updates that are rarer than a hold take nothing ahead', async () => {
    for (let n = 0; n < 20; n++) await store.decide(updateOf(n * 100))
    expect(store.trips.filter(({ ahead }) => ahead)).toEqual([])
    expect(await left(1_999)).toBe(90)
  })

  test('a crowd that arrives at once waits for what is on its way, and no longer', async () => {
    await warm()
    store.trips.length = 0
    const crowd = Array.from({ length: 30 }, (_, n) => store.decide(updateOf(30, { actor: n + 1 })))
    expect((await Promise.all(crowd)).every(({ reason }) => reason === undefined)).toBe(true)
    const units = store.hot.reduce((sum, trip) => sum + trip.units, 0)
    expect(store.hot.length).toBeLessThan(30)
    expect(units).toBeLessThanOrEqual(30 + 9)
  })

  test('a request that asks for nothing else makes no trip at all', async () => {
    await warm()
    store.trips.length = 0
    const decision = await store.decide(updateOf(24, { block: false }))
    expect(store.trips).toEqual([])
    expect(decision).toMatchObject({
      now: START + 24,
      reason: undefined,
      limits: [{ name: HOT, limit: 100 }],
    })
  })

  test.each<[string, Parameters<typeof hotOf>[0]]>([
    ['without a lease', { lease: undefined }],
    ['of an actor', { scope: 'actor' }],
    ['of a member', { scope: 'member' }],
    ['that counts refusals', { countRefused: true }],
    ['in shadow', { shadow: true }],
    ['with a limiter of your own', { limiter: tally }],
    ['free of charge', { cost: 0 }],
    ['of nothing', { limit: 0 }],
  ])('a limit %s is left to the store', async (_which, hot) => {
    for (let n = 0; n < 10; n++) await store.decide(updateOf(n, {}, hot))
    expect(store.trips.filter(({ ahead }) => ahead)).toEqual([])
    expect(
      store.trips.filter(({ request }) => request.limits.some(({ bucket }) => bucket === HOT)),
    ).toHaveLength(10)
  })

  test('an album is left to the store', async () => {
    await warm()
    store.trips.length = 0
    await send(5, 24, { album: 7 })
    expect(store.hot.map(({ units }) => units)).toEqual([1, 1, 1, 1, 1])
  })
})

describe('units in hand', () => {
  test('what another check refuses costs none', async () => {
    const debounces = [debounceOf({ scope: 'actor', window: 60_000 })]
    const before = await send(1, 0, { debounces, actor: 1 })
    expect(before).toEqual(['allowed'])
    let at = 1
    for (let n = 0; n < 300; n++) {
      const { reason } = await store.decide(updateOf((at += 1), { debounces, actor: 1 }))
      expect(reason).toBe('debounced')
    }
    const reasons = await send(120, at + 1)
    const passed = reasons.filter((reason) => reason === 'allowed').length
    expect(passed).toBeGreaterThanOrEqual(99 - 9)
    expect(passed).toBeLessThanOrEqual(99)
  })

  test('two leased limits: all or nothing', async () => {
    const tight = { ...limitOf({ bucket: 'tight', scope: 'chat', limit: 20, window: 1_000 }), lease: 4 }
    const reasons = await send(80, 0, { limits: [hotOf(), tight] })
    const passed = reasons.filter((reason) => reason === 'allowed').length
    expect(passed).toBeLessThanOrEqual(20)
    expect(passed).toBeGreaterThanOrEqual(17)
    // The other limit has paid for those that passed, and for what is in hand.
    expect(await left(80)).toBeGreaterThanOrEqual(100 - 20 - 9)
    expect(await left(80)).toBeLessThanOrEqual(100 - passed)
  })

  test('are used within a tenth of the window or not at all', async () => {
    await warm()
    store.trips.length = 0
    await store.decide(updateOf(24 + 100))
    expect(store.hot.map(({ units, ahead }) => [units, ahead])).toEqual([[1, false]])
  })

  test('a time-out of the store spends them, another error gives them back', async () => {
    await warm()
    const free = await inHand(24)
    expect(free).toBeGreaterThan(2)
    store.carry = () => Promise.reject(new StoreError('the connection was lost'))
    await expect(store.decide(updateOf(25))).rejects.toThrow('the connection was lost')
    store.carry = () => Promise.reject(new StoreTimeoutError(5))
    await expect(store.decide(updateOf(25))).rejects.toThrow(StoreTimeoutError)
    store.carry = (_request, decide) => decide()
    expect(await inHand(26)).toBe(free - 1)
  })

  test.each([
    ['is too slow fail with it', new StoreTimeoutError(5), 'rejected'],
    ['fails otherwise ask themselves', new OverloadError('too much waits'), 'fulfilled'],
  ])('those who wait for a trip that %s', async (_what, error, expected) => {
    await warm()
    await store.decide(updateOf(24, {}, { cost: await inHand(24) }))
    store.carry = (request, decide) => (request.actor === undefined ? Promise.reject(error) : decide())
    const crowd = Array.from({ length: 3 }, (_, n) => store.decide(updateOf(24, { actor: n + 1 })))
    const statuses = (await Promise.allSettled(crowd)).map(({ status }) => status)
    expect(statuses).toEqual(['fulfilled', expected, expected])
  })

  test('an unanswered question for the user table takes none', async () => {
    await warm()
    const free = await inHand(24)
    const decision = await store.decide(updateOf(24, { registration: 'ask' }))
    expect(decision).toMatchObject({ unasked: true, limits: [] })
    expect(await inHand(24)).toBe(free)
  })

  test('serve updates of any cost that they suffice for', async () => {
    await warm()
    const free = await inHand(24)
    store.trips.length = 0
    await store.decide(updateOf(24, {}, { cost: 2 }))
    expect(store.hot).toEqual([])
    expect(await inHand(24)).toBe(free - 2)
    await store.decide(updateOf(24, {}, { cost: 50 }))
    expect(store.hot[0].units).toBe(50)
  })

  test('taken under another limit (a dynamic one) are of no use', async () => {
    await warm()
    store.trips.length = 0
    await store.decide(updateOf(24, {}, { limit: 20 }))
    expect(store.hot[0]).toMatchObject({ units: 1, ahead: false })
    expect((await store.decide(updateOf(24, {}, { limit: 20 }))).reason).toBe('limited')
  })

  test('a reset and a chat that moves drop them', async () => {
    await warm()
    await store.reset(queryOf(SPACE, hotOf(), START + 24))
    expect(await inHand(24)).toBe(0)
    expect(await left(24)).toBe(100)
    const limits = [hotOf({ scope: 'chat' })]
    await send(24, 0, { limits })
    await store.migrateChat(SPACE, -10042, -20042, [{ bucket: HOT, scope: 'chat' }])
    store.trips.length = 0
    await store.decide(updateOf(24, { limits, block: false }))
    expect(store.hot).toHaveLength(1)
  })

  test('places without number are forgotten, but for those that hold something', async () => {
    await warm()
    const free = await inHand(24)
    for (let n = 0; n < MOST_HOLDINGS + 100; n++) {
      await store.decide(updateOf(24, { block: false }, { scope: 'own', key: `k${n}` }))
    }
    expect(await inHand(24)).toBe(free)
  }, 60_000)
})

describe('refusals', () => {
  const HOLD = 100

  /** Nothing is left, and the store has said so. */
  async function exhaust(at: number): Promise<void> {
    await send(130, at)
    expect(await left(at + 130)).toBe(0)
  }

  test('a flood against a full limit leaves it alone', async () => {
    await exhaust(0)
    store.trips.length = 0
    const reasons = await send(200, 131)
    expect(new Set(reasons)).toEqual(new Set(['limited']))
    // One trip for each hold, and those who came while it was under way.
    expect(store.hot.length).toBeLessThanOrEqual(3)
    store.trips.length = 0
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => store.decide(updateOf(131 + 4 * HOLD, { actor: n + 1 }))),
    )
    expect(store.hot).toHaveLength(1)
  })

  test('is as the store would say it: retryAfter, order, blocks, notices', async () => {
    await exhaust(0)
    const exact = async (request: DecisionRequest) => shared.decide(request)
    const notices = { blocked: false, unregistered: false }
    const closed = limitOf({ bucket: 'closed', limit: 0 })
    const debounces = [debounceOf({ window: 5_000 })]
    await store.decide(updateOf(131))
    for (const [n, parts] of [
      { notices, limits: [hotOf({ notice: true })] },
      { limits: [closed, hotOf()] },
      { limits: [hotOf(), closed] },
      { limits: [hotOf(), limitOf({ bucket: 'own', limit: 5 })], registration: 'required' as const },
      { debounces },
      { limits: [hotOf({ blockFor: 300 })] },
      { limits: [hotOf({ blockFor: 30_000 })] },
      { actor: undefined, block: false },
    ].entries()) {
      store.trips.length = 0
      const here = await store.decide(updateOf(140, { actor: 100 + n, ...parts }))
      expect(store.hot).toEqual([])
      const there = await exact(updateOf(140, { actor: 200 + n, ...parts }))
      const { blockAdded, ...rest } = there
      expect(here).toEqual({ ...rest, blockAdded: blockAdded && { ...blockAdded, userId: 100 + n } })
    }
  })

  test('a request that asks for nothing else makes no trip', async () => {
    await exhaust(0)
    await store.decide(updateOf(131))
    store.trips.length = 0
    const decision = await store.decide(updateOf(140, { block: false }))
    expect(store.trips).toEqual([])
    expect(decision).toMatchObject({ reason: 'limited', name: HOT, now: START + 140 })
    expect(decision).toEqual(await shared.decide(updateOf(140, { block: false })))
  })

  test('a reset elsewhere is seen within a hold', async () => {
    await exhaust(0)
    await store.decide(updateOf(300))
    await shared.reset(queryOf(SPACE, hotOf(), START + 300))
    expect((await store.decide(updateOf(300 + HOLD - 1))).reason).toBe('limited')
    expect((await store.decide(updateOf(300 + HOLD))).reason).toBeUndefined()
  })

  test('holds for updates of that cost and limit only', async () => {
    await send(40, 0, { limits: [hotOf({ cost: 2 })] })
    while ((await store.decide(updateOf(60, {}, { cost: 3 }))).reason === undefined);
    expect((await store.decide(updateOf(60, {}, { cost: 3 }))).reason).toBe('limited')
    const units = await left(60)
    expect((await store.decide(updateOf(60, {}, { cost: 1 }))).reason).toBe(units > 0 ? undefined : 'limited')
    expect((await store.decide(updateOf(60, {}, { cost: 3, limit: 200 }))).reason).toBeUndefined()
  })

  test('is over when the store would let the update pass', async () => {
    await exhaust(0)
    const { retryAfter = NaN } = await store.decide(updateOf(500))
    expect(retryAfter).toBeLessThan(1_000)
    expect((await store.decide(updateOf(500 + retryAfter - 1))).reason).toBe('limited')
    expect((await store.decide(updateOf(500 + retryAfter))).reason).toBeUndefined()
  })
})

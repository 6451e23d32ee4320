/** What the front answers, and what it leaves to the back. */
import type { Decision, DecisionRequest } from '../../../lib/stores/decision'
import { MemoryStore } from '../../../lib/stores/memory'
import { Blocks, Registrations } from '../../../lib/stores/records'
import { debounceOf, limitOf, requestOf, START } from '../../../lib/testing/contract/requests'
import { layers } from './support'

const SPACE = 'front:test'
const SECOND = 1_000

function bench(options = {}) {
  const back = new MemoryStore()
  const bare = new MemoryStore()
  const made = layers(back, options)
  let now = START
  const clock = (): number => now
  return {
    ...made,
    made,
    back,
    blocks: new Blocks(made.store, SPACE, clock),
    registrations: new Registrations(made.store, SPACE, clock),
    pass: (ms: number) => {
      now += ms
      made.local += ms
    },
    /** Decides, compares with the store alone, and says whether it made a trip. */
    ask(parts: Partial<DecisionRequest>): Decision & { trip: boolean } {
      const request = requestOf(SPACE, { block: true, ...parts, now })
      const before = made.trips
      const decision = made.store.decide(request) as Decision
      // What is left of limits the front tells as it was last seen.
      const wanted = { ...bare.decide(request), limits: decision.limits }
      expect(decision).toEqual(wanted)
      return { ...decision, trip: made.trips > before }
    },
    async both(act: (store: { blocks: Blocks; registrations: Registrations }) => Promise<unknown>) {
      for (const store of [made.store, bare]) {
        await act({
          blocks: new Blocks(store, SPACE, clock),
          registrations: new Registrations(store, SPACE, clock),
        })
      }
    },
  }
}

test('of 10,000 updates of a flooder, no more than a hundredth of the refused make a trip', () => {
  const { ask, pass, made } = bench()
  const limits = [
    limitOf({ bucket: 'bot', limit: 30, window: 60 * SECOND }),
    limitOf({ bucket: 'buy', limit: 3, window: 10 * SECOND }),
  ]
  let refused = 0
  for (let n = 0; n < 10_000; n++) {
    if (ask({ limits }).reason !== undefined) refused++
    pass(5)
  }
  // Without a channel all is looked at anew each second: 50 s.
  expect(refused).toBeGreaterThan(9_900)
  expect(made.trips - (10_000 - refused)).toBeLessThan(refused / 100)
})

test('commands that share a limit: what the one has filled the other knows, after one trip for its own', () => {
  const { ask, made } = bench()
  const shared = limitOf({ bucket: 'shared', limit: 1 })
  const buy = { limits: [shared, limitOf({ bucket: 'buy', limit: 9 })] }
  const sell = { limits: [shared, limitOf({ bucket: 'sell', limit: 9 })] }
  for (let n = 0; n < 50; n++) [buy, sell].forEach(ask)
  expect(made.trips).toBe(3)
})

test('two limits that refuse at once are known together where the wait does not tell them apart', () => {
  const { ask, pass } = bench()
  const [a, b] = ['a', 'b'].map((bucket) => limitOf({ bucket, limit: 3, window: 10 * SECOND }))
  for (let n = 0; n < 3; n++) {
    expect(ask({ limits: [a, b] }).reason).toBe(undefined)
    pass(100)
  }
  expect([ask({ limits: [a, b] }).trip, ask({ limits: [a, b] }).trip, ask({ limits: [b, a] }).trip]).toEqual([
    true,
    false,
    false,
  ])
  // One of them alone is another question.
  expect([ask({ limits: [b] }).trip, ask({ limits: [b] }).trip]).toEqual([true, false])
})

test('a repeated tap costs no trip, and is what it would be: duplicate, debounced or limited', () => {
  const { ask, pass } = bench()
  const limits = [limitOf({ limit: 5 })]
  const tap = { debounces: [debounceOf()], limits }
  expect(ask({ ...tap, duplicate: { mark: 1, window: 5 * SECOND } }).trip).toBe(true)
  expect(ask(tap)).toMatchObject({ trip: false, reason: 'debounced', retryAfter: 2 * SECOND })
  expect(ask({ ...tap, duplicate: { mark: 1, window: 5 * SECOND } })).toMatchObject({
    trip: false,
    reason: 'duplicate',
    retryAfter: 5 * SECOND,
  })
  pass(SECOND / 2)
  expect(ask({ ...tap, duplicate: { mark: 2, window: 5 * SECOND } })).toMatchObject({
    trip: false,
    retryAfter: 1_500,
  })
  expect(ask({ debounces: [debounceOf({ text: 'other' })], limits })).toMatchObject({
    trip: true,
    reason: undefined,
  })
})

test('of a good user nothing is remembered', () => {
  const { ask, store } = bench()
  for (let actor = 1; actor <= 100; actor++) ask({ actor, limits: [limitOf({ limit: 5 })] })
  expect(store.remembered).toBe(0)
})

test('a limit that counts what it refuses, one in the shadow, a user’s own, and an album always make the trip', () => {
  const { ask } = bench()
  const trips = (parts: Partial<DecisionRequest>) => [1, 2, 3, 4].map(() => ask(parts).trip)
  const always = [true, true, true, true]
  expect(trips({ limits: [limitOf({ bucket: 'counts', limit: 1, countRefused: true })] })).toEqual(always)
  expect(trips({ limits: [limitOf({ bucket: 'shadow', limit: 1, shadow: true })] })).toEqual(always)
  expect(
    trips({ album: 7, limits: [limitOf({ bucket: 'album', limit: 1 }), limitOf({ limit: 1 })] }),
  ).toEqual(always)
  // … unless something else closes the door first, and no wait helps.
})

test('blockFor: the block that it adds refuses from then on', () => {
  const { ask, pass } = bench({ staleness: '1m' })
  const limits = [limitOf({ limit: 1, blockFor: 20 * SECOND })]
  expect([ask({ limits }).trip, ask({ limits }).blockAdded !== undefined]).toEqual([true, true])
  expect(ask({ limits })).toMatchObject({ trip: false, reason: 'blocked', retryAfter: 20 * SECOND })
  pass(19_999)
  expect(ask({ limits })).toMatchObject({ trip: false, reason: 'blocked', retryAfter: 1 })
  expect(ask({ limits, duplicate: { mark: 1, window: 9 } })).toMatchObject({ trip: false, reason: 'blocked' })
  pass(1)
  expect(ask({ limits })).toMatchObject({ trip: true, reason: undefined })
})

test('a dynamic limit that has changed is asked for anew', () => {
  const { ask } = bench()
  expect([1, 2, 3].map(() => ask({ limits: [limitOf({ limit: 1 })] }).trip)).toEqual([true, true, false])
  expect(ask({ limits: [limitOf({ limit: 2 })] })).toMatchObject({ trip: true, reason: undefined })
})

test('a cheaper hit may pass where a dearer one does not, and makes its wait longer', () => {
  const { ask, pass } = bench()
  const cost = (units: number) => ({ limits: [limitOf({ limit: 3, cost: units })] })
  ask(cost(2))
  pass(100)
  expect([ask(cost(2)).trip, ask(cost(2)).trip]).toEqual([true, false])
  expect(ask(cost(1))).toMatchObject({ trip: true, reason: undefined })
  expect(ask(cost(2)).reason).toBe('limited')
  expect(ask(cost(2)).trip).toBe(false)
})

test('a limit that may refuse as well, and would name the verdict, is asked for', () => {
  const { ask } = bench()
  const [short, long] = [
    limitOf({ bucket: 'short', limit: 1, window: SECOND }),
    limitOf({ bucket: 'long', limit: 1, window: 10 * SECOND }),
  ]
  ask({ limits: [long] })
  ask({ limits: [long] })
  ask({ limits: [short], debounces: [debounceOf()] })
  expect(ask({ limits: [long, short] })).toMatchObject({ trip: false, name: 'long' })
  expect(ask({ limits: [short, long] })).toMatchObject({ trip: true, name: 'short' })
})

test('a leased limit refuses in the back alone: what another process gives back may end it at any time', () => {
  const { ask } = bench()
  const leased = { ...limitOf({ bucket: 'leased', limit: 1, scope: 'global' }), lease: 5 }
  expect([1, 2, 3, 4].map(() => ask({ limits: [leased] }).trip)).toEqual([true, true, true, true])
  const limits = [limitOf({ limit: 0 }), { ...leased, bucket: 'other', id: 7 }]
  expect([1, 2, 3].map(() => ask({ limits }).trip)).toEqual([true, false, false])
  // Nor is how long it may refuse known, where another one waits as well.
  const both = [limitOf({ bucket: 'long', limit: 1, window: 100_000 }), { ...leased, bucket: 'third', id: 8 }]
  expect([1, 2, 3, 4].map(() => ask({ limits: both }).trip)).toEqual([true, true, true, true])
})

test('what is left of a limit is as last seen, until it is as good as new', () => {
  const { ask, pass } = bench({ staleness: '1m' })
  const limits = [
    limitOf({ bucket: 'wide', limit: 9, window: 2 * SECOND }),
    limitOf({ bucket: 'narrow', limit: 1, window: 10 * SECOND }),
  ]
  ask({ limits })
  ask({ limits })
  pass(SECOND)
  const wide = { name: 'wide', limit: 9 }
  const narrow = { name: 'narrow', limit: 1, remaining: 0 }
  expect(ask({ limits })).toMatchObject({
    trip: false,
    limits: [
      { ...wide, remaining: 8, resetAfter: SECOND },
      { ...narrow, resetAfter: 9 * SECOND },
    ],
  })
  pass(SECOND)
  expect(ask({ limits }).limits).toEqual([
    { ...wide, remaining: 9, resetAfter: 0 },
    { ...narrow, resetAfter: 8 * SECOND },
  ])
})

test('a mark that is older than what may refuse is asked for anew', () => {
  const { ask, pass } = bench({ staleness: '1s' })
  const tap = { block: false, debounces: [debounceOf({ window: 10 * SECOND })] }
  expect([ask(tap).trip, ask(tap).trip]).toEqual([true, false])
  pass(SECOND)
  expect([ask(tap).trip, ask(tap).trip]).toEqual([true, false])
})

test('notices: one in the window, none too many, none too few', () => {
  const { ask, pass, made } = bench({ staleness: '10m' })
  const limits = [limitOf({ limit: 1, window: 100 * SECOND, notice: true })]
  const message = { limits, notices: { blocked: false, unregistered: false } }
  ask({ limits })
  const notices: number[] = []
  for (let second = 0; second < 99; second++) {
    if (ask(message).notice) notices.push(second)
    pass(SECOND)
  }
  expect([notices, made.trips]).toEqual([[0], 2])
  // What it refuses until then is not limited by the same wait any more: the next notice is the next window's.
  pass(SECOND)
  expect(ask(message)).toMatchObject({ reason: undefined })
  expect(ask(message)).toMatchObject({ reason: 'limited', notice: true, trip: true })
})

test('a notice that is due again is claimed by a trip', async () => {
  const { ask, pass, both, made } = bench({ staleness: '10m' })
  await both(({ blocks }) => blocks.add(42, {}))
  const message = { notices: { blocked: true, unregistered: false } }
  const notices: number[] = []
  for (let second = 0; second < 180; second++) {
    if (ask(message).notice) notices.push(second)
    pass(SECOND)
  }
  expect(notices).toEqual([0, 60, 120])
  expect(made.trips).toBe(3)
})

test('where another process has claimed the notice, it may come ten seconds late', () => {
  const { made, back } = bench({ staleness: '10m' })
  const limits = [limitOf({ limit: 0, window: 25 * SECOND, notice: true })]
  const ask = (now: number) =>
    requestOf(SPACE, { now, limits, notices: { blocked: false, unregistered: false } })
  expect(back.decide(ask(START)).notice).toBe(true)
  const notices: number[] = []
  for (let second = 8; second < 60; second++) {
    const { notice } = made.store.decide(ask(START + second * SECOND)) as Decision
    if (notice) notices.push(second)
  }
  // Asked at 8, 18 and 28: 3 s after it was due. The next one is in time.
  expect(notices).toEqual([28, 53])
  expect(made.trips).toBe(4)
})

test('what needs no counter is allowed by what is fresh, and by nothing older', async () => {
  const { ask, pass, both } = bench({ staleness: '1s' })
  expect([ask({}).trip, ask({}).trip]).toEqual([true, false])
  pass(999)
  expect(ask({}).trip).toBe(false)
  pass(1)
  expect([ask({}).trip, ask({}).trip]).toEqual([true, false])
  await both(({ registrations }) => registrations.add(42, { plan: 'pro' }))
  const asked = ask({ registration: 'required' })
  expect(asked.registration?.profile).toEqual({ plan: 'pro' })
})

test('registrations: none refuses, one lets pass, and nobody can change the copy', async () => {
  const { ask, both } = bench()
  expect([ask({ registration: 'required' }).trip, ask({ registration: 'required' }).trip]).toEqual([
    true,
    false,
  ])
  expect(ask({ registration: 'required' })).toMatchObject({ reason: 'unregistered', retryAfter: undefined })
  expect(ask({ registration: 'ask', limits: [limitOf()] })).toMatchObject({ unasked: true, trip: false })
  await both(({ registrations }) => registrations.add(42, { plan: 'pro' }))
  // Whether there is a block is asked anew after any change.
  for (const isTrip of [true, false, false]) {
    const { trip, registration } = ask({ registration: 'ask' })
    expect([trip, registration?.profile]).toEqual([isTrip, { plan: 'pro' }])
    Object.assign(registration?.profile as object, { plan: 'stolen' })
  }
})

test('blocks and registrations are found in the front while they are fresh, whoever has changed what was found', async () => {
  const { blocks, registrations, back, pass } = bench()
  await registrations.add(5, { plan: 'pro' })
  const find = jest.spyOn(back, 'findRecord')
  for (let n = 0; n < 3; n++) {
    const found = await registrations.get(5)
    expect(found?.profile).toEqual({ plan: 'pro' })
    Object.assign(found?.profile as object, { plan: 'stolen' })
  }
  await blocks.add(5)
  expect([(await blocks.get(5))?.userId, await blocks.get(6), await blocks.get(6)]).toEqual([
    5,
    undefined,
    undefined,
  ])
  expect(find).toHaveBeenCalledTimes(1)
  // One copy in the place of another.
  await registrations.add(5, { plan: 'team' })
  await registrations.add(5, { plan: 'pro' })
  expect((await registrations.get(5))?.profile).toEqual({ plan: 'pro' })
  expect(find).toHaveBeenCalledTimes(1)
  pass(SECOND)
  await registrations.get(5)
  expect(find).toHaveBeenCalledTimes(2)
})

test('whether a record was there to remove is the back’s word, whatever the front remembers', async () => {
  const { ask, store, back, blocks, registrations } = bench({ staleness: '1m' })
  const since = 1
  const places = (['blocks', 'registrations'] as const).map((namespace) => ({ space: SPACE, namespace }))
  // There is none, says the front; another process has just made one.
  ask({ registration: 'required' })
  for (const place of places) {
    await store.findRecord(place, 42)
    await back.putRecords(place, [{ userId: 42, since }], 'replace')
    expect(await store.findRecord(place, 42)).toBe(undefined)
    expect(await store.dropRecords(place, [42, 43])).toEqual([{ userId: 42, since }, undefined])
    await back.putRecords(place, [{ userId: 42, since }], 'replace')
  }
  expect([await blocks.remove(42), await registrations.remove(42)]).toEqual([true, true])
  // There is one, says the front; another process has just removed it.
  for (const place of places) {
    await store.putRecords(place, [{ userId: 42, since }], 'replace')
    await back.dropRecords(place, [42])
    expect(await store.findRecord(place, 42)).toEqual({ userId: 42, since })
    expect(await store.dropRecords(place, [42])).toEqual([undefined])
    await store.putRecords(place, [{ userId: 42, since }], 'replace')
    await back.dropRecords(place, [42])
  }
  expect([await blocks.remove(42), await registrations.remove(42)]).toEqual([false, false])
  expect(await store.putRecords(places[1], [{ userId: 42, since: 5 }], 'keep-since')).toEqual([
    { userId: 42, since: 5 },
  ])
})

test('that nobody was found, or was asked for, refuses nobody: only what was refused is refused again', async () => {
  const { ask, store, registrations } = bench()
  const place = { space: SPACE, namespace: 'registrations' } as const
  expect(ask({}).trip).toBe(true)
  for (const learn of [
    () => store.findRecord(place, 42),
    () => store.dropRecords(place, [42]),
    async () => ask({ registration: 'ask' }),
    async () => ask({ registration: 'vouched' }),
  ]) {
    await learn()
    expect([ask({ registration: 'required' }), ask({ registration: 'required' })]).toMatchObject([
      { reason: 'unregistered', trip: true },
      { reason: 'unregistered', trip: false },
    ])
    expect(ask({ registration: 'ask' })).toMatchObject({ unasked: true, trip: false })
    expect(ask({ registration: 'vouched' })).toMatchObject({ reason: undefined, trip: false })
    await registrations.remove(42)
    ask({})
  }
})

test('a block that is over is still the record that it is', async () => {
  const { ask, blocks, store, pass, both } = bench({ staleness: '1m' })
  await both(({ blocks: each }) => each.add(42, { for: 2 * SECOND }))
  pass(3 * SECOND)
  expect(ask({}).reason).toBe(undefined)
  expect(await blocks.get(42)).toBe(undefined)
  expect(await store.findRecord({ space: SPACE, namespace: 'blocks' }, 42)).toMatchObject({ userId: 42 })
})

test('an endless block refuses whatever else is not known', async () => {
  const { ask, both, made } = bench({ staleness: '1m' })
  await both(({ blocks }) => blocks.add(42))
  const before = made.trips
  for (let n = 0; n < 5; n++) {
    const limits = [limitOf({ bucket: `never seen ${n}`, countRefused: true }), limitOf({ shadow: true })]
    expect(ask({ limits, debounces: [debounceOf({ text: String(n) })] }).reason).toBe('blocked')
  }
  expect(made.trips).toBe(before)
})

test('by the store’s own clock a refusal ends no later than there, in whole milliseconds', async () => {
  let stores = START + 0
  class Remote extends MemoryStore {
    override decide(request: DecisionRequest): Decision {
      return super.decide({ ...request, now: request.now ?? stores })
    }
  }
  const made = layers(new Remote())
  made.local = 17.25
  const ask = () =>
    made.store.decide(requestOf(SPACE, { now: undefined, limits: [limitOf({ limit: 1 })] })) as Decision
  expect([ask().reason, ask().reason, made.trips]).toEqual([undefined, 'limited', 2])
  made.local += 400.5
  stores += 400
  const { now, retryAfter } = ask()
  expect([now, retryAfter, made.trips]).toEqual([START + 401, 9_599, 2])
  expect(Number.isInteger(retryAfter)).toBe(true)
})

/** Decisions under way are bounded; `onStoreError` says what becomes of the one that is too many. */
import { Telegraf } from 'telegraf'
import type { UserFromGetMe } from 'telegraf/types'
import {
  createSentinel,
  layered,
  MemoryStore,
  OverloadError,
  StoreError,
  type Decision,
  type DecisionRequest,
  type SentinelOptions,
} from 'telegraf-sentinel'
import { createUpdates } from 'telegraf-sentinel/testing'
import { BatchQueue } from '../../lib/stores/batch-queue'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

/** A store that decides when it is told to. */
class SlowDecisions extends MemoryStore {
  readonly waiting: (() => void)[] = []
  asked = 0
  /** How it answers: later, or at once. */
  mode: 'later' | 'at once' = 'later'

  override decide(request: DecisionRequest): Decision {
    this.asked++
    const decision = (): Decision => super.decide(request)
    if (this.mode === 'at once') return decision()
    const later = new Promise<void>((resolve) => this.waiting.push(resolve)).then(decision)
    // The class it extends answers at once; any store may answer later.
    return later as unknown as Decision
  }

  answer(count = this.waiting.length): void {
    for (const answer of this.waiting.splice(0, count)) answer()
  }
}

const BOUND = 5

async function overloaded(options: SentinelOptions = {}) {
  const store = new SlowDecisions()
  const bot = await guarded({
    store,
    rateLimit: { limit: 100, window: '1m' },
    backpressure: { decisions: BOUND },
    storeTimeout: '10s',
    ...options,
  })
  const { send, updates } = bot
  const underWay = Array.from({ length: BOUND }, (_, i) => send(updates.text('hi', { from: 1 + i })))
  while (store.waiting.length < BOUND) await new Promise((resolve) => setImmediate(resolve))
  return { ...bot, store, underWay }
}

describe('beyond the bound', () => {
  test("'allow': the update passes at once, and the store is not asked", async () => {
    const { send, updates, passed, caught, store, types, underWay } = await overloaded()
    await send(updates.text('hi', { from: 99 }))
    expect(types()).toEqual(['overload', 'allowed'])
    expect([passed.length, caught, store.asked]).toEqual([1, [], BOUND])
    store.answer()
    await Promise.all(underWay)
    expect(passed).toHaveLength(BOUND + 1)
  })

  test("'refuse': it is refused as a store error", async () => {
    const { refused, send, updates, passed, store, types, telegram, underWay } = await overloaded({
      onStoreError: 'refuse',
    })
    expect(await refused(updates.text('hi', { from: 98 }))).toMatchObject({ reason: 'store-error' })
    await send(updates.callbackQuery('x', { from: 99 }))
    expect(types()).toEqual(['overload'])
    expect(telegram.callsTo('answerCallbackQuery')).toHaveLength(1)
    expect([passed.length, store.asked]).toEqual([0, BOUND])
    store.answer()
    await Promise.all(underWay)
  })

  test("'throw': the error reaches bot.catch", async () => {
    const { send, updates, passed, caught, store, types, underWay } = await overloaded({
      onStoreError: 'throw',
    })
    await send(updates.text('hi', { from: 99 }))
    expect(types()).toEqual(['overload'])
    expect(caught).toEqual([expect.any(OverloadError)])
    expect(caught).toMatchObject([{ code: 'SENTINEL_OVERLOAD', bound: BOUND }])
    expect([passed.length, store.asked]).toEqual([0, BOUND])
    store.answer()
    await Promise.all(underWay)
  })

  test('each answer makes room for one', async () => {
    const { send, updates, store, sentinel, underWay } = await overloaded()
    store.answer(2)
    await Promise.all(underWay.slice(0, 2))
    const next = [1, 2, 3].map((from) => send(updates.text('hi', { from: 90 + from })))
    await next[2]
    expect(store.asked).toBe(BOUND + 2)
    expect((await sentinel.health()).waiting.decisions).toBe(BOUND)
    store.answer()
    await Promise.all([...underWay, ...next])
    expect((await sentinel.health()).waiting.decisions).toBe(0)
  })

  test('one event tells of many, and none for each', async () => {
    const { send, updates, store, events, underWay } = await overloaded()
    await Promise.all(Array.from({ length: 50 }, () => send(updates.text('hi', { from: 99 }))))
    await new Promise((resolve) => setTimeout(resolve, 1_050))
    const overloads = events.filter(({ type }) => type === 'overload')
    expect(overloads).toMatchObject([
      { what: 'decisions', bound: BOUND, dropped: 1, at: expect.any(Number) },
      { what: 'decisions', bound: BOUND, dropped: 49 },
    ])
    expect(events.filter(({ type }) => type === 'storeError')).toEqual([])
    store.answer()
    await Promise.all(underWay)
  })

  test('late ones count as long as the store has not answered them', async () => {
    const { send, updates, store, types, sentinel, underWay } = await overloaded({ storeTimeout: 30 })
    await Promise.all(underWay)
    expect(types().filter((type) => type === 'storeError')).toHaveLength(BOUND)
    await send(updates.text('hi', { from: 99 }))
    expect(store.asked).toBe(BOUND)
    store.answer()
    await new Promise((resolve) => setImmediate(resolve))
    expect((await sentinel.health()).waiting.decisions).toBe(0)
  })

  test('but not for ever: an answer that is lost is given up after a minute', async () => {
    const { send, updates, store, sentinel, underWay } = await overloaded()
    store.answer()
    await Promise.all(underWay)
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] })
    try {
      const lost = send(updates.text('hi', { from: 99 }))
      while (store.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve))
      await jest.advanceTimersByTimeAsync(10_000)
      await lost
      await jest.advanceTimersByTimeAsync(59_999)
      expect((await sentinel.health()).waiting.decisions).toBe(1)
      await jest.advanceTimersByTimeAsync(1)
      expect((await sentinel.health()).waiting.decisions).toBe(0)
      store.answer()
      await jest.advanceTimersByTimeAsync(0)
      expect((await sentinel.health()).waiting.decisions).toBe(0)
    } finally {
      jest.useRealTimers()
    }
  })
})

describe('a store that knows some answers without a trip', () => {
  test('refuses whom it knows to be banned, however much is under way', async () => {
    const back = new SlowDecisions()
    const { send, updates, passed, outcomes, types, sentinel } = await guarded({
      store: layered('memory', back),
      registration: { resolve: () => undefined },
      backpressure: { decisions: BOUND },
      storeTimeout: '10s',
      reply: false,
    })
    await sentinel.blocks.add(7)
    const underWay = Array.from({ length: BOUND }, (_, i) => send(updates.text('hi', { from: 101 + i })))
    while (back.waiting.length < BOUND) await new Promise((resolve) => setImmediate(resolve))
    expect(await outcomes(updates.text('hi', { from: 7 }))).toEqual(['blocked'])
    expect(passed).toEqual([])
    // Of whom it knows nothing, it is not asked.
    expect(await outcomes(updates.text('hi', { from: 99 }))).toEqual(['allowed'])
    expect(types().filter((type) => type === 'overload')).toHaveLength(1)
    expect(back.asked).toBe(BOUND)
    back.answer()
    await Promise.all(underWay)
  })
})

describe('a store that answers at once', () => {
  test('decides however much is under way', async () => {
    const asked: ((profile: unknown) => void)[] = []
    const { send, updates, outcomes, types, sentinel } = await guarded({
      rateLimit: { limit: 3, window: '1m' },
      requireRegistered: true,
      registration: { resolve: () => new Promise((resolve) => asked.push(resolve)) },
      backpressure: { decisions: 2 },
      storeTimeout: '10s',
      onStoreError: 'refuse',
      reply: false,
    })
    await sentinel.registrations.add(42)
    const unknown = [1, 2].map((from) => send(updates.text('hi', { from })))
    while (asked.length < 2) await new Promise((resolve) => setImmediate(resolve))
    const known = [1, 2, 3, 4].map((n) => updates.text(`${n}`))
    expect(await outcomes(...known)).toEqual(['allowed', 'allowed', 'allowed', 'limited'])
    // Whose registration has to be looked up first, finds no room.
    expect(await outcomes(updates.text('hi', { from: 3 }))).toEqual(['store-error'])
    expect(asked).toHaveLength(2)
    for (const answer of asked) answer({})
    await Promise.all(unknown)
    expect(types().filter((type) => type === 'overload')).toHaveLength(1)
  })
})

describe("a store's own bound", () => {
  test('counts as well, and is named by the event', async () => {
    const store = new SlowDecisions()
    store.decide = () => Promise.reject(new OverloadError('the store is too slow', 70)) as unknown as Decision
    const { send, updates, events } = await guarded({ store })
    for (let i = 0; i < 3; i++) await send(updates.text('hi'))
    expect(events.map(({ type }) => type)).toEqual(['overload', 'allowed', 'allowed', 'allowed'])
    expect(events[0]).toMatchObject({ what: 'decisions', bound: 70, dropped: 1 })
  })

  test('is an OverloadError in the base class', async () => {
    let open = (): void => undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    const answer = async (jobs: readonly number[]): Promise<PromiseFulfilledResult<number>[]> => {
      await gate
      return jobs.map((value) => ({ status: 'fulfilled', value }))
    }
    const queue = new BatchQueue<number, number>(answer, { waiting: 2 })
    const taken = [queue.run(['a'], 1), queue.run(['a'], 2)]
    await expect(queue.run(['b'], 3)).rejects.toBeInstanceOf(OverloadError)
    await expect(queue.run(['b'], 3)).rejects.toBeInstanceOf(StoreError)
    await expect(queue.run(['b'], 3)).rejects.toMatchObject({ bound: 2 })
    // Left to themselves they would reject a minute later, in the middle of another file's tests.
    open()
    expect(await Promise.all(taken)).toEqual([1, 2])
  })

  test('of a write that an update brings about, too', async () => {
    const store = new MemoryStore()
    store.putRecords = () => Promise.reject(new OverloadError('the store is too slow', 70))
    const { send, updates, types, passed } = await guarded({ store })
    await send(updates.myChatMember('kicked'))
    expect(types()).toEqual(['overload', 'allowed'])
    expect(passed).toHaveLength(1)
  })
})

test('where nobody listens, the process warns, once a minute', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  try {
    const store = new SlowDecisions()
    store.decide = () => Promise.reject(new OverloadError('the store is too slow', 70)) as unknown as Decision
    const bot = new Telegraf('1:token')
    bot.botInfo = { id: 1, is_bot: true, first_name: 'Bot', username: 'bot' } as UserFromGetMe
    bot.use(createSentinel({ store }).on('storeError', () => undefined))
    const updates = createUpdates()
    for (const text of ['a', 'b']) await bot.handleUpdate(updates.text(text))
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(/^updates pass unguarded: the store is too slow.*sentinel\.on\('overload'/),
    ])
  } finally {
    warn.mockRestore()
  }
})

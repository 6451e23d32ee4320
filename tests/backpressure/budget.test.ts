/** What an update may wait for the store is one budget, whatever is asked for it and wherever. */
import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Composer } from 'telegraf'
import {
  MemoryStore,
  StoreTimeoutError,
  type Decision,
  type DecisionRequest,
  type GuardPolicy,
  type SentinelOptions,
} from 'telegraf-sentinel'
import { guarded, stopAll, type GuardedSetup } from '../support/guarded'

afterEach(stopAll)

const TIMEOUT = 300
/** 50 ms is what is promised; a busy machine gets some more, and yet less than a second wait would take. */
const SLACK = 120

/** A store that takes so long (ms) for each decision, or answers none (`Infinity`). */
class Slow extends MemoryStore {
  asked = 0

  constructor(public latency: number) {
    super()
  }

  override decide(request: DecisionRequest): Decision {
    this.asked++
    const wait = this.latency === Infinity ? new Promise(() => undefined) : sleep(this.latency)
    // The class it extends answers at once; any store may answer later.
    return wait.then(() => super.decide(request)) as unknown as Decision
  }
}

const LIMIT = { limit: 100, window: '1m' } as const
const hang = (): Promise<never> => new Promise(() => undefined)

/** Guards one after the other, behind the sentinel. */
const guards =
  (...policies: Partial<GuardPolicy>[]): GuardedSetup<never>['after'] =>
  (bot, sentinel) =>
    policies.forEach((policy, i) => bot.use(sentinel.guard({ name: `g${i}`, rateLimit: LIMIT, ...policy })))

async function botOn(store: MemoryStore, after: GuardedSetup<never>['after'], options: SentinelOptions = {}) {
  const bot = await guarded({ store, storeTimeout: TIMEOUT, rateLimit: LIMIT, ...options }, { after })
  const timed = async (update: object): Promise<number> => {
    const start = performance.now()
    await bot.send(update)
    return performance.now() - start
  }
  return { ...bot, timed }
}

describe('a store that hangs', () => {
  test('is waited for once, and asked once, however many guards follow', async () => {
    const store = new Slow(Infinity)
    const { timed, updates, types, events, passed } = await botOn(store, guards({}, {}, {}))
    expect(await timed(updates.text('hi'))).toBeLessThan(TIMEOUT + SLACK)
    expect(store.asked).toBe(1)
    expect(types()).toEqual(['storeError', 'allowed', 'storeError', 'storeError', 'storeError'])
    const errors = events.flatMap((event) => ('error' in event ? event.error : []))
    expect(errors.every((error) => error instanceof StoreTimeoutError)).toBe(true)
    expect(passed).toHaveLength(1)
  })

  test('also where guards run side by side', async () => {
    const store = new Slow(Infinity)
    const { timed, updates } = await botOn(store, (bot, sentinel) => {
      const guard = (name: string) => sentinel.guard({ name, rateLimit: LIMIT })
      bot.use(Composer.fork(guard('a')), Composer.fork(guard('b')), guard('c'))
    })
    expect(await timed(updates.text('hi'))).toBeLessThan(TIMEOUT + SLACK)
    expect(store.asked).toBe(1)
  })

  test("'refuse' and 'throw' apply at once, too", async () => {
    for (const onStoreError of ['refuse', 'throw'] as const) {
      const store = new Slow(0)
      const after: GuardedSetup<never>['after'] = (bot, sentinel) => {
        // What is behind `tap` goes on whatever becomes of the guard in it.
        bot.use(Composer.tap((ctx, next) => sentinel.guard({ name: 'a', rateLimit: LIMIT })(ctx, next)))
        bot.use(sentinel.guard({ name: 'b', rateLimit: LIMIT }))
      }
      const { timed, updates, passed } = await botOn(
        store,
        (bot, sentinel) => {
          bot.use((_ctx, next) => {
            store.latency = Infinity
            return next()
          })
          after(bot, sentinel)
        },
        { onStoreError, reply: false },
      )
      expect(await timed(updates.text('hi'))).toBeLessThan(TIMEOUT + SLACK)
      expect([store.asked, passed]).toEqual([2, []])
    }
  })

  test('the next update asks it again', async () => {
    const store = new Slow(Infinity)
    const { send, updates, types, events } = await botOn(store, guards({}), { storeTimeout: 30 })
    await send(updates.text('hi'))
    store.latency = 0
    events.length = 0
    await send(updates.text('hi'))
    expect([types(), store.asked]).toEqual([['allowed'], 3])
  })
})

test('slow answers share the time: what comes too late is not decided, and nothing is asked after it', async () => {
  const store = new Slow(TIMEOUT * 0.4)
  const { timed, updates, types } = await botOn(store, guards({}, {}, {}, {}))
  expect(await timed(updates.text('hi'))).toBeLessThan(TIMEOUT + SLACK)
  expect(store.asked).toBe(3)
  expect(types()).toEqual(['allowed', 'storeError', 'storeError', 'storeError'])
})

test('time that handlers take is not charged', async () => {
  const store = new Slow(TIMEOUT / 10)
  const { send, updates, types, passed } = await botOn(store, (bot, sentinel) => {
    bot.use(async (_ctx, next) => {
      await sleep(TIMEOUT * 1.5)
      return next()
    })
    bot.use(sentinel.guard({ name: 'later', rateLimit: LIMIT }))
  })
  await send(updates.text('hi'))
  expect([types(), store.asked, passed.length]).toEqual([['allowed'], 2, 1])
})

describe('functions in the options', () => {
  test('that hang have half of what is left, and the store is still asked', async () => {
    const store = new Slow(TIMEOUT / 30)
    const dynamic = { rateLimit: { limit: hang, window: '1m' } } as const
    const { timed, updates, events, types } = await botOn(store, guards(dynamic), {
      rateLimit: [dynamic.rateLimit, { name: 'sound', ...LIMIT }],
    })
    expect(await timed(updates.text('hi'))).toBeLessThan(TIMEOUT + SLACK)
    expect(types()).toEqual(['hookError', 'allowed', 'hookError'])
    expect(events[0]).toMatchObject({ error: { message: `limit: no answer within ${TIMEOUT / 2} ms` } })
    expect(store.asked).toBe(2)
  })

  test('are not asked where the store is not asked any more', async () => {
    const limit = jest.fn(hang)
    const { updates, send, types } = await botOn(
      new Slow(Infinity),
      guards({ rateLimit: { limit, window: '1m' } }),
    )
    await send(updates.text('hi'))
    expect(limit).not.toHaveBeenCalled()
    expect(types()).toEqual(['storeError', 'allowed', 'storeError'])
  })

  test('a store that answers at once decides after any of them', async () => {
    const dynamic = { rateLimit: { limit: hang, window: '1m' } } as const
    const { timed, updates, types, sentinel } = await botOn(
      new MemoryStore(),
      guards(dynamic, dynamic, dynamic, {}),
    )
    expect(await timed(updates.text('hi'))).toBeLessThan(TIMEOUT + SLACK)
    expect(types()).toEqual(['allowed', 'hookError', 'hookError', 'hookError'])
    expect(await sentinel.limits.peek('g3', { userId: 42 })).toMatchObject({ remaining: 99 })
  })
})

test('an answer that has arrived while the process was busy counts', async () => {
  const store = new MemoryStore()
  const { decide } = store
  store.decide = (request) => {
    // What the system reads is there after a millisecond, and is taken when the loop next looks at what has arrived.
    const answer = stat(__filename).then(() => decide.call(store, request))
    queueMicrotask(() => {
      const end = performance.now() + 200
      while (performance.now() < end);
    })
    return answer as unknown as Decision
  }
  const { send, updates, types, sentinel } = await botOn(store, guards({}), { storeTimeout: 50 })
  await sentinel.ready()
  await send(updates.text('hi'))
  expect(types()).toEqual(['allowed'])
})

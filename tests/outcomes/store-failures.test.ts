import { Telegraf } from 'telegraf'
import type { UserFromGetMe } from 'telegraf/types'
import { createSentinel, StoreError, StoreTimeoutError, type SentinelOptions } from 'telegraf-sentinel'
import { createUpdates } from 'telegraf-sentinel/testing'
import { KeyQueue } from '../../lib/stores/key-queue'
import { guarded, stopAll } from '../support/guarded'
import { FaultyStore, type Fault } from './faulty-store'

afterEach(stopAll)

const unhandled: unknown[] = []
const note = (reason: unknown) => void unhandled.push(reason)
beforeAll(() => void process.on('unhandledRejection', note))
afterAll(() => void process.off('unhandledRejection', note))
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled.splice(0)).toEqual([])
})

const GUARDS: SentinelOptions = {
  rateLimit: { limit: 2, window: '1m' },
  debounce: { window: '1m', fingerprint: () => undefined },
  requireRegistered: true,
  deduplicate: '1h',
  storeTimeout: 40,
}

/** A bot whose store works first, so that the user is registered, and then does not. */
async function failing(fault: Fault, options: SentinelOptions = {}) {
  const store = new FaultyStore()
  const bot = await guarded({ ...GUARDS, ...options, store })
  await bot.sentinel.registrations.add(42)
  bot.events.length = 0
  store.fault = fault
  return { ...bot, store }
}

const FAULTS: Fault[] = ['reject', 'throw', 'hang', 'late']

describe.each(FAULTS)('a store whose primitives %s', (fault) => {
  const expected = fault === 'hang' || fault === 'late' ? StoreTimeoutError : StoreError

  test("'allow': the update passes, and the event says why", async () => {
    const { send, updates, types, events, passed, caught, telegram } = await failing(fault)
    await send(updates.text('hi'))
    expect(types()).toEqual(['storeError', 'allowed'])
    expect('error' in events[0] && events[0].error).toBeInstanceOf(expected)
    expect(passed).toHaveLength(1)
    expect(caught).toEqual([])
    expect(telegram.calls).toEqual([])
  })

  test("'refuse': the update is refused as a store error", async () => {
    const verdicts: unknown[] = []
    const { send, updates, types, passed, caught, telegram, told } = await failing(fault, {
      onStoreError: 'refuse',
      hooks: { refused: (_ctx, verdict) => void verdicts.push(verdict) },
    })
    await send(updates.callbackQuery('x'))
    expect(types()).toEqual(['storeError'])
    expect(verdicts).toEqual([{ allowed: false, reason: 'store-error', limits: [] }])
    expect(passed).toEqual([])
    expect(caught).toEqual([])
    await told()
    expect(telegram.callsTo('answerCallbackQuery')).toHaveLength(1)
  })

  test("'throw': the error reaches bot.catch, `after` still runs", async () => {
    const after: unknown[] = []
    const { send, updates, types, events, passed, caught } = await failing(fault, {
      onStoreError: 'throw',
      hooks: { after: (_ctx, verdict) => void after.push(verdict) },
    })
    await send(updates.text('hi'))
    expect(types()).toEqual(['storeError'])
    expect(caught).toEqual(['error' in events[0] && events[0].error])
    expect(passed).toEqual([])
    expect(after).toMatchObject([{ allowed: false, reason: 'store-error' }])
  })

  test('limits, blocks and registrations reject', async () => {
    const { sentinel } = await failing(fault)
    await expect(sentinel.limits.peek('bot', { userId: 42 })).rejects.toBeInstanceOf(expected)
    await expect(sentinel.limits.consume('bot', { userId: 42 })).rejects.toBeInstanceOf(expected)
    await expect(sentinel.limits.reset('bot', { userId: 42 })).rejects.toBeInstanceOf(expected)
    if (fault === 'hang' || fault === 'late') return
    await expect(sentinel.blocks.add(7)).rejects.toThrow('the disk is on fire')
    await expect(sentinel.registrations.get(7)).rejects.toThrow('the disk is on fire')
  })

  test('membership is an event, and the update passes', async () => {
    const { send, updates, types, passed } = await failing(fault)
    await send(updates.myChatMember('kicked'))
    expect(types()).toEqual(['storeError', 'allowed'])
    expect(passed).toHaveLength(1)
  })

  test('so is a migration', async () => {
    const store = new FaultyStore()
    store.fault = fault
    const { send, updates, types, passed } = await guarded({
      store,
      storeTimeout: 40,
      rateLimit: { limit: 5, window: '1m', scope: 'chat' },
    })
    await send(updates.migrateToChatId())
    expect(types()).toEqual(['storeError', 'storeError', 'allowed'])
    expect(passed).toHaveLength(1)
  })
})

describe('an answer that comes too late', () => {
  test.each(['allow', 'refuse'] as const)('changes nothing for the update (%s)', async (onStoreError) => {
    const { send, updates, store, types, passed, telegram, told } = await failing('late', { onStoreError })
    await send(updates.text('hi'))
    await told()
    const before = { types: types(), passed: passed.length, calls: telegram.calls.length }
    await store.release()
    expect({ types: types(), passed: passed.length, calls: telegram.calls.length }).toEqual(before)
  })

  test('may be an error: nobody hears of it twice', async () => {
    const { send, updates, store, types } = await failing('late')
    await send(updates.text('hi'))
    store.fault = 'reject'
    const rejected = store.release()
    store.fault = 'reject'
    await rejected
    expect(types()).toEqual(['storeError', 'allowed'])
  })

  test('a registration that is looked up too late charges nothing', async () => {
    let answer = (_profile: unknown): void => undefined
    const { send, updates, sentinel, types, passed } = await guarded({
      ...GUARDS,
      registration: { resolve: () => new Promise((resolve) => (answer = resolve)) },
    })
    await send(updates.text('hi'))
    answer({ name: 'Ann' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(types()).toEqual(['storeError', 'allowed'])
    expect(passed).toHaveLength(1)
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 2 })
  })
})

describe('a store that works again', () => {
  test.each(['reject', 'throw', 'late'] as const)(
    'after it did %s, it counts again, exactly',
    async (fault) => {
      const { send, updates, store, types, events } = await failing(fault)
      await send(updates.text('hi'))
      await store.release()
      events.length = 0
      const charged = fault === 'late' ? 1 : 0
      for (let i = charged; i < 3; i++) await send(updates.text('hi'))
      expect(types()).toEqual(charged === 1 ? ['allowed', 'limited'] : ['allowed', 'allowed', 'limited'])
    },
  )

  test.each(['reject', 'throw'] as const)(
    'after it did %s: guard() asks for its own checks only',
    async (fault) => {
      const store = new FaultyStore()
      store.fault = fault
      const { send, updates, types, sentinel, passed } = await guarded(
        { rateLimit: { limit: 5, window: '1m' }, storeTimeout: 40, store },
        {
          after: (bot, sentinel) => {
            bot.use((_ctx, next) => {
              store.fault = 'none'
              return next()
            })
            bot.use(sentinel.guard({ name: 'g', rateLimit: { limit: 1, window: '1m' } }))
          },
        },
      )
      await send(updates.text('hi'))
      expect(types()).toEqual(['storeError', 'allowed'])
      expect(passed).toHaveLength(1)
      expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 5 })
      expect(await sentinel.limits.peek('g', { userId: 42 })).toMatchObject({ remaining: 0 })
    },
  )

  test('an answer that never comes holds a key up for a while only', async () => {
    const queue = new KeyQueue(20)
    let answer = (): void => undefined
    const hung = queue.run(['a', 'b'], () => new Promise<void>((resolve) => (answer = resolve)))
    const ran: string[] = []
    await Promise.all([
      queue.run(['a'], async () => void ran.push('a')),
      queue.run(['b', 'c'], async () => void ran.push('b')),
      queue.run(['c'], async () => void ran.push('c')),
    ])
    expect(ran.sort()).toEqual(['a', 'b', 'c'])
    answer()
    await hung
  })
})

test('a store that answers nonsense is a store error', async () => {
  const store = new FaultyStore()
  store.decide = () => undefined as never
  const { send, updates, types, passed } = await guarded({ store })
  await send(updates.text('hi'))
  expect(types()).toEqual(['storeError', 'allowed'])
  expect(passed).toHaveLength(1)
})

describe('a clock that fails', () => {
  test.each<[string, () => number]>([
    ['gives NaN', () => NaN],
    ['gives a text', () => 'now' as unknown as number],
    [
      'throws',
      () => {
        throw new Error('no time')
      },
    ],
  ])('%s: a store error, dated all the same', async (_what, now) => {
    const { send, updates, types, events, passed, caught, sentinel } = await guarded({ clock: { now } })
    await send(updates.text('hi'))
    expect(types()).toEqual(['storeError', 'allowed'])
    expect(Number.isSafeInteger(events[0].at)).toBe(true)
    expect(passed).toHaveLength(1)
    expect(caught).toEqual([])
    await expect(sentinel.blocks.add(7)).rejects.toThrow()
  })
})

test('a store that fails, and nobody who listens: a warning of the process, once a minute', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  try {
    const store = new FaultyStore()
    store.fault = 'reject'
    const sentinel = createSentinel({ store, rateLimit: { limit: 1, window: '1m' } })
    const bot = new Telegraf('1:token')
    bot.botInfo = { id: 1, is_bot: true, first_name: 'Bot', username: 'bot' } as UserFromGetMe
    bot.use(sentinel)
    const updates = createUpdates()
    for (const text of ['a', 'b']) await bot.handleUpdate(updates.text(text))
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(/^updates pass unguarded: .*sentinel\.on\('storeError'/),
    ])
  } finally {
    warn.mockRestore()
  }
})

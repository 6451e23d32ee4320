/** A bot under a flood, over HTTP: it says no more than Telegram takes, and what matters first. */
import { createSentinel, type SentinelEvent, type SentinelOptions } from 'telegraf-sentinel'
import type { FakeTelegram } from 'telegraf-sentinel/testing'
import { botFor, cleanUp, serveWebhook, startTelegram, until } from '../testing/bots'

afterEach(cleanUp)

const REFUSE_ALL: SentinelOptions = { rateLimit: { limit: () => 0, window: '1m' } }

async function botOn(telegram: FakeTelegram, options: SentinelOptions = REFUSE_ALL) {
  const bot = botFor(telegram)
  bot.botInfo = await bot.telegram.getMe()
  telegram.clear()
  const sentinel = createSentinel(options)
  const events: SentinelEvent[] = []
  for (const name of ['overload', 'replyError'] as const) {
    sentinel.on(name, (event) => void events.push(event as SentinelEvent))
  }
  bot.use(sentinel)
  const waiting = async (): Promise<number> => (await sentinel.health()).waiting.replies
  /** Resolves when no reply waits any more. */
  const quiet = async (): Promise<void> => {
    while ((await waiting()) > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { bot, sentinel, events, waiting, quiet, updates: telegram.updates }
}

/** The most of these times that fall within any so many ms. */
function mostIn(window: number, times: readonly number[]): number {
  return Math.max(
    ...times.map((start) => times.filter((time) => time >= start && time < start + window).length),
  )
}

describe('a flood', () => {
  test('of 10,000 messages from 1,000 chats: Telegram refuses none of what is said', async () => {
    const telegram = await startTelegram({ limits: true })
    const { bot, sentinel, events, quiet, updates, waiting } = await botOn(telegram, {
      rateLimit: { limit: 1, window: '4s' },
      backpressure: { replies: 200 },
    })
    const chats = Array.from({ length: 1_000 }, (_, i) => 1 + i)
    const start = performance.now()
    for (let round = 0; round < 10; round++) {
      for (let from = 0; from < chats.length; from += 100) {
        const poll = chats.slice(from, from + 100)
        await Promise.all(poll.map((chat) => bot.handleUpdate(updates.text('hi', { from: chat }))))
        expect(await waiting()).toBeLessThanOrEqual(200)
        // The next poll comes by the network.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const took = performance.now() - start
    await quiet()
    const sent = telegram.callsTo('sendMessage')
    expect(sent.filter(({ error }) => error !== undefined)).toEqual([])
    expect(
      mostIn(
        1_000,
        sent.map(({ at }) => at),
      ),
    ).toBeLessThanOrEqual(30)
    // No poll waited for a turn: a thousand notices are more than half a minute's.
    expect(took).toBeLessThan(25_000)
    expect(sent.length).toBeGreaterThanOrEqual(60)
    const told = events.map(({ at }) => at)
    expect(mostIn(995, told)).toBe(1)
    await sentinel.close()
    const dropped = events.reduce((sum, event) => sum + (event.type === 'overload' ? event.dropped : 0), 0)
    expect(events.every((event) => event.type === 'overload' && event.what === 'replies')).toBe(true)
    expect(sent.length + dropped).toBeGreaterThanOrEqual(1_000)
  }, 30_000)

  test('in a group of many: 20 a minute, one a second', async () => {
    const telegram = await startTelegram({ limits: true })
    const { bot, quiet, updates, events } = await botOn(telegram, {
      rateLimit: { limit: 1, window: '3s' },
    })
    const chat = -1001000000042
    for (let round = 0; round < 2; round++) {
      for (let from = 1; from <= 50; from++) await bot.handleUpdate(updates.text('hi', { from, chat }))
    }
    await quiet()
    const sent = telegram.callsTo('sendMessage')
    expect(sent.filter(({ error }) => error !== undefined)).toEqual([])
    expect(sent.length).toBeGreaterThanOrEqual(2)
    expect(sent.length).toBeLessThanOrEqual(4)
    expect(
      mostIn(
        1_000,
        sent.map(({ at }) => at),
      ),
    ).toBe(1)
    expect(events[0]).toMatchObject({ type: 'overload', what: 'replies' })
  })

  test('of taps: each spinner stops, before any notice that waits', async () => {
    const telegram = await startTelegram()
    const { bot, quiet, updates } = await botOn(telegram)
    for (let from = 1; from <= 70; from++) await bot.handleUpdate(updates.text('hi', { from }))
    const taps = Array.from({ length: 25 }, () => updates.callbackQuery('x'))
    for (const tap of taps) await bot.handleUpdate(tap)
    await quiet()
    const methods = telegram.calls.map(({ method }) => method)
    const taken = (from: number, to: number): number =>
      methods.slice(from, to).filter((method) => method === 'answerCallbackQuery').length
    expect([taken(0, 30), taken(30, 60), methods.length]).toEqual([0, 25, 95])
    const answered = telegram.callsTo('answerCallbackQuery').map(({ params }) => params.callback_query_id)
    expect(answered.sort()).toEqual(taps.map(({ callback_query }) => callback_query.id).sort())
  })
})

test('a 429: silence for as long as Telegram asks for it, and nobody waits for that', async () => {
  const telegram = await startTelegram()
  const { bot, quiet, updates, events } = await botOn(telegram)
  telegram.failNext('sendMessage', { code: 429, retryAfter: 2 })
  const start = performance.now()
  for (let from = 1; from <= 5; from++) await bot.handleUpdate(updates.text('hi', { from }))
  await bot.handleUpdate(updates.callbackQuery('x'))
  expect(performance.now() - start).toBeLessThan(1_500)
  expect(telegram.calls).toHaveLength(1)
  await quiet()
  const [first, ...later] = telegram.calls
  expect(later.map(({ method, params }) => params.chat_id ?? method).sort()).toEqual([
    ...[1, 2, 3, 4, 5],
    'answerCallbackQuery',
  ])
  expect(Math.min(...later.map(({ at }) => at)) - first.at).toBeGreaterThanOrEqual(2_000)
  expect(events).toEqual([])
})

test('an answer that cannot be made is a replyError too, and gives its place back', async () => {
  const telegram = await startTelegram()
  const bot = botFor(telegram)
  bot.botInfo = await bot.telegram.getMe()
  const sentinel = createSentinel({ ...REFUSE_ALL, backpressure: { replies: 1 } })
  const errors: string[] = []
  sentinel.on('replyError', ({ error }) => void errors.push(error.message))
  bot.use((ctx, next) => {
    const broken = () => {
      throw new Error('no telegram')
    }
    Object.defineProperty(ctx, 'telegram', { get: broken })
    return next()
  }, sentinel)
  for (const from of [1, 2]) await bot.handleUpdate(telegram.updates.text('hi', { from }))
  expect(errors).toEqual(['no telegram', 'no telegram'])
  expect((await sentinel.health()).waiting.replies).toBe(0)
})

test('a notice that was put off and fails is a replyError with its update', async () => {
  const telegram = await startTelegram()
  const { bot, quiet, updates, events } = await botOn(telegram)
  await bot.handleUpdate(updates.text('hi', { from: 1, chat: -5 }))
  await bot.handleUpdate(updates.text('hi', { from: 2, chat: -5 }))
  expect(telegram.calls).toHaveLength(1)
  telegram.failNext('sendMessage', { code: 403 })
  await quiet()
  expect(events).toMatchObject([
    {
      type: 'replyError',
      source: 'reply',
      error: { message: '403: Forbidden: bot was blocked by the user' },
      subject: { actor: 2, chatId: -5 },
      verdict: { allowed: false, reason: 'limited' },
    },
  ])
})

test('a text that takes its time has a place, and holds it until it ends', async () => {
  const telegram = await startTelegram()
  const ends: ((text: string) => void)[] = []
  const { bot, updates, events, waiting, quiet } = await botOn(telegram, {
    ...REFUSE_ALL,
    reply: () => new Promise<string>((resolve) => ends.push(resolve)) as unknown as string,
    backpressure: { replies: 2 },
  })
  for (let from = 1; from <= 2; from++) void bot.handleUpdate(updates.text('hi', { from }))
  await until(() => ends.length === 2)
  await bot.handleUpdate(updates.text('hi', { from: 3 }))
  expect(ends).toHaveLength(2)
  expect(await waiting()).toBe(2)
  expect(events).toMatchObject([{ type: 'overload', what: 'replies', bound: 2, dropped: 1 }])
  for (const end of ends) end('No.')
  await quiet()
  expect(telegram.texts()).toEqual(['No.', 'No.'])
})

describe('behind a webhook', () => {
  test('an answer that is put off goes by a call of its own, when the webhook has long been answered', async () => {
    const telegram = await startTelegram()
    const { bot, quiet, updates } = await botOn(telegram)
    await bot.telegram.setWebhook(await serveWebhook(bot, '/hook'))
    telegram.clear()
    for (let i = 0; i < 45; i++) telegram.send(updates.callbackQuery('x'))
    await telegram.idle()
    const during = telegram.calls.length
    await quiet()
    const answers = telegram.callsTo('answerCallbackQuery')
    expect(answers).toHaveLength(45)
    expect(new Set(answers.map(({ params }) => params.callback_query_id)).size).toBe(45)
    expect(during).toBe(30)
    expect(answers.slice(0, 30).every(({ via }) => via === 'webhook')).toBe(true)
    expect(answers.slice(30).every(({ via, result }) => via === 'request' && result === true)).toBe(true)
  })

  test('a message, too', async () => {
    const telegram = await startTelegram()
    const { bot, quiet, updates } = await botOn(telegram)
    await bot.telegram.setWebhook(await serveWebhook(bot, '/hook'))
    telegram.clear()
    for (let from = 1; from <= 2; from++) telegram.send(updates.text('hi', { from, chat: -5 }))
    await telegram.idle()
    expect(telegram.callsTo('sendMessage')).toHaveLength(1)
    await quiet()
    expect(telegram.callsTo('sendMessage').map(({ via }) => via)).toEqual(['request', 'request'])
  })
})

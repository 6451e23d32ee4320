/** Telegram takes its time over an answer to a refusal: the update does not wait for it, and nothing leaks. */
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Telegraf } from 'telegraf'
import type { UserFromGetMe } from 'telegraf/types'
import { createSentinel, MemoryStore, type SentinelEvent, type SentinelOptions } from 'telegraf-sentinel'
import { createUpdates, type Updates } from 'telegraf-sentinel/testing'
import { guarded, stopAll } from '../support/guarded'
import { botFor, cleanUp, serveWebhook, startTelegram, until } from '../testing/bots'

afterEach(stopAll)
afterEach(cleanUp)
afterEach(() => jest.useRealTimers())

const REFUSE_ALL: SentinelOptions = { rateLimit: { limit: () => 0, window: '1m' }, storeTimeout: 100 }
const REPLY_TIMEOUT = 10_000

const KINDS: [string, string, (set: Updates) => object][] = [
  ['a message', 'sendMessage', (set) => set.text('hi')],
  ['a callback query', 'answerCallbackQuery', (set) => set.callbackQuery('x')],
  ['an inline query', 'answerInlineQuery', (set) => set.inlineQuery('x')],
]

describe.each(KINDS)('%s that is refused', (_kind, method, build) => {
  test('waits no longer than for the store, and is answered all the same', async () => {
    const { send, updates, telegram, sentinel, told, types } = await guarded(REFUSE_ALL)
    telegram.delay(method, '400ms')
    await send(build(updates))
    expect((await sentinel.health()).waiting.replies).toBe(1)
    await told()
    expect(telegram.callsTo(method)).toMatchObject([{ result: expect.anything() }])
    expect(types()).toEqual(['limited'])
  })

  test('tells of an answer that fails later', async () => {
    const { send, updates, telegram, told, types, events } = await guarded(REFUSE_ALL)
    telegram.delay(method, '300ms')
    telegram.failNext(method, { code: 500 })
    await send(build(updates))
    expect(types()).toEqual(['limited'])
    await told()
    expect(types()).toEqual(['limited', 'replyError'])
    expect(events[1]).toMatchObject({ source: 'reply', subject: { actor: 42 } })
  })

  test('closing waits for the answer', async () => {
    const { send, updates, telegram, sentinel } = await guarded(REFUSE_ALL)
    telegram.delay(method, '300ms')
    await send(build(updates))
    await sentinel.close()
    expect(telegram.callsTo(method)).toMatchObject([{ result: expect.anything() }])
  })
})

test('a store that took all the time leaves none for the answer, which is sent all the same', async () => {
  const store = new MemoryStore()
  store.decide = () => new Promise(() => undefined) as never
  const { send, updates, telegram, told } = await guarded({ store, storeTimeout: 50, onStoreError: 'refuse' })
  telegram.delay('sendMessage', '300ms')
  const start = performance.now()
  await send(updates.text('hi'))
  expect(performance.now() - start).toBeLessThan(250)
  expect(await told()).toHaveLength(1)
})

describe('behind a webhook', () => {
  async function hooked(options: SentinelOptions) {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    bot.botInfo = await bot.telegram.getMe()
    const sentinel = createSentinel(options)
    bot.use(sentinel)
    await bot.telegram.setWebhook(await serveWebhook(bot, '/hook'))
    telegram.clear()
    return { telegram, sentinel }
  }

  test('the answer is the webhook’s own, even where no time is left to wait for it', async () => {
    const store = new MemoryStore()
    store.decide = () => new Promise(() => undefined) as never
    const { telegram } = await hooked({ store, storeTimeout: 30, onStoreError: 'refuse' })
    telegram.send(telegram.updates.callbackQuery('x'))
    await telegram.idle()
    expect(telegram.callsTo('answerCallbackQuery')).toMatchObject([{ via: 'webhook' }])
  })

  test('a text that takes longer goes by a call of its own', async () => {
    let say = (_text: string): void => undefined
    const reply = () => new Promise<string>((resolve) => (say = resolve)) as unknown as string
    const { telegram } = await hooked({ ...REFUSE_ALL, storeTimeout: 30, reply })
    telegram.send(telegram.updates.callbackQuery('x'))
    await telegram.idle()
    expect(telegram.calls).toEqual([])
    say('No.')
    await telegram.waitForCall('answerCallbackQuery')
    expect(telegram.callsTo('answerCallbackQuery')).toMatchObject([
      { via: 'request', params: { text: 'No.' } },
    ])
  })
})

/** A bot whose Telegram takes calls and never answers. */
async function silentTelegram(options: SentinelOptions = REFUSE_ALL) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const bot = new Telegraf('1:token', { telegram: { apiRoot: `http://127.0.0.1:${port}` } })
  bot.botInfo = { id: 1, is_bot: true, first_name: 'Bot', username: 'bot' } as UserFromGetMe
  const sentinel = createSentinel(options)
  const errors: string[] = []
  const overloads: SentinelEvent[] = []
  sentinel.on('replyError', ({ error }) => void errors.push(error.message))
  sentinel.on('overload', (event) => void overloads.push(event as SentinelEvent))
  bot.use(sentinel)
  return { bot, sentinel, sockets, errors, overloads, updates: createUpdates(), stop: () => server.close() }
}

describe('a Telegram that never answers', () => {
  test('places and connections are given back after ten seconds', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask'] })
    const { bot, sentinel, sockets, errors, overloads, updates, stop } = await silentTelegram({
      ...REFUSE_ALL,
      backpressure: { replies: 5 },
    })
    const send = (from: number) => bot.handleUpdate(updates.text('hi', { from }) as never)
    const sent = [1, 2, 3, 4, 5].map(send)
    await until(() => sockets.size === 5)
    await send(6)
    expect(overloads).toMatchObject([{ what: 'replies', bound: 5 }])
    await jest.advanceTimersByTimeAsync(100)
    await Promise.all(sent)
    await jest.advanceTimersByTimeAsync(REPLY_TIMEOUT - 110)
    expect([sockets.size, errors.length]).toEqual([5, 0])
    await jest.advanceTimersByTimeAsync(20)
    await until(() => sockets.size === 0)
    expect(errors).toEqual(Array(5).fill(`no answer within ${REPLY_TIMEOUT} ms`))
    expect((await sentinel.health()).waiting.replies).toBe(0)
    const again = send(7)
    await until(() => sockets.size === 1)
    await jest.advanceTimersByTimeAsync(REPLY_TIMEOUT)
    await again
    await until(() => sockets.size === 0)
    stop()
  })

  test('closing gives up after two seconds, and leaves no connection that would hold the process', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask'] })
    const { bot, sentinel, sockets, errors, updates, stop } = await silentTelegram()
    const sent = bot.handleUpdate(updates.callbackQuery('x'))
    await until(() => sockets.size === 1)
    await jest.advanceTimersByTimeAsync(100)
    await sent
    let isClosed = false
    const closed = sentinel.close().then(() => (isClosed = true))
    // Until it waits for the call.
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    await jest.advanceTimersByTimeAsync(1_950)
    expect([isClosed, sockets.size]).toEqual([false, 1])
    await jest.advanceTimersByTimeAsync(100)
    await closed
    await until(() => sockets.size === 0)
    expect(errors).toEqual(['no answer within 2000 ms of closing'])
    expect(jest.getTimerCount()).toBe(0)
    stop()
  })
})

test('a text that is never made gives its place back, and the spinner stops', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask'] })
  const { send, updates, telegram, sentinel, events } = await guarded({
    ...REFUSE_ALL,
    reply: () => new Promise(() => undefined) as never,
  })
  const sent = [send(updates.text('hi')), send(updates.callbackQuery('x'))]
  await jest.advanceTimersByTimeAsync(100)
  await Promise.all(sent)
  expect((await sentinel.health()).waiting.replies).toBe(2)
  await jest.advanceTimersByTimeAsync(REPLY_TIMEOUT)
  await until(() => events.length === 4)
  expect(events.slice(2)).toMatchObject(
    Array(2).fill({ type: 'replyError', error: { message: `reply: no text within ${REPLY_TIMEOUT} ms` } }),
  )
  expect(telegram.calls.map(({ method, params }) => [method, params.text])).toEqual([
    ['answerCallbackQuery', undefined],
  ])
  expect((await sentinel.health()).waiting.replies).toBe(0)
})

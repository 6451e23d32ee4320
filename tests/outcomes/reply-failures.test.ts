import type { SentinelOptions } from 'telegraf-sentinel'
import type { Failure, Updates } from 'telegraf-sentinel/testing'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

const REFUSE_ALL: SentinelOptions = { rateLimit: { limit: () => 0, window: '1m' } }

const FAILURES: [string, Failure][] = [
  ['403, the user has blocked the bot', { code: 403 }],
  ['400, the query is too old', { code: 400, description: 'Bad Request: query is too old' }],
  ['500', { code: 500 }],
  ['a broken connection', 'disconnect'],
]
const KINDS: [string, string, (set: Updates) => object][] = [
  ['a message', 'sendMessage', (set) => set.text('hi')],
  ['a callback query', 'answerCallbackQuery', (set) => set.callbackQuery('x')],
  ['an inline query', 'answerInlineQuery', (set) => set.inlineQuery('x')],
]

describe.each(FAILURES)('%s', (_what, failure) => {
  test.each(KINDS)('as answer to %s is an event and nothing else', async (_kind, method, build) => {
    const { send, updates, telegram, events, caught, passed } = await guarded(REFUSE_ALL)
    telegram.failNext(method, failure)
    await send(build(updates))
    expect(events.map(({ type }) => type)).toEqual(['limited', 'replyError'])
    expect(events[1]).toMatchObject({
      type: 'replyError',
      error: expect.any(Error),
      subject: { actor: 42 },
      verdict: { allowed: false, reason: 'limited' },
      at: expect.any(Number),
    })
    expect(caught).toEqual([])
    expect(passed).toEqual([])
    // One attempt: who is flooding gets no second one.
    expect(telegram.callsTo(method)).toHaveLength(1)
  })
})

describe('429, too many requests', () => {
  test.each(KINDS)(
    'as answer to %s: it is said again when Telegram allows it',
    async (_kind, method, build) => {
      const { send, updates, telegram, types, told } = await guarded(REFUSE_ALL)
      telegram.failNext(method, { code: 429, retryAfter: 1 })
      await send(build(updates))
      await told()
      const [first, second, ...more] = telegram.callsTo(method)
      expect([first.error?.code, second.result === undefined, more]).toEqual([429, false, []])
      expect(second.at - first.at).toBeGreaterThanOrEqual(1_000)
      expect(types()).toEqual(['limited'])
    },
  )

  test.each(KINDS)(
    'as answer to %s: it is dropped if that is too late for it',
    async (_kind, method, build) => {
      const { send, updates, telegram, events, told } = await guarded(REFUSE_ALL)
      telegram.failNext(method, { code: 429, retryAfter: 10 })
      await send(build(updates))
      await told()
      expect(events).toMatchObject([{ type: 'limited' }, { type: 'overload', what: 'replies', dropped: 1 }])
      expect(telegram.callsTo(method)).toHaveLength(1)
    },
  )
})

test('the token is in no event', async () => {
  const { send, updates, telegram, events } = await guarded(REFUSE_ALL)
  telegram.failNext('sendMessage', 'disconnect')
  await send(updates.text('hi'))
  const [, failed] = events
  expect('error' in failed && `${failed.error.message}`).not.toContain(telegram.token)
})

test.each([
  ['a callback query', (set: Updates) => set.callbackQuery('x').callback_query],
  ['an inline query', (set: Updates) => set.inlineQuery('x').inline_query],
])('%s with an id that cannot be one is an event, and holds no place', async (_what, build) => {
  const { send, updates, events, sentinel, caught } = await guarded(REFUSE_ALL)
  const query = { ...build(updates), id: { toString: 1 } }
  await send({ update_id: 1, ['data' in query ? 'callback_query' : 'inline_query']: query })
  expect(events.map(({ type }) => type)).toEqual(['limited', 'replyError'])
  expect((await sentinel.health()).waiting.replies).toBe(0)
  expect(caught).toEqual([])
})

test('the next update is answered again', async () => {
  const { send, updates, telegram } = await guarded(REFUSE_ALL)
  telegram.failNext('answerCallbackQuery', { code: 500 })
  await send(updates.callbackQuery('x'))
  await send(updates.callbackQuery('y'))
  expect(telegram.callsTo('answerCallbackQuery').map(({ result }) => result)).toEqual([undefined, true])
})

test('a text that cannot be made and an answer that fails are one replyError', async () => {
  const { send, updates, telegram, types, caught } = await guarded({
    ...REFUSE_ALL,
    reply: () => {
      throw new Error('no words')
    },
  })
  telegram.failNext('answerCallbackQuery', { code: 500 })
  await send(updates.callbackQuery('x'))
  expect(types()).toEqual(['limited', 'replyError'])
  expect(caught).toEqual([])
})

test('a slow answer does not keep hooks waiting', async () => {
  const order: string[] = []
  const { send, updates, telegram } = await guarded({
    ...REFUSE_ALL,
    hooks: { refused: () => void order.push('refused'), after: () => void order.push('after') },
  })
  telegram.delay('answerCallbackQuery', '50ms')
  const sent = send(updates.callbackQuery('x'))
  await telegram.waitForCall('answerCallbackQuery')
  expect(order).toEqual(['refused'])
  await sent
  expect(order).toEqual(['refused', 'after'])
})

import type { SentinelOptions } from 'telegraf-sentinel'
import { updateKinds, type Updates } from 'telegraf-sentinel/testing'
import { guarded, stopAll, type GuardedBot } from '../support/guarded'
import { FaultyStore } from './faulty-store'

afterEach(stopAll)

type Refusal = [reason: string, options: SentinelOptions, prepare?: (bot: GuardedBot) => Promise<unknown>]

function failing(): FaultyStore {
  const store = new FaultyStore()
  store.fault = 'reject'
  return store
}

/** A bot that refuses everything for one reason. */
const REFUSALS: Refusal[] = [
  ['limited', { rateLimit: { limit: () => 0, window: '1m' } }],
  ['blocked', {}, ({ sentinel }) => sentinel.blocks.add(42)],
  [
    'debounced',
    { debounce: { window: '1m', fingerprint: () => 'same' } },
    ({ send, updates }) => send(updates.text('x')),
  ],
  ['unregistered', { requireRegistered: true }],
  ['store-error', { store: failing(), onStoreError: 'refuse' }],
]

async function refusing(
  [, options, prepare]: Refusal,
  reply?: SentinelOptions['reply'],
): Promise<GuardedBot> {
  const bot = await guarded({ ...options, reply })
  await prepare?.(bot)
  bot.telegram.clear()
  return bot
}

describe.each(REFUSALS)('%s', (...refusal) => {
  const [reason] = refusal

  test('a callback query is answered exactly once', async () => {
    const { send, updates, telegram, passed } = await refusing(refusal)
    const before = passed.length
    const update = updates.callbackQuery('x')
    await send(update)
    expect(telegram.calls.map(({ method }) => method)).toEqual(['answerCallbackQuery'])
    expect(telegram.calls[0].params).toMatchObject({ callback_query_id: update.callback_query.id })
    expect(passed).toHaveLength(before)
  })

  test('each callback query gets its answer', async () => {
    const { send, updates, telegram } = await refusing(refusal)
    const taps = [1, 2, 3].map(() => updates.callbackQuery('x'))
    for (const tap of taps) await send(tap)
    expect(telegram.calls.map(({ params }) => params.callback_query_id)).toEqual(
      taps.map(({ callback_query }) => callback_query.id),
    )
  })

  test('a callback query is answered though its text cannot be made', async () => {
    const { send, updates, telegram, events, caught } = await refusing(refusal, () => {
      throw new Error('no words')
    })
    await send(updates.callbackQuery('x'))
    expect(telegram.calls.map(({ method }) => method)).toEqual(['answerCallbackQuery'])
    expect(telegram.calls[0].params.text).toBeUndefined()
    expect(events.filter(({ type }) => type === 'replyError')).toEqual([
      expect.objectContaining({ error: new Error('no words') }),
    ])
    expect(caught).toEqual([])
  })

  test.each<[string, () => unknown]>([
    ['a number', () => 42],
    ['an object', () => ({})],
    ['a promise that rejects', () => Promise.reject(new Error('no words'))],
  ])('… or is %s', async (_what, nonsense) => {
    const { send, updates, telegram, types } = await refusing(refusal, nonsense as () => string)
    await send(updates.callbackQuery('x'))
    expect(telegram.calls.map(({ method }) => method)).toEqual(['answerCallbackQuery'])
    expect(types()).toContain('replyError')
  })

  test('an inline query gets an empty answer that is not kept', async () => {
    const { send, updates, telegram } = await refusing(refusal)
    const update = updates.inlineQuery('cats')
    await send(update)
    expect(telegram.calls.map(({ method }) => method)).toEqual(['answerInlineQuery'])
    const { inline_query_id, results, cache_time } = telegram.calls[0].params
    expect(inline_query_id).toBe(update.inline_query.id)
    expect(typeof results === 'string' ? JSON.parse(results) : results).toEqual([])
    expect(Number(cache_time)).toBe(0)
  })

  test('a message gets at most one notice', async () => {
    const { send, updates, telegram } = await refusing(refusal)
    for (let i = 0; i < 4; i++) await send(updates.text('hi'))
    const silent = reason === 'blocked' || reason === 'debounced'
    expect(telegram.calls.map(({ method }) => method)).toEqual(silent ? [] : ['sendMessage'])
  })

  test('a configured text is said once too, also to who is blocked or repeats', async () => {
    const { send, updates, telegram } = await refusing(refusal, { [reason]: 'Stop.' })
    for (let i = 0; i < 4; i++) await send(updates.text('hi'))
    expect(telegram.texts()).toEqual(['Stop.'])
  })

  test('`reply: false` says nothing but stops spinners', async () => {
    const { send, updates, telegram } = await refusing(refusal, false)
    await send(updates.text('hi'))
    await send(updates.callbackQuery('x'))
    await send(updates.inlineQuery('x'))
    expect(telegram.calls.map(({ method, params }) => [method, params.text])).toEqual([
      ['answerCallbackQuery', undefined],
      ['answerInlineQuery', undefined],
    ])
  })
})

test('a duplicate gets no answer, whatever its kind', async () => {
  const { send, updates, telegram, types } = await guarded({ deduplicate: '1h', reply: () => 'No.' })
  const all = [updates.text('hi'), updates.callbackQuery('x'), updates.inlineQuery('x')]
  for (const update of [...all, ...all]) await send(update)
  expect(types().slice(3)).toEqual(['duplicate', 'duplicate', 'duplicate'])
  expect(telegram.calls).toEqual([])
})

const ANSWERED = ['message', 'callback_query', 'inline_query']
test.each(updateKinds.filter(({ type }) => !ANSWERED.includes(type)))(
  '$name is refused silently',
  async ({ build }) => {
    const { send, telegram, caught } = await guarded({
      rateLimit: { limit: () => 0, window: '1m' },
      reply: () => 'No.',
    })
    await send(build())
    expect(telegram.calls).toEqual([])
    expect(caught).toEqual([])
  },
)

test.each(updateKinds.filter(({ type, name }) => type === 'message' && name !== 'successfulPayment'))(
  '$name gets its notice where it was written',
  async ({ build }) => {
    const { send, telegram } = await guarded({ rateLimit: { limit: () => 0, window: '1m' } })
    const update = build() as ReturnType<Updates['text']>
    await send(update)
    expect(telegram.calls.map(({ method, params }) => [method, params.chat_id])).toEqual([
      ['sendMessage', update.message.chat.id],
    ])
  },
)

test('the notice goes to the topic of the message, and only there', async () => {
  const { send, updates, telegram } = await guarded({ rateLimit: { limit: () => 0, window: '1m' } })
  const chat = -1001000000042
  await send(updates.text('hi', { from: 1, chat, message_thread_id: 7, is_topic_message: true }))
  await send(updates.text('hi', { from: 2, chat, message_thread_id: 8 }))
  await send(updates.text('hi', { from: 3, chat }))
  expect(telegram.callsTo('sendMessage').map(({ params }) => params.message_thread_id)).toEqual([
    7,
    undefined,
    undefined,
  ])
})

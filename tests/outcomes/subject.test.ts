import { sentinelOf, type Subject } from 'telegraf-sentinel'
import {
  CHANNEL_BOT,
  createUpdates,
  GROUP_ANONYMOUS_BOT,
  TELEGRAM_USER,
  updateKinds,
  type Updates,
} from 'telegraf-sentinel/testing'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

const GROUP = -1001000000042
const CHANNEL = -1001000000077
const USER = 42

/** What Telegram's documentation says of who acts and where, for each builder's sample. */
const PRIVATE = { actor: USER, userId: USER, chatId: USER }
const IN_GROUP = { actor: USER, userId: USER, chatId: GROUP }
const INLINE = { actor: USER, userId: USER }
const EXPECTED: Record<string, Partial<Subject>> = {
  message: { ...PRIVATE, action: 'message' },
  text: { ...PRIVATE, action: 'command' },
  photo: { ...PRIVATE, action: 'message' },
  album: { ...PRIVATE, action: 'message' },
  sticker: { ...PRIVATE, action: 'message' },
  document: { ...PRIVATE, action: 'message' },
  voice: { ...PRIVATE, action: 'message' },
  contact: { ...PRIVATE, action: 'message' },
  location: { ...PRIVATE, action: 'message' },
  dice: { ...PRIVATE, action: 'message' },
  newChatMembers: { ...IN_GROUP, action: 'message' },
  leftChatMember: { ...IN_GROUP, action: 'message' },
  successfulPayment: { ...PRIVATE, action: 'message' },
  migrateToChatId: { actor: USER, userId: USER, chatId: -42, action: 'message' },
  anonymousAdmin: {
    actor: GROUP,
    userId: GROUP_ANONYMOUS_BOT.id,
    chatId: GROUP,
    senderChatId: GROUP,
    action: 'message',
  },
  asChannel: {
    actor: CHANNEL,
    userId: CHANNEL_BOT.id,
    chatId: GROUP,
    senderChatId: CHANNEL,
    action: 'message',
  },
  linkedPost: {
    actor: CHANNEL,
    userId: TELEGRAM_USER.id,
    chatId: GROUP,
    senderChatId: CHANNEL,
    action: 'message',
  },
  editedMessage: { ...PRIVATE, action: 'message' },
  channelPost: { actor: CHANNEL, chatId: CHANNEL, senderChatId: CHANNEL, action: 'message' },
  editedChannelPost: { actor: CHANNEL, chatId: CHANNEL, senderChatId: CHANNEL, action: 'message' },
  messageReaction: { ...IN_GROUP, action: 'other' },
  anonymousReaction: { actor: GROUP, chatId: GROUP, senderChatId: GROUP, action: 'other' },
  messageReactionCount: { actor: CHANNEL, chatId: CHANNEL, action: 'other' },
  inlineQuery: { ...INLINE, action: 'inline_query' },
  chosenInlineResult: { ...INLINE, action: 'other' },
  callbackQuery: { ...PRIVATE, action: 'callback_query' },
  inaccessibleCallbackQuery: { ...PRIVATE, action: 'callback_query' },
  inlineCallbackQuery: { ...INLINE, action: 'callback_query' },
  gameCallbackQuery: { ...PRIVATE, action: 'callback_query' },
  shippingQuery: { ...INLINE, action: 'other' },
  preCheckoutQuery: { ...INLINE, action: 'other' },
  poll: { action: 'other' },
  pollAnswer: { ...INLINE, action: 'other' },
  channelPollAnswer: { actor: CHANNEL, userId: CHANNEL_BOT.id, senderChatId: CHANNEL, action: 'other' },
  myChatMember: { ...PRIVATE, action: 'other' },
  chatMember: { ...IN_GROUP, action: 'other' },
  chatJoinRequest: { ...IN_GROUP, action: 'other' },
  chatBoost: { ...IN_GROUP, action: 'other' },
  removedChatBoost: { ...IN_GROUP, action: 'other' },
  businessConnection: { ...INLINE, action: 'other' },
  businessMessage: { ...PRIVATE, action: 'message' },
  editedBusinessMessage: { ...PRIVATE, action: 'message' },
  deletedBusinessMessages: { ...PRIVATE, userId: undefined, action: 'other' },
  purchasedPaidMedia: { ...INLINE, action: 'other' },
  managedBot: { ...INLINE, action: 'other' },
  unknownUpdate: { ...INLINE, action: 'other' },
}

async function subjectOf(update: object): Promise<Subject> {
  const { send, passed, caught } = await guarded()
  await send(update)
  expect(caught).toEqual([])
  expect(passed).toHaveLength(1)
  return sentinelOf(passed[0]).subject
}

test.each(updateKinds)('$name: actor, place and action', async ({ name, type, build }) => {
  const update = build(createUpdates())
  const subject = await subjectOf(update)
  expect(Object.keys(EXPECTED)).toContain(name)
  expect(subject).toEqual({
    actor: undefined,
    userId: undefined,
    chatId: undefined,
    senderChatId: undefined,
    mediaGroupId: name === 'album' ? expect.any(String) : undefined,
    botId: 123456,
    updateId: update.update_id,
    updateType: type,
    ...EXPECTED[name],
  })
})

test.each([
  ['user', { user: { id: 7 } }, { actor: 7, userId: 7 }],
  ['chat alone', { chat: { id: -5 } }, { actor: -5, chatId: -5 }],
  ['sender_chat before from', { from: { id: 7 }, sender_chat: { id: -9 } }, { actor: -9, userId: 7 }],
  ['from and chat', { from: { id: 7 }, chat: { id: -5 } }, { actor: 7, userId: 7, chatId: -5 }],
  ['nobody', { what: 1 }, { actor: undefined, userId: undefined, chatId: undefined }],
])('an unheard-of kind that names %s', async (_what, payload, expected) => {
  const subject = await subjectOf(createUpdates().unknownUpdate('future_thing', payload))
  expect(subject).toMatchObject({ updateType: 'future_thing', action: 'other', ...expected })
})

test('a boost that nobody has claimed is the chat’s', async () => {
  const { chat_boost } = createUpdates().chatBoost()
  const boost = { ...chat_boost.boost, source: { source: 'giveaway', giveaway_message_id: 1 } }
  const subject = await subjectOf({ update_id: 9, chat_boost: { ...chat_boost, boost } })
  expect(subject).toMatchObject({ actor: GROUP, userId: undefined, chatId: GROUP })
})

test.each([
  ['a command is one where the text begins with it', '/buy 3', 'command'],
  ['a command further on is talk', 'try /buy', 'message'],
  ['text is a message', 'hello', 'message'],
] as const)('%s', async (_what, text, action) => {
  expect((await subjectOf(createUpdates().text(text))).action).toBe(action)
})

test.each<[string, (set: Updates) => object, number, number]>([
  ['two groups', (set) => set.anonymousAdmin('x'), GROUP, -1001000000555],
  ['two channels', (set) => set.asChannel('x'), CHANNEL, -1001000000556],
])('%s that share a user id are two actors', async (_what, build, first, second) => {
  const { send, types, updates, events } = await guarded({ rateLimit: { limit: 1, window: '1m' } })
  const update = build(updates) as { message: object }
  const other = { ...update, message: { ...update.message, sender_chat: { id: second, type: 'channel' } } }
  for (const each of [update, other, update, other]) await send(each)
  expect(types()).toEqual(['allowed', 'allowed', 'limited', 'limited'])
  expect(events.map((event) => 'subject' in event && event.subject?.actor)).toEqual([
    first,
    second,
    first,
    second,
  ])
})

test('without a sentinel, sentinelOf still says who acts', () => {
  const update = createUpdates().text('hi', { from: 7 })
  const ctx = { update, botInfo: { id: 1 } } as unknown as Parameters<typeof sentinelOf>[0]
  expect(sentinelOf(ctx)).toMatchObject({
    subject: { actor: 7, botId: 1 },
    verdict: { allowed: true, limits: [] },
    profile: undefined,
  })
})

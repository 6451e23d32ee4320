/** Builders of every kind of update, as plain data: no server, no network. */
import type { Update } from 'telegraf/types'
import { Mint, type MintOptions } from './updates-base'
import { laterBuilders } from './updates-later'
import { memberBuilders } from './updates-members'
import { messageBuilders } from './updates-messages'
import { queryBuilders } from './updates-queries'

/** A set of update builders. */
export type Updates = ReturnType<typeof messageBuilders> &
  ReturnType<typeof queryBuilders> &
  ReturnType<typeof memberBuilders> &
  ReturnType<typeof laterBuilders>

/** The builders that draw their numbers from one mint. */
export function updatesFrom(mint: Mint): Updates {
  return {
    ...messageBuilders(mint),
    ...queryBuilders(mint),
    ...memberBuilders(mint),
    ...laterBuilders(mint),
  }
}

/**
 * A set of update builders of its own: `update_id` counts up from `startId` (default 1), dates (Unix time, seconds)
 * are `date`, or what `clock` says, or 2026-01-01T00:00:00Z. The same calls give the same updates.
 *
 * @example
 * const clock = new ManualClock()
 * const updates = createUpdates({ startId: 1000, clock })
 * await bot.handleUpdate(updates.text('/buy 3', { from: 42, chat: -100 }))
 */
export function createUpdates(options: MintOptions = {}): Updates {
  return updatesFrom(new Mint(options))
}

/**
 * The shared set of update builders. Each takes what matters first, then options: `from` and `chat` (an id or
 * fields), `update_id`, and any field of the payload, which wins over the default.
 *
 * @example
 * updates.text('/buy 3', { from: 42, chat: -100 })
 * updates.callbackQuery('buy:3', { from: { id: 42, language_code: 'de' } })
 * updates.unknownUpdate('future_thing', { user: { id: 42 } })
 */
export const updates: Updates = createUpdates()

/** One builder, with a sample of what it makes. */
export interface UpdateKind {
  /** The builder's name. */
  readonly name: keyof Updates
  /** The kind of update: `message`, `callback_query`, … */
  readonly type: string
  build(set?: Updates): Update
}

/**
 * A sample of every builder, for tests that must not forget a kind.
 *
 * @example
 * test.each(updateKinds)('$name passes', async ({ build }) => {
 *   await bot.handleUpdate(build())
 * })
 */
export const updateKinds: readonly UpdateKind[] = [
  kind('message', 'message', (set) =>
    set.message({ video_note: { file_id: 'v', file_unique_id: 'v', length: 1 } }),
  ),
  kind('text', 'message', (set) => set.text('/start')),
  kind('photo', 'message', (set) => set.photo('caption')),
  kind('album', 'message', (set) => set.album(1)[0]),
  kind('sticker', 'message', (set) => set.sticker()),
  kind('document', 'message', (set) => set.document()),
  kind('voice', 'message', (set) => set.voice()),
  kind('contact', 'message', (set) => set.contact()),
  kind('location', 'message', (set) => set.location()),
  kind('dice', 'message', (set) => set.dice()),
  kind('newChatMembers', 'message', (set) => set.newChatMembers()),
  kind('leftChatMember', 'message', (set) => set.leftChatMember()),
  kind('successfulPayment', 'message', (set) => set.successfulPayment()),
  kind('migrateToChatId', 'message', (set) => set.migrateToChatId()),
  kind('anonymousAdmin', 'message', (set) => set.anonymousAdmin('hello')),
  kind('asChannel', 'message', (set) => set.asChannel('hello')),
  kind('linkedPost', 'message', (set) => set.linkedPost('news')),
  kind('editedMessage', 'edited_message', (set) => set.editedMessage('hello')),
  kind('channelPost', 'channel_post', (set) => set.channelPost('news')),
  kind('editedChannelPost', 'edited_channel_post', (set) => set.editedChannelPost('news')),
  kind('messageReaction', 'message_reaction', (set) => set.messageReaction()),
  kind('anonymousReaction', 'message_reaction', (set) => set.anonymousReaction()),
  kind('messageReactionCount', 'message_reaction_count', (set) => set.messageReactionCount()),
  kind('inlineQuery', 'inline_query', (set) => set.inlineQuery('cats')),
  kind('chosenInlineResult', 'chosen_inline_result', (set) => set.chosenInlineResult()),
  kind('callbackQuery', 'callback_query', (set) => set.callbackQuery('data')),
  kind('inaccessibleCallbackQuery', 'callback_query', (set) => set.inaccessibleCallbackQuery('data')),
  kind('inlineCallbackQuery', 'callback_query', (set) => set.inlineCallbackQuery('data')),
  kind('gameCallbackQuery', 'callback_query', (set) => set.gameCallbackQuery()),
  kind('shippingQuery', 'shipping_query', (set) => set.shippingQuery()),
  kind('preCheckoutQuery', 'pre_checkout_query', (set) => set.preCheckoutQuery()),
  kind('poll', 'poll', (set) => set.poll()),
  kind('pollAnswer', 'poll_answer', (set) => set.pollAnswer()),
  kind('channelPollAnswer', 'poll_answer', (set) => set.channelPollAnswer()),
  kind('myChatMember', 'my_chat_member', (set) => set.myChatMember()),
  kind('chatMember', 'chat_member', (set) => set.chatMember()),
  kind('chatJoinRequest', 'chat_join_request', (set) => set.chatJoinRequest()),
  kind('chatBoost', 'chat_boost', (set) => set.chatBoost()),
  kind('removedChatBoost', 'removed_chat_boost', (set) => set.removedChatBoost()),
  kind('businessConnection', 'business_connection', (set) => set.businessConnection()),
  kind('businessMessage', 'business_message', (set) => set.businessMessage('hello')),
  kind('editedBusinessMessage', 'edited_business_message', (set) => set.editedBusinessMessage('hello')),
  kind('deletedBusinessMessages', 'deleted_business_messages', (set) => set.deletedBusinessMessages()),
  kind('purchasedPaidMedia', 'purchased_paid_media', (set) => set.purchasedPaidMedia()),
  kind('managedBot', 'managed_bot', (set) => set.managedBot()),
  kind('unknownUpdate', 'future_thing', (set) => set.unknownUpdate('future_thing', { from: { id: 42 } })),
]

function kind(name: keyof Updates, type: string, make: (set: Updates) => Update): UpdateKind {
  return { name, type, build: (set = updates) => make(set) }
}

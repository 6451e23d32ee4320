/** Builders of what happens in and to chats: membership, reactions, boosts. */
import type { ChatMember, Update } from 'telegraf/types'
import { BOT_USER, DEFAULT_CHANNEL, DEFAULT_GROUP, chatOf, userOf } from './updates-base'
import type { MessageOptions, Mint, Person, Place, PlaceOptions } from './updates-base'
import type { UpdateOf } from './updates-later'

/** What the reaction builders take. */
export interface ReactionOptions extends MessageOptions {
  /** The message that was reacted to. */
  message_id?: number
}

export function memberBuilders(mint: Mint) {
  /** Something that a user does in a chat, with a date. */
  const act = (kind: string, content: object, { from, chat, update_id, ...fields }: MessageOptions) => {
    const user = userOf(from)
    const payload = { chat: chatOf(chat, user), from: user, date: mint.seconds(), ...content, ...fields }
    return mint.update(kind, payload, update_id)
  }

  const membership = (kind: string, member: Person, statuses: [string, string], options: MessageOptions) =>
    act(
      kind,
      {
        old_chat_member: memberOf(member, statuses[0]),
        new_chat_member: memberOf(member, statuses[1]),
      },
      options,
    )

  const reaction = (emoji: string) => ({
    message_id: mint.messageId(),
    old_reaction: [],
    new_reaction: [{ type: 'emoji', emoji }],
  })

  const boost = (person: Person | undefined) => ({
    boost_id: mint.id('boost'),
    source: { source: 'premium', user: userOf(person) },
  })

  return {
    /** The bot's own membership changed. In a private chat: `kicked` when the user blocks it, `member` when not any more. */
    myChatMember: (status: ChatMember['status'] = 'kicked', options: MessageOptions = {}) => {
      const before = status === 'member' ? 'kicked' : 'member'
      return membership('my_chat_member', BOT_USER, [before, status], options) as Update.MyChatMemberUpdate
    },

    /** Somebody's membership changed; sent only if `allowed_updates` names it. */
    chatMember: (
      member: Person = 43,
      status: ChatMember['status'] = 'member',
      options: MessageOptions = {},
    ) => {
      const before = status === 'member' ? 'left' : 'member'
      return membership('chat_member', member, [before, status], {
        chat: DEFAULT_GROUP,
        ...options,
      }) as Update.ChatMemberUpdate
    },

    chatJoinRequest: (options: MessageOptions = {}) =>
      act(
        'chat_join_request',
        { user_chat_id: userOf(options.from).id },
        { chat: DEFAULT_GROUP, ...options },
      ) as Update.ChatJoinRequestUpdate,

    // What an older Telegraf's types do not know is spelled out: it would else be by name in the published ones.

    /** A user's reaction; sent only if `allowed_updates` names it. */
    messageReaction: (emoji = '👍', options: ReactionOptions = {}): UpdateOf<'message_reaction'> => {
      const user = userOf(options.from)
      return act(
        'message_reaction',
        { user, from: undefined, ...reaction(emoji) },
        { chat: DEFAULT_GROUP, ...options },
      ) as UpdateOf<'message_reaction'>
    },

    /** A reaction in the name of a chat: `actor_chat` instead of `user`. */
    anonymousReaction: (
      emoji = '👍',
      options: ReactionOptions & { actor_chat?: Place } = {},
    ): UpdateOf<'message_reaction'> => {
      const { actor_chat = DEFAULT_GROUP, ...rest } = options
      return act(
        'message_reaction',
        { actor_chat: chatOf(actor_chat), from: undefined, ...reaction(emoji) },
        { chat: DEFAULT_GROUP, ...rest },
      ) as UpdateOf<'message_reaction'>
    },

    /** Counts of anonymous reactions; it names nobody. */
    messageReactionCount: (count = 3, options: ReactionOptions = {}): UpdateOf<'message_reaction_count'> => {
      const reactions = [{ type: { type: 'emoji', emoji: '👍' }, total_count: count }]
      return act(
        'message_reaction_count',
        { from: undefined, message_id: mint.messageId(), reactions },
        { chat: { id: DEFAULT_CHANNEL, type: 'channel' }, ...options },
      ) as UpdateOf<'message_reaction_count'>
    },

    chatBoost: (booster?: Person, options: PlaceOptions = {}): UpdateOf<'chat_boost'> => {
      const { chat = DEFAULT_GROUP, update_id, ...fields } = options
      const month = 30 * 86_400
      const added = { add_date: mint.seconds(), expiration_date: mint.seconds() + month }
      const payload = { chat: chatOf(chat), boost: { ...boost(booster), ...added }, ...fields }
      return mint.update('chat_boost', payload, update_id) as UpdateOf<'chat_boost'>
    },

    removedChatBoost: (booster?: Person, options: PlaceOptions = {}): UpdateOf<'removed_chat_boost'> => {
      const { chat = DEFAULT_GROUP, update_id, ...fields } = options
      const payload = { chat: chatOf(chat), ...boost(booster), remove_date: mint.seconds(), ...fields }
      return mint.update('removed_chat_boost', payload, update_id) as UpdateOf<'removed_chat_boost'>
    },
  }
}

function memberOf(person: Person, status: string): object {
  const until = status === 'kicked' || status === 'restricted' ? { until_date: 0 } : {}
  return { user: userOf(person), status, ...until }
}

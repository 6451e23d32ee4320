/** Builders of kinds that came after Bot API 7.1, which Telegraf 4.16 has no names for but passes on. */
import type { Message, Update, User } from 'telegraf/types'
import { chatOf, messageOf, userOf, written } from './updates-base'
import type { MessageOptions, Mint, PlaceOptions, SenderOptions, UpdateOptions } from './updates-base'

/** An update whose kind Telegraf's types do not know; it goes where an `Update` goes. */
export type LaterUpdate<Kind extends string, Payload> = Update & Record<Kind, Payload>

/** An update as this Telegraf's types describe its kind, where they know it. */
export type UpdateOf<Kind extends string> = [Extract<Update, Record<Kind, unknown>>] extends [never]
  ? LaterUpdate<Kind, Record<string, unknown>>
  : Extract<Update, Record<Kind, unknown>>

/** What the builders of business messages take. */
export interface BusinessOptions extends MessageOptions {
  business_connection_id?: string
}

const CONNECTION = 'business-connection-1'

export function laterBuilders(mint: Mint) {
  const business = <Kind extends string>(kind: Kind, content: object, options: BusinessOptions) =>
    mint.update(
      kind,
      messageOf(mint, { business_connection_id: CONNECTION, ...content }, options),
      options.update_id,
    ) as LaterUpdate<Kind, Message.TextMessage & { business_connection_id: string }>

  return {
    /** A user connected the bot to their business account, or changed that. */
    businessConnection: (options: SenderOptions = {}) => {
      const { from, update_id, ...fields } = options
      const user = userOf(from)
      const connection = {
        id: CONNECTION,
        user,
        user_chat_id: user.id,
        date: mint.seconds(),
        can_reply: true,
        is_enabled: true,
      }
      return mint.update('business_connection', { ...connection, ...fields }, update_id) as LaterUpdate<
        'business_connection',
        typeof connection
      >
    },

    /** A message in a chat of a connected business account. */
    businessMessage: (text: string, options: BusinessOptions = {}) =>
      business('business_message', written(text, 'text'), options),

    editedBusinessMessage: (text: string, options: BusinessOptions = {}) =>
      business('edited_business_message', { ...written(text, 'text'), edit_date: mint.seconds() }, options),

    /** Messages were deleted in such a chat; it names no user. */
    deletedBusinessMessages: (messageIds: readonly number[] = [1], options: PlaceOptions = {}) => {
      const { chat, update_id, ...fields } = options
      const deleted = {
        business_connection_id: CONNECTION,
        chat: chatOf(chat),
        message_ids: [...messageIds],
      }
      return mint.update('deleted_business_messages', { ...deleted, ...fields }, update_id) as LaterUpdate<
        'deleted_business_messages',
        typeof deleted
      >
    },

    purchasedPaidMedia: (payload = 'paid', options: SenderOptions = {}) => {
      const { from, update_id, ...fields } = options
      const purchase = { from: userOf(from), paid_media_payload: payload }
      return mint.update('purchased_paid_media', { ...purchase, ...fields }, update_id) as LaterUpdate<
        'purchased_paid_media',
        typeof purchase
      >
    },

    /** A bot that this one manages was created, or has a new token. */
    managedBot: (options: SenderOptions = {}) => {
      const { from, update_id, ...fields } = options
      const bot: User = { id: 654321, is_bot: true, first_name: 'Managed', username: 'managed_bot' }
      const managed = { user: userOf(from), bot }
      return mint.update('managed_bot', { ...managed, ...fields }, update_id) as LaterUpdate<
        'managed_bot',
        typeof managed
      >
    },

    /** An update of a kind that nobody has heard of yet: `unknownUpdate('future_thing', { from: { id: 42 } })`. */
    unknownUpdate: <Kind extends string>(kind: Kind, payload: object = {}, options: UpdateOptions = {}) =>
      mint.update(kind, payload, options.update_id) as LaterUpdate<Kind, Record<string, unknown>>,
  }
}

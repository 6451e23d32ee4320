/** Builders of messages and posts. */
import type { Message, Update, User } from 'telegraf/types'
import {
  CHANNEL_BOT,
  DEFAULT_CHANNEL,
  DEFAULT_GROUP,
  GROUP_ANONYMOUS_BOT,
  TELEGRAM_USER,
  chatOf,
  messageOf,
  userOf,
  written,
} from './updates-base'
import type { MessageOptions, Mint, Person, Place, PlaceOptions } from './updates-base'

/** What builders take for messages that are sent on behalf of a chat. */
export interface SenderChatOptions extends MessageOptions {
  sender_chat?: Place
}

export function messageBuilders(mint: Mint) {
  const message = <M extends Message = Message>(content: object, options: MessageOptions = {}) =>
    mint.update(
      'message',
      messageOf(mint, content, options),
      options.update_id,
    ) as unknown as Update.MessageUpdate<M>

  const file = (kind: string) => {
    const id = mint.id(kind)
    return { file_id: id, file_unique_id: `unique-${id}`, file_size: 1024 }
  }
  const photoSizes = () => [{ ...file('photo'), width: 640, height: 480 }]

  const behalf = (text: string, from: User, senderChat: Place, options: SenderChatOptions) => {
    const { sender_chat = senderChat, chat = DEFAULT_GROUP, ...rest } = options
    const content = { ...written(text, 'text'), sender_chat: chatOf(sender_chat) }
    return message<Message.TextMessage>(content, { from, chat, ...rest })
  }

  return {
    /** A message of any content: `message({ video: {…} })`. */
    message,

    /** A text message; commands in it get their entities. */
    text: (text: string, options: MessageOptions = {}) =>
      message<Message.TextMessage>(written(text, 'text'), options),

    /** A photo, with or without a caption. */
    photo: (caption?: string, options: MessageOptions = {}) =>
      message<Message.PhotoMessage>({ photo: photoSizes(), ...written(caption, 'caption') }, options),

    /** An album: `count` photos (2 to 10) of one `media_group_id`, each an update of its own, as Telegram sends it. */
    album: (count: number, options: MessageOptions = {}) => {
      const media_group_id = mint.id('album')
      return Array.from({ length: count }, () =>
        message<Message.PhotoMessage>({ photo: photoSizes(), media_group_id }, options),
      )
    },

    sticker: (emoji = '👍', options: MessageOptions = {}) =>
      message<Message.StickerMessage>(
        {
          sticker: {
            ...file('sticker'),
            type: 'regular',
            width: 512,
            height: 512,
            is_animated: false,
            is_video: false,
            emoji,
          },
        },
        options,
      ),

    document: (fileName = 'report.pdf', options: MessageOptions = {}) =>
      message<Message.DocumentMessage>({ document: { ...file('document'), file_name: fileName } }, options),

    /** @param seconds its length */
    voice: (seconds = 3, options: MessageOptions = {}) =>
      message<Message.VoiceMessage>({ voice: { ...file('voice'), duration: seconds } }, options),

    contact: (phoneNumber = '+10000000000', options: MessageOptions = {}) =>
      message<Message.ContactMessage>(
        { contact: { phone_number: phoneNumber, first_name: userOf(options.from).first_name } },
        options,
      ),

    location: (latitude = 52.52, longitude = 13.405, options: MessageOptions = {}) =>
      message<Message.LocationMessage>({ location: { latitude, longitude } }, options),

    dice: (value = 6, options: MessageOptions = {}) =>
      message<Message.DiceMessage>({ dice: { emoji: '🎲', value } }, options),

    /** Somebody joined a group, or was added to it. */
    newChatMembers: (members: readonly Person[] = [43], options: MessageOptions = {}) =>
      message<Message.NewChatMembersMessage>(
        { new_chat_members: members.map(userOf) },
        { chat: DEFAULT_GROUP, ...options },
      ),

    leftChatMember: (member: Person = 43, options: MessageOptions = {}) =>
      message<Message.LeftChatMemberMessage>(
        { left_chat_member: userOf(member) },
        { chat: DEFAULT_GROUP, ...options },
      ),

    /** The message that tells of a payment. @param amount in the smallest unit of the currency */
    successfulPayment: (amount = 1000, options: MessageOptions = {}) =>
      message<Message.SuccessfulPaymentMessage>(
        {
          successful_payment: {
            currency: 'EUR',
            total_amount: amount,
            invoice_payload: 'invoice',
            telegram_payment_charge_id: mint.id('charge'),
            provider_payment_charge_id: mint.id('provider'),
          },
        },
        options,
      ),

    /** A group became a supergroup: the old group's last message. */
    migrateToChatId: (newChatId: number = DEFAULT_GROUP, options: MessageOptions = {}) =>
      message<Message.MigrateToChatIdMessage>({ migrate_to_chat_id: newChatId }, { chat: -42, ...options }),

    /** An anonymous admin writes: from GroupAnonymousBot, whom all of them share, and with the group as sender_chat. */
    anonymousAdmin: (text: string, options: SenderChatOptions = {}) =>
      behalf(text, GROUP_ANONYMOUS_BOT, options.chat ?? DEFAULT_GROUP, options),

    /** A user writes in a group as a channel: from Channel_Bot, whom all of them share, and with a sender_chat. */
    asChannel: (text: string, options: SenderChatOptions = {}) =>
      behalf(text, CHANNEL_BOT, { id: DEFAULT_CHANNEL, type: 'channel' }, options),

    /** A channel's post as it arrives in the linked discussion group. */
    linkedPost: (text: string, options: SenderChatOptions = {}) => {
      const channel = chatOf(options.sender_chat ?? { id: DEFAULT_CHANNEL, type: 'channel' })
      const message_id = mint.messageId()
      return behalf(text, TELEGRAM_USER, channel, {
        is_automatic_forward: true,
        forward_origin: { type: 'channel', chat: channel, message_id, date: mint.seconds() },
        ...options,
      })
    },

    editedMessage: (text: string, options: MessageOptions = {}) => {
      const content = { ...written(text, 'text'), edit_date: mint.seconds() }
      return mint.update(
        'edited_message',
        messageOf(mint, content, options),
        options.update_id,
      ) as Update.EditedMessageUpdate<Message.TextMessage>
    },

    channelPost: (text: string, options: PlaceOptions = {}) =>
      mint.update(
        'channel_post',
        postOf(mint, written(text, 'text'), options),
        options.update_id,
      ) as Update.ChannelPostUpdate<Message.TextMessage>,

    editedChannelPost: (text: string, options: PlaceOptions = {}) => {
      const content = { ...written(text, 'text'), edit_date: mint.seconds() }
      return mint.update(
        'edited_channel_post',
        postOf(mint, content, options),
        options.update_id,
      ) as Update.EditedChannelPostUpdate<Message.TextMessage>
    },
  }
}

/** A post has no `from`; its sender_chat is the channel itself. */
function postOf(mint: Mint, content: object, options: PlaceOptions): object {
  const { chat = DEFAULT_CHANNEL, ...rest } = options
  const channel = chatOf(
    typeof chat === 'number' ? { id: chat, type: 'channel' } : { type: 'channel', ...chat },
  )
  const post = messageOf(mint, { ...content, sender_chat: channel }, rest)
  return { ...post, chat: channel, from: undefined }
}

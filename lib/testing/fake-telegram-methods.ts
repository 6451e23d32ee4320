/** What each method of the Bot API answers. */
import type { Chat, Message, User, UserFromGetMe } from 'telegraf/types'
import { ApiError, wholeNumber, type Params } from './fake-telegram-api'
import { chatOf, written, type Mint } from './updates-base'

/** Methods that are not listed here, but are built like those of the Bot API, answer `true`. */
const VERBS =
  /^(add|answer|approve|ban|close|convert|copy|create|decline|delete|edit|export|forward|get|gift|hide|leave|logOut|pin|post|promote|read|refund|remove|reopen|replace|repost|restrict|revoke|save|send|set|stop|transfer|unban|unhide|unpin|upgrade|upload|verify)[A-Z]|^(close|logOut)$/

/** Content fields of what a send method sends, where they are not simply the parameter of the same name. */
const FILES = new Set(['animation', 'audio', 'document', 'sticker', 'video', 'video_note', 'voice'])

export class Methods {
  readonly #mint: Mint
  readonly #bot: UserFromGetMe
  readonly #blocked = new Set<string>()
  readonly #sent = new Map<string, Message>()

  constructor(mint: Mint, bot: UserFromGetMe) {
    this.#mint = mint
    this.#bot = bot
  }

  /** A user blocked the bot: nothing reaches that chat any more. */
  block(chatId: number): void {
    this.#blocked.add(String(chatId))
  }

  unblock(chatId: number): void {
    this.#blocked.delete(String(chatId))
  }

  /** The newest message of the bot's in a chat that has an inline button with this data. */
  messageWithButton(chatId: number, data: string): Message | undefined {
    const offers = (message: Message) =>
      message.chat.id === chatId && JSON.stringify(buttonsOf(message)).includes(JSON.stringify(data))
    return [...this.#sent.values()].reverse().find(offers)
  }

  /** @throws ApiError 404 for what is no method, 400 and 403 as the real server */
  answer(method: string, params: Params): unknown {
    if (method === 'getMe') return this.#bot
    if (method === 'sendChatAction') return this.#reachable(params) && true
    if (method === 'sendMediaGroup') return this.#mediaGroup(params)
    if (/^(copy|forward)Messages$/.test(method)) return this.#many(params)
    if (method === 'copyMessage') return { message_id: this.#send(method, params).message_id }
    if (/^(send|forward)[A-Z]/.test(method)) return this.#send(method, params)
    if (/^edit[A-Z]/.test(method) || method === 'stopMessageLiveLocation') return this.#edit(params)
    if (method === 'deleteMessage') return this.#delete(params)
    if (/^get[A-Z]/.test(method)) return this.#get(method, params)
    if (VERBS.test(method)) return true
    throw new ApiError(404)
  }

  #send(method: string, params: Params): Message {
    const chat = this.#reachable(params)
    const message = {
      message_id: this.#mint.messageId(),
      from: userFields(this.#bot),
      chat,
      date: this.#mint.seconds(),
      ...this.#contentOf(method, params),
      ...(params.reply_markup !== undefined && { reply_markup: params.reply_markup }),
    } as unknown as Message
    this.#sent.set(`${chat.id}:${message.message_id}`, message)
    return message
  }

  #contentOf(method: string, params: Params): object {
    if (method === 'sendMessage') {
      if (typeof params.text !== 'string' || params.text === '') {
        throw new ApiError(400, 'Bad Request: message text is empty')
      }
      return written(params.text, 'text')
    }
    const field = snakeCase(method.replace(/^(send|forward|copy)/, ''))
    const caption = typeof params.caption === 'string' ? written(params.caption, 'caption') : {}
    if (field === 'photo') return { photo: [{ ...this.#file('photo'), width: 640, height: 480 }], ...caption }
    if (FILES.has(field)) return { [field]: this.#file(field), ...caption }
    if (field === 'dice') return { dice: { emoji: params.emoji ?? '🎲', value: 6 } }
    return field === 'message' ? {} : { [field]: params[field] ?? {}, ...caption }
  }

  #file(kind: string): object {
    const id = this.#mint.id(kind)
    return { file_id: id, file_unique_id: `unique-${id}`, file_size: 1024 }
  }

  #mediaGroup(params: Params): Message[] {
    const { media } = params
    if (!Array.isArray(media) || media.length < 2) {
      throw new ApiError(400, 'Bad Request: media must include 2-10 items')
    }
    const media_group_id = this.#mint.id('album')
    return media.map(({ type, caption }: { type: string; caption?: string }) => ({
      ...this.#send(`send${type.charAt(0).toUpperCase()}${type.slice(1)}`, {
        chat_id: params.chat_id,
        caption,
      }),
      media_group_id,
    })) as Message[]
  }

  #many(params: Params): { message_id: number }[] {
    this.#reachable(params)
    const ids = Array.isArray(params.message_ids) ? params.message_ids : []
    return ids.map(() => ({ message_id: this.#mint.messageId() }))
  }

  /** Messages of inline mode have no chat, and their edits no result. */
  #edit(params: Params): Message | true {
    if (params.inline_message_id !== undefined) return true
    const chat = this.#reachable(params)
    const key = `${chat.id}:${wholeNumber(params, 'message_id')}`
    const { text, caption, reply_markup } = params
    const message = {
      message_id: params.message_id,
      from: userFields(this.#bot),
      chat,
      date: this.#mint.seconds(),
      ...this.#sent.get(key),
      edit_date: this.#mint.seconds(),
      ...(typeof text === 'string' && written(text, 'text')),
      ...(typeof caption === 'string' && written(caption, 'caption')),
      reply_markup,
    } as unknown as Message
    this.#sent.set(key, message)
    return message
  }

  #delete(params: Params): true {
    const chat = this.#reachable(params)
    this.#sent.delete(`${chat.id}:${wholeNumber(params, 'message_id')}`)
    return true
  }

  #get(method: string, params: Params): unknown {
    switch (method) {
      case 'getChat':
        return this.#reachable(params)
      case 'getChatMember':
        return {
          status: 'member',
          user: { id: wholeNumber(params, 'user_id'), is_bot: false, first_name: 'User' },
        }
      case 'getChatMemberCount':
      case 'getChatMembersCount':
        return 2
      case 'getUserProfilePhotos':
        return { total_count: 0, photos: [] }
      case 'getFile':
        return {
          file_id: params.file_id,
          file_unique_id: `unique-${String(params.file_id)}`,
          file_path: 'file.dat',
        }
      default:
        return /(s|Commands)$/.test(method) ? [] : {}
    }
  }

  #reachable(params: Params): Chat {
    const id = params.chat_id
    if (id === undefined || id === '') throw new ApiError(400, 'Bad Request: chat_id is empty')
    if (this.#blocked.has(String(id))) throw new ApiError(403)
    if (typeof id === 'string' && id.startsWith('@')) {
      return chatOf({ id: -1001000000099, type: 'channel', username: id.slice(1) })
    }
    return chatOf(wholeNumber(params, 'chat_id'))
  }
}

function userFields({ id, is_bot, first_name, username }: UserFromGetMe): User {
  return { id, is_bot, first_name, username }
}

function buttonsOf(message: Message): unknown {
  return ('reply_markup' in message && message.reply_markup?.inline_keyboard) || []
}

function snakeCase(name: string): string {
  return name.replace(/(?<!^)[A-Z]/g, '_$&').toLowerCase()
}

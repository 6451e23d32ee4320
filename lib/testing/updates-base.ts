/** What all update builders share: numbering, dates, people and chats. */
import type { Chat, Message, MessageEntity, Update, User } from 'telegraf/types'
import type { Clock } from '../clock'
import { CLOCK_START } from './manual-clock'

/** A user: an id, or the fields of a `User` that matter. */
export type Person = number | Partial<User>

/** The fields of a chat that a builder cannot guess. */
export interface ChatFields {
  id: number
  type?: Chat['type']
  [field: string]: unknown
}

/** A chat: an id, or fields. An id > 0 is a private chat, one from -1000000000000 down a supergroup, else a group. */
export type Place = number | Chat | ChatFields

/** `update_id`, and any field of the payload: what is given here wins over every default. */
export interface UpdateOptions {
  update_id?: number
  [field: string]: unknown
}

/** Who sends it. */
export interface SenderOptions extends UpdateOptions {
  /** Default: the user 42. */
  from?: Person
}

/** Where it happens, for what no user sends. */
export interface PlaceOptions extends UpdateOptions {
  chat?: Place
}

/** Who sends it, and where. */
export interface MessageOptions extends SenderOptions {
  /** Default: the sender's private chat. */
  chat?: Place
}

/** Options of a set of builders. */
export interface MintOptions {
  /** The first update_id. Default 1. */
  startId?: number
  /** Unix time (s) of every update; wins over `clock`. */
  date?: number
  /** Where dates come from. Default: always 2026-01-01T00:00:00Z, so that runs do not differ. */
  clock?: Clock
}

/** The user that builders take if none is named. */
export const DEFAULT_USER = 42
/** The chat for what only happens in groups. */
export const DEFAULT_GROUP = -1001000000042
/** The channel for posts, and for those who write as one. */
export const DEFAULT_CHANNEL = -1001000000077

/** The bot itself, where an update names it. */
export const BOT_USER: User = { id: 123456, is_bot: true, first_name: 'Test Bot', username: 'test_bot' }

/** The user in whose name Telegram delivers what anonymous group admins write. */
export const GROUP_ANONYMOUS_BOT: User = {
  id: 1087968824,
  is_bot: true,
  first_name: 'Group',
  username: 'GroupAnonymousBot',
}

/** The user in whose name Telegram delivers what people write, and vote, as a channel. */
export const CHANNEL_BOT: User = {
  id: 136817688,
  is_bot: true,
  first_name: 'Channel',
  username: 'Channel_Bot',
}

/** The user in whose name a channel's posts are forwarded to its discussion group. */
export const TELEGRAM_USER: User = { id: 777000, is_bot: false, first_name: 'Telegram' }

/** Issues the numbers of one set of updates: ids that only grow, dates from a clock. */
export class Mint {
  #update: number
  #message = 1
  #other = 1
  readonly #options: MintOptions

  constructor(options: MintOptions = {}) {
    this.#options = options
    this.#update = options.startId ?? 1
  }

  updateId(): number {
    return this.#update++
  }

  /** Later ids are greater than this one. */
  skipPast(updateId: number): void {
    if (updateId >= this.#update) this.#update = updateId + 1
  }

  messageId(): number {
    return this.#message++
  }

  /** For queries, polls, albums, files: a string as Telegram's, unique in this set. */
  id(kind: string): string {
    return `${kind}-${this.#other++}`
  }

  /** Unix time in seconds. */
  seconds(): number {
    return this.#options.date ?? Math.floor((this.#options.clock?.now() ?? CLOCK_START) / 1000)
  }

  /** An update of one kind; fields that are `undefined` are left out, as in JSON. */
  update(kind: string, payload: object, updateId: number | undefined): Update {
    return { update_id: updateId ?? this.updateId(), [kind]: tidy(payload) } as unknown as Update
  }
}

/** A `User` with every field that Telegram always sends; one with `is_bot` is complete and stays as it is. */
export function userOf(person: Person = DEFAULT_USER): User {
  const fields = typeof person === 'number' ? { id: person } : person
  const id = fields.id ?? DEFAULT_USER
  const guessed = fields.is_bot === undefined ? { language_code: 'en' } : {}
  return { id, is_bot: false, first_name: `User ${id}`, ...guessed, ...fields }
}

/** A `Chat` of the type that its id suggests; by default the private chat of `owner`. */
export function chatOf(place: Place | undefined, owner: User = userOf()): Chat {
  const fields: { id: number; type?: Chat['type'] } =
    typeof place === 'object' ? place : { id: place ?? owner.id }
  const type = fields.type ?? typeOf(fields.id)
  const name = type === 'private' ? { first_name: owner.first_name } : { title: `${type} ${fields.id}` }
  return { type, ...name, ...fields } as unknown as Chat
}

/** The fields of a message from a user. */
export function messageOf(mint: Mint, content: object, options: MessageOptions): Message {
  const { from, chat, ...fields } = options
  const sender = userOf(from)
  return tidy({
    message_id: mint.messageId(),
    from: sender,
    chat: chatOf(chat, sender),
    date: mint.seconds(),
    ...content,
    ...fields,
    update_id: undefined,
  }) as unknown as Message
}

/** `{ text, entities }`, or the same for captions: entities only where there is a command, as Telegram does. */
export function written(text: string | undefined, field: 'text' | 'caption'): Record<string, unknown> {
  if (text === undefined) return {}
  const entities = commandEntities(text)
  const entitiesField = field === 'text' ? 'entities' : 'caption_entities'
  return entities.length > 0 ? { [field]: text, [entitiesField]: entities } : { [field]: text }
}

/** Drops the fields that are `undefined`. */
export function tidy(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function typeOf(id: number): Chat['type'] {
  if (id > 0) return 'private'
  return id <= -1_000_000_000_000 ? 'supergroup' : 'group'
}

function commandEntities(text: string): MessageEntity[] {
  const commands = text.matchAll(/(?<![^\s(])\/\w{1,64}(?:@\w{3,32})?(?![\w@/])/g)
  return Array.from(commands, ({ 0: command, index }) => ({
    type: 'bot_command',
    offset: index,
    length: command.length,
  }))
}

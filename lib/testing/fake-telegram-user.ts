/** A person at the other end: what they do becomes updates. */
import type { Chat, Message, Update, User } from 'telegraf/types'
import { chatOf, type MessageOptions, type Place, type SenderOptions } from './updates-base'
import type { Updates } from './updates'

/** What a user needs of the server. */
export interface UserHome {
  readonly updates: Updates
  send(update: Update): number
  texts(chatId: number): string[]
  /** The bot's newest message in a chat with a button of this data. */
  messageWithButton(chatId: number, data: string): Message | undefined
  /** Whether what the bot sends reaches this chat. */
  setReachable(chatId: number, reachable: 'reachable' | 'blocked'): void
}

/**
 * A user of the bot, made by `telegram.user()`. Each action enqueues an update and returns its `update_id`, which
 * `telegram.handled()` takes.
 *
 * @example
 * const ann = telegram.user({ first_name: 'Ann' })
 * ann.command('buy 3')
 * await telegram.idle()
 * expect(ann.heard()).toEqual(['Bought 3.'])
 */
export class FakeUser {
  /** As Telegram describes this user to the bot. */
  readonly user: User
  readonly #home: UserHome
  readonly #chat: Chat
  /** Messages that were invented for buttons which the bot has not sent. */
  readonly #invented = new Map<string, object>()

  /** @internal */
  constructor(home: UserHome, user: User, chat?: Place) {
    this.#home = home
    this.user = user
    this.#chat = chatOf(chat, user)
  }

  get id(): number {
    return this.user.id
  }

  /** The same person in another chat: `ann.in(-1001234567890).say('hi')`. */
  in(chat: Place): FakeUser {
    return new FakeUser(this.#home, this.user, chat)
  }

  /** Writes a message. */
  say(text: string, options: MessageOptions = {}): number {
    return this.#send(this.#home.updates.text(text, this.#here(options)))
  }

  /** Sends a command, with or without its slash: `command('buy 3')`. */
  command(command: string, options: MessageOptions = {}): number {
    return this.say(command.startsWith('/') ? command : `/${command}`, options)
  }

  /**
   * Taps an inline button. The message is the one given, or the bot's newest in this chat that has such a button, or
   * an invented one: the same whenever this button is tapped.
   */
  tap(data: string, message?: object): number {
    const tapped = message ?? this.#home.messageWithButton(this.#chat.id, data) ?? this.#invented.get(data)
    const update = this.#home.updates.callbackQuery(data, this.#here(tapped && { message: tapped }))
    if (tapped === undefined) this.#invented.set(data, (update.callback_query as { message: object }).message)
    return this.#send(update)
  }

  /** Types `@bot query` in some chat. */
  inline(query: string, options: SenderOptions = {}): number {
    return this.#send(this.#home.updates.inlineQuery(query, { from: this.user, ...options }))
  }

  /** Sends an album of `count` photos; one update each. */
  photoAlbum(count: number, options: MessageOptions = {}): number[] {
    return this.#home.updates.album(count, this.#here(options)).map((update) => this.#send(update))
  }

  /** Blocks the bot: it gets a `my_chat_member` update, and whatever it sends here fails with 403. */
  block(): number {
    this.#home.setReachable(this.id, 'blocked')
    return this.#send(this.#home.updates.myChatMember('kicked', { from: this.user }))
  }

  /** Lets the bot write again. */
  unblock(): number {
    this.#home.setReachable(this.id, 'reachable')
    return this.#send(this.#home.updates.myChatMember('member', { from: this.user }))
  }

  /** What the bot has said in this chat. */
  heard(): string[] {
    return this.#home.texts(this.#chat.id)
  }

  #here<Options extends MessageOptions>(options: Options | undefined): MessageOptions {
    return { from: this.user, chat: this.#chat, ...options }
  }

  #send(update: Update): number {
    return this.#home.send(update)
  }
}

import { setMaxListeners } from 'node:events'
import type { Server } from 'node:http'
import type { Update, User, UserFromGetMe, WebhookInfo } from 'telegraf/types'
import type { Clock } from '../clock'
import type { Duration } from '../duration'
import { SentinelUsageError } from '../errors'
import {
  ApiError,
  Disconnect,
  stringList,
  wholeNumber,
  type ApiAnswer,
  type Call,
  type Params,
} from './fake-telegram-api'
import { Faults, FloodControl, type Failure } from './fake-telegram-faults'
import { addressOf, listen, shut } from './fake-telegram-http'
import { Methods } from './fake-telegram-methods'
import { UpdateQueue, type NewUpdate } from './fake-telegram-queue'
import { Signal, milliseconds, type WaitOptions } from './fake-telegram-signal'
import { FakeUser } from './fake-telegram-user'
import { WebhookCourier } from './fake-telegram-webhook'
import { BOT_USER, Mint, userOf } from './updates-base'
import { updatesFrom, type Updates } from './updates'

/** Options of `FakeTelegram.start`. */
export interface FakeTelegramOptions {
  /** Default `'123456:TEST'`. */
  token?: string
  /** What getMe answers, over the defaults (`@test_bot`, id from the token). */
  bot?: Partial<UserFromGetMe>
  /** Default: any free port. */
  port?: number
  /** Refuse messages beyond Telegram's own limits (30/s, 1/s per chat, 20/min per group) with 429. Default `false`. */
  limits?: boolean
  /** Time of dates, of `calls` and of `limits`. Delays and polls take real time. Default: real time. */
  clock?: Clock
  /** The first `update_id`. Default 1. */
  startId?: number
  /** Waits before a failed webhook delivery is tried again; the last one repeats. Default 20 ms, 100 ms, 500 ms, 2 s. */
  webhookRetryDelays?: readonly Duration[]
  /** How long a webhook may take to answer. Default `'60s'`. */
  webhookTimeout?: Duration
}

const DEFAULT_TOKEN = '123456:TEST'
const RETRY_DELAYS: readonly Duration[] = ['20ms', '100ms', '500ms', '2s']

/**
 * A Bot API server on 127.0.0.1 for tests: a real bot talks to it over HTTP, by long polling or by webhook.
 *
 * It keeps to the Bot API where tests can tell: offsets, `allowed_updates` (looked at when updates are handed over),
 * conflicts, secret tokens, redelivery, error answers. Methods that it does not know answer `true`.
 *
 * @see https://core.telegram.org/bots/api
 *
 * @example
 * const telegram = await FakeTelegram.start()
 * const bot = new Telegraf(telegram.token, { telegram: { apiRoot: telegram.apiRoot } })
 * bot.start((ctx) => ctx.reply('Welcome!'))
 * void bot.launch()
 *
 * const ann = telegram.user({ first_name: 'Ann' })
 * ann.command('start')
 * await telegram.idle()
 * expect(ann.heard()).toEqual(['Welcome!'])
 *
 * bot.stop()
 * await telegram.stop()
 */
export class FakeTelegram {
  /** Builders that share the server's numbering: `telegram.send(telegram.updates.poll())`. */
  readonly updates: Updates
  /** The bot's token. */
  readonly token: string
  readonly #calls: Call[] = []
  readonly #called = new Signal()
  readonly #faults = new Faults()
  readonly #flood: FloodControl | undefined
  readonly #clock: Clock
  readonly #methods: Methods
  readonly #queue: UpdateQueue
  readonly #webhook: WebhookCourier
  readonly #stopped = new AbortController()
  #server: Server | undefined
  #apiRoot = ''
  #users = 1000

  private constructor(options: FakeTelegramOptions) {
    this.token = tokenOf(options.token ?? DEFAULT_TOKEN)
    // As many delayed calls as a test asks for listen to it: that is no leak.
    setMaxListeners(0, this.#stopped.signal)
    this.#clock = options.clock ?? { now: () => Date.now() }
    this.#flood = options.limits ? new FloodControl(this.#clock) : undefined
    const mint = new Mint({ startId: options.startId, clock: this.#clock })
    this.updates = updatesFrom(mint)
    this.#methods = new Methods(mint, botInfo(this.token, options.bot))
    this.#queue = new UpdateQueue(mint)
    this.#webhook = new WebhookCourier(this.#queue, {
      retryDelays: (options.webhookRetryDelays ?? RETRY_DELAYS).map((delay) =>
        milliseconds('webhookRetryDelays', delay),
      ),
      timeout: milliseconds('webhookTimeout', options.webhookTimeout ?? '60s'),
      clock: this.#clock,
      execute: (method, params) => this.#execute({ method, params, at: this.#clock.now(), via: 'webhook' }),
    })
    this.#queue.onUpdate = () => this.#webhook.pump()
  }

  /**
   * Starts a server.
   *
   * @throws SentinelUsageError for a token or a duration that is none
   */
  static async start(options: FakeTelegramOptions = {}): Promise<FakeTelegram> {
    const telegram = new FakeTelegram(options)
    telegram.#server = await listen(telegram.token, options.port ?? 0, (method, params, gone) =>
      telegram.#request(method, params, gone),
    )
    telegram.#apiRoot = addressOf(telegram.#server)
    return telegram
  }

  /** What Telegraf's `telegram.apiRoot` option takes: `http://127.0.0.1:<port>`. */
  get apiRoot(): string {
    return this.#apiRoot
  }

  /** Every call of the bot's since the start or `clear()`, oldest first; getUpdates is left out. */
  get calls(): readonly Call[] {
    return this.#calls
  }

  /** The calls to one method. */
  callsTo(method: string): Call[] {
    return this.#calls.filter((call) => call.method === method)
  }

  /**
   * The first call to a method (for which `predicate` holds), as soon as it has arrived; one that is already in
   * `calls` counts.
   *
   * @throws Error after `timeout` (default `'5s'`), naming the calls that did come
   */
  waitForCall(
    method: string,
    predicate: (call: Call) => boolean = () => true,
    options?: WaitOptions,
  ): Promise<Call> {
    const find = () => this.callsTo(method).find(predicate)
    const explain = () => {
      const others = this.#calls.map((call) => call.method).join(', ') || 'none'
      return `no such call to ${method}; calls so far: ${others}`
    }
    return this.#called.until(find, explain, options)
  }

  /** Forgets the calls. */
  clear(): void {
    this.#calls.length = 0
  }

  /** The texts and captions that the bot has sent to a chat, or to any; calls that failed are left out. */
  texts(chatId?: number | string): string[] {
    return this.#calls
      .filter(({ method, result }) => /^(send|copy)/.test(method) && result !== undefined)
      .filter(({ params }) => chatId === undefined || String(params.chat_id) === String(chatId))
      .map(({ params }) => params.text ?? params.caption)
      .filter((text) => typeof text === 'string')
  }

  /**
   * Makes the next calls to a method fail (`'*'`: of any but getUpdates): with an error, or with `'disconnect'`.
   *
   * @example telegram.failNext('sendMessage', { code: 429, retryAfter: 3 })
   * @param times how many of them; default 1
   */
  failNext(method: string, failure: Failure, times = 1): void {
    this.#faults.failNext(method, failure, times)
  }

  /** Answers a method (`'*'`: any but getUpdates) only after this long; `0` ends that. */
  delay(method: string, duration: Duration | 0): void {
    this.#faults.delay(method, duration)
  }

  /**
   * Enqueues an update and returns its id. Those sent in one go arrive as one batch, 100 at most.
   *
   * @throws SentinelUsageError for what is no update, and for an id that a polling bot has already confirmed
   */
  send(update: NewUpdate): number {
    this.#assertRunning()
    return this.#queue.add(update)
  }

  /**
   * Resolves once the bot has confirmed this update: Telegraf asks for the next batch when all handlers of a batch
   * are done, a webhook answers when its handler is.
   *
   * @throws Error after `timeout` (default `'5s'`), or if the update was dropped because of `allowed_updates`
   */
  handled(updateId: number, options?: WaitOptions): Promise<void> {
    return this.#queue.handled(updateId, options)
  }

  /**
   * Resolves once the bot has confirmed all updates.
   *
   * @throws Error after `timeout` (default `'5s'`), naming the updates that still wait
   */
  idle(options?: WaitOptions): Promise<void> {
    return this.#queue.idle(options)
  }

  /**
   * Resolves once a bot waits for updates in a long poll: from then on `bot.stop()` works, too.
   *
   * @example
   * void bot.launch()
   * await telegram.polled()
   * @throws Error after `timeout` (default `'5s'`)
   */
  polled(options?: WaitOptions): Promise<void> {
    return this.#queue.polled(options)
  }

  /** What getWebhookInfo answers. */
  webhookInfo(): WebhookInfo {
    return this.#webhook.info()
  }

  /** A person who uses the bot; ids count up from 1001 unless given. */
  user(fields: Partial<User> = {}): FakeUser {
    const home = {
      updates: this.updates,
      send: (update: Update) => this.send(update),
      texts: (chatId: number) => this.texts(chatId),
      messageWithButton: (chatId: number, data: string) => this.#methods.messageWithButton(chatId, data),
      setReachable: (chatId: number, reachable: 'reachable' | 'blocked') =>
        reachable === 'blocked' ? this.#methods.block(chatId) : this.#methods.unblock(chatId),
    }
    return new FakeUser(home, userOf({ id: fields.id ?? ++this.#users, ...fields }))
  }

  /** Ends hanging polls and deliveries, closes all connections. Stop the bot first. May be called twice. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    this.#stopped.abort()
    this.#queue.close()
    this.#webhook.close()
    this.#called.close(new Error('FakeTelegram was stopped'))
    await shut(server)
  }

  /** `await using telegram = await FakeTelegram.start()` */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #request(method: string, params: Params, gone: AbortSignal): Promise<ApiAnswer> {
    if (method !== 'getUpdates') {
      return this.#execute({ method, params, at: this.#clock.now(), via: 'request' })
    }
    await this.#faults.wait(method, this.#stopped.signal)
    this.#faults.raise(method)
    return { ok: true, result: await this.#getUpdates(params, gone) }
  }

  async #execute(call: Call): Promise<ApiAnswer> {
    this.#calls.push(call)
    this.#called.notify()
    await this.#faults.wait(call.method, this.#stopped.signal)
    try {
      this.#faults.raise(call.method)
      this.#flood?.admit(call.method, call.params)
      call.result = this.#answer(call.method, call.params)
      return { ok: true, result: call.result }
    } catch (error) {
      if (error instanceof Disconnect) call.error = { code: 0, description: 'disconnected' }
      if (!(error instanceof ApiError)) throw error
      call.error = { code: error.code, description: error.message, retryAfter: error.retryAfter }
      return error.answer()
    }
  }

  #answer(method: string, params: Params): unknown {
    switch (method) {
      case 'setWebhook':
        return this.#webhook.set(params)
      case 'deleteWebhook':
        return this.#webhook.delete(params)
      case 'getWebhookInfo':
        return this.#webhook.info()
      default:
        return this.#methods.answer(method, params)
    }
  }

  #getUpdates(params: Params, gone: AbortSignal): Promise<Update[]> {
    if (this.#webhook.active) {
      throw new ApiError(
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
      )
    }
    const limit = wholeNumber(params, 'limit') ?? 100
    return this.#queue.poll({
      offset: wholeNumber(params, 'offset') ?? 0,
      limit: limit >= 1 && limit <= 100 ? limit : 100,
      timeout: Math.max(0, wholeNumber(params, 'timeout') ?? 0) * 1000,
      allowed: stringList(params, 'allowed_updates'),
      gone,
    })
  }

  #assertRunning(): void {
    if (this.#server === undefined) throw new SentinelUsageError('this FakeTelegram has been stopped')
  }
}

function tokenOf(token: string): string {
  if (/^\d+:[\w-]+$/.test(token)) return token
  throw new SentinelUsageError(`token: ${JSON.stringify(token)} does not look like '123456:TEST'`)
}

function botInfo(token: string, fields: Partial<UserFromGetMe> = {}): UserFromGetMe {
  return {
    ...BOT_USER,
    id: Number(token.split(':')[0]),
    is_bot: true,
    username: 'test_bot',
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: true,
    ...fields,
  }
}

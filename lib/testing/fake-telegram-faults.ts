/** Errors, delays and flood limits that a test asks for. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../clock'
import type { Duration } from '../duration'
import { SentinelUsageError } from '../errors'
import { ApiError, Disconnect, type Params } from './fake-telegram-api'
import { milliseconds } from './fake-telegram-signal'

/** How a call fails: with an error of the Bot API, or with a connection that breaks. */
export type Failure =
  | {
      /** As HTTP status and as error_code: 400 to 599. */
      code: number
      /** Default: what Telegram says for the code. */
      description?: string
      /** Seconds. */
      retryAfter?: number
    }
  | 'disconnect'

/** Failures and delays, per method; `*` stands for all methods but getUpdates. */
export class Faults {
  readonly #failures = new Map<string, Failure[]>()
  readonly #delays = new Map<string, number>()

  failNext(method: string, failure: Failure, times: number): void {
    if (failure !== 'disconnect' && !(failure.code >= 400 && failure.code < 600)) {
      throw new SentinelUsageError(`failNext: an error's code is 400 to 599, not ${failure.code}`)
    }
    if (!(times >= 1)) throw new SentinelUsageError(`failNext: times must be at least 1, not ${times}`)
    const queue = this.#failures.get(method) ?? []
    for (let i = 0; i < times; i++) queue.push(failure)
    this.#failures.set(method, queue)
  }

  delay(method: string, duration: Duration | 0): void {
    if (duration === 0) this.#delays.delete(method)
    else this.#delays.set(method, milliseconds('delay', duration))
  }

  /** Waits as long as was asked for, if at all; at once when `signal` aborts. */
  async wait(method: string, signal: AbortSignal): Promise<void> {
    const delay = this.#delays.get(method) ?? (method === 'getUpdates' ? undefined : this.#delays.get('*'))
    if (delay !== undefined) await sleep(delay, undefined, { signal }).catch(() => undefined)
  }

  /** @throws ApiError, Disconnect if this call is to fail */
  raise(method: string): void {
    const failure =
      this.#failures.get(method)?.shift() ??
      (method === 'getUpdates' ? undefined : this.#failures.get('*')?.shift())
    if (failure === undefined) return
    if (failure === 'disconnect') throw new Disconnect()
    throw new ApiError(failure.code, failure.description, failure.retryAfter)
  }
}

/** Messages per span of time, by whom they are counted. */
interface FloodRule {
  readonly limit: number
  readonly span: number
  readonly bucket: (chat: string) => string | undefined
}

/**
 * Telegram's limits for outgoing messages.
 *
 * @see https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
 */
const FLOOD_RULES: readonly FloodRule[] = [
  { limit: 30, span: 1_000, bucket: () => 'all' },
  { limit: 1, span: 1_000, bucket: (chat) => `chat ${chat}` },
  { limit: 20, span: 60_000, bucket: (chat) => (isGroup(chat) ? `group ${chat}` : undefined) },
]

/** Refuses messages beyond Telegram's limits with 429, like the real server. */
export class FloodControl {
  readonly #clock: Clock
  readonly #sent = new Map<string, number[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws ApiError 429 */
  admit(method: string, params: Params): void {
    if (!/^(send|copy|forward)/.test(method) || method === 'sendChatAction') return
    const now = this.#clock.now()
    const chat = String(params.chat_id)
    const logs = FLOOD_RULES.map((rule) => this.#log(rule, chat, now))
    const waits = FLOOD_RULES.map(({ limit, span }, i) =>
      logs[i].length < limit ? 0 : logs[i][logs[i].length - limit] + span - now,
    )
    const wait = Math.max(...waits)
    if (wait > 0) throw new ApiError(429, undefined, Math.ceil(wait / 1000))
    for (const log of logs) log.push(now)
  }

  #log({ span, bucket }: FloodRule, chat: string, now: number): number[] {
    const key = bucket(chat)
    if (key === undefined) return []
    const log = (this.#sent.get(key) ?? []).filter((at) => at > now - span)
    this.#sent.set(key, log)
    return log
  }
}

function isGroup(chat: string): boolean {
  return chat.startsWith('-')
}

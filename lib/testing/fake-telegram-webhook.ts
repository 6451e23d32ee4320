/** setWebhook, getWebhookInfo, deleteWebhook, and the delivery of updates to the bot's own server. */
import { setMaxListeners } from 'node:events'
import { request, STATUS_CODES } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { isNativeError } from 'node:util/types'
import type { Update, WebhookInfo } from 'telegraf/types'
import type { Clock } from '../clock'
import { ApiError, Disconnect, isTrue, stringList, wholeNumber, type Params } from './fake-telegram-api'
import { parseParams } from './fake-telegram-body'
import type { UpdateQueue } from './fake-telegram-queue'

export interface CourierOptions {
  /** ms before the second, third, … attempt; the last one repeats. */
  readonly retryDelays: readonly number[]
  /** ms that the bot has for its answer. */
  readonly timeout: number
  readonly clock: Clock
  /** Runs a method that the bot answers a delivery with. */
  readonly execute: (method: string, params: Params) => Promise<unknown>
}

interface Target {
  readonly url: URL
  readonly secret: string | undefined
  readonly maxConnections: number
  /** Aborted when the webhook is replaced or deleted. */
  readonly ended: AbortController
}

interface Delivered {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

export class WebhookCourier {
  readonly #queue: UpdateQueue
  readonly #options: CourierOptions
  #target: Target | undefined
  #inFlight = 0
  #lastError: { date: number; message: string } | undefined

  constructor(queue: UpdateQueue, options: CourierOptions) {
    this.#queue = queue
    this.#options = options
  }

  get active(): boolean {
    return this.#target !== undefined
  }

  set(params: Params): true {
    const address = params.url
    if (address === undefined || address === '') return this.delete(params)
    const ended = new AbortController()
    // As many deliveries as Telegram allows at once listen to it: that is no leak.
    setMaxListeners(0, ended.signal)
    const target: Target = {
      url: webhookUrl(address),
      secret: secretOf(params),
      maxConnections: wholeNumber(params, 'max_connections') ?? 40,
      ended,
    }
    const allowed = stringList(params, 'allowed_updates')
    this.#queue.endPoll(new ApiError(409, 'Conflict: terminated by setWebhook request'))
    this.#replace(target, params)
    this.#queue.allow(allowed)
    this.pump()
    return true
  }

  delete(params: Params): true {
    this.#replace(undefined, params)
    return true
  }

  info(): WebhookInfo {
    const error = this.#lastError
    return {
      url: this.#target?.url.href ?? '',
      has_custom_certificate: false,
      pending_update_count: this.#queue.size,
      ...(this.#target && { max_connections: this.#target.maxConnections, ip_address: '127.0.0.1' }),
      ...(error && { last_error_date: error.date, last_error_message: error.message }),
      ...(this.#queue.allowed.length > 0 && { allowed_updates: [...this.#queue.allowed] }),
    }
  }

  /** Starts as many deliveries as there are updates and connections. */
  pump(): void {
    const target = this.#target
    while (target !== undefined && this.#inFlight < target.maxConnections) {
      const update = this.#queue.claim()
      if (update === undefined) return
      this.#inFlight++
      void this.#deliver(update, target).finally(() => {
        this.#inFlight--
        this.pump()
      })
    }
  }

  close(): void {
    this.#target?.ended.abort()
    this.#target = undefined
  }

  #replace(target: Target | undefined, params: Params): void {
    this.close()
    this.#lastError = undefined
    if (isTrue(params, 'drop_pending_updates')) this.#queue.drop()
    this.#target = target
  }

  async #deliver(update: Update, target: Target): Promise<void> {
    const { signal } = target.ended
    for (let attempt = 0; !signal.aborted; attempt++) {
      const failure = await this.#attempt(update, target)
      if (failure === undefined) return this.#queue.settle(update)
      if (signal.aborted) break
      this.#lastError = { date: Math.floor(this.#options.clock.now() / 1000), message: failure }
      const { retryDelays } = this.#options
      const delay = retryDelays[Math.min(attempt, retryDelays.length - 1)]
      await sleep(delay, undefined, { signal }).catch(() => undefined)
    }
    this.#queue.release(update)
  }

  /** One POST; what went wrong, or `undefined`. */
  async #attempt(update: Update, target: Target): Promise<string | undefined> {
    try {
      const answer = await post(target, JSON.stringify(update), this.#options.timeout)
      if (answer.status < 200 || answer.status > 299) {
        return `Wrong response from the webhook: ${answer.status} ${STATUS_CODES[answer.status] ?? ''}`.trim()
      }
      await this.#executeReply(answer)
      return undefined
    } catch (error) {
      return whyUnreachable(error)
    }
  }

  /** A bot may answer a delivery with a call; as with the real server, it never learns what came of it. */
  async #executeReply({ contentType, body }: Delivered): Promise<void> {
    try {
      const { method, ...params } = parseParams(contentType, body)
      if (typeof method === 'string') await this.#options.execute(method, params)
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof Disconnect)) throw error
    }
  }
}

function post({ url, secret, ended }: Target, body: string, timeout: number): Promise<Delivered> {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(secret !== undefined && { 'x-telegram-bot-api-secret-token': secret }),
  }
  const address = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (url.protocol === 'https:' ? 443 : 80),
    path: url.pathname + url.search,
  }
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { ...address, method: 'POST', headers, agent: false, signal: ended.signal, timeout },
      (response) => {
        buffer(response).then((content) => {
          const { statusCode = 0, headers: received } = response
          resolve({ status: statusCode, contentType: received['content-type'] ?? '', body: content })
        }, reject)
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error('Read timeout expired')))
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

function webhookUrl(address: unknown): URL {
  const url = URL.canParse(String(address)) ? new URL(String(address)) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new ApiError(400, 'Bad Request: bad webhook: an HTTPS URL must be provided for webhook')
  }
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) {
    throw new ApiError(
      400,
      `Bad Request: bad webhook: FakeTelegram delivers to this machine only (127.0.0.1), not to ${url.hostname}`,
    )
  }
  return url
}

function secretOf({ secret_token: secret }: Params): string | undefined {
  if (secret === undefined || secret === '') return undefined
  if (/^[\w-]{1,256}$/.test(String(secret))) return String(secret)
  throw new ApiError(400, 'Bad Request: secret token contains unallowed characters')
}

/** Not `instanceof Error`: under Jest, node's own errors come from another realm. */
function whyUnreachable(error: unknown): string {
  if (!isNativeError(error)) return String(error)
  return 'code' in error && error.code === 'ECONNREFUSED' ? 'Connection refused' : error.message
}

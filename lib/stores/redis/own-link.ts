import { createRequire } from 'node:module'
import { SentinelOptionsError, StoreError } from '../../errors'
import { sendOptions } from './clients'
import type { RedisClientLike } from './clients'
import type { Argument } from './connection'
import { CONNECT_TIMEOUT } from './link'
import type { Link, Route } from './link'
import { addressOf } from './url'

/** ms before the first and at most before any further attempt to connect; each is spread by chance. */
const FIRST_DELAY = 50
const LONGEST_DELAY = 2000
/** Calls without an answer after which a connection is given up. */
const LOST_ENOUGH = 3

/** A client as we make it ourselves. */
interface OwnClient extends RedisClientLike {
  readonly isReady: boolean
  unref(): void
}

type CreateClient = (options: object) => OwnClient

/**
 * A client of our own, made from a URL and made anew whenever it is lost: for ever, at growing intervals. Neither it
 * nor its timers hold the process. While there is no connection, calls fail at once.
 */
export class OwnLink implements Link {
  readonly topology = 'one'
  readonly name: string
  readonly #create: CreateClient
  readonly #url: string
  #client: OwnClient | undefined
  #opening: Promise<void> | undefined
  /** Why there is no connection; `undefined` before the first attempt, and while there is one. */
  #lastError: Error | undefined
  #retry: NodeJS.Timeout | undefined
  #failures = 0
  #closed = false

  /** @throws SentinelOptionsError where the URL is none, or the package redis is missing. */
  constructor(url: string) {
    this.name = addressOf(url)
    this.#url = url
    this.#create = loadCreateClient(this.name)
  }

  async open(): Promise<void> {
    if (this.#closed) throw new StoreError(`the store on ${this.name} was closed`)
    if (this.#client?.isReady) return
    if (this.#opening === undefined && this.#retry !== undefined) throw this.#lastError
    this.#opening ??= this.#attempt()
    await this.#opening
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#retry)
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) destroy(client)
  }

  async send(args: Argument[], _route: Route, signal: AbortSignal): Promise<unknown> {
    if (!this.#client?.isReady) {
      if (this.#lastError !== undefined) throw this.#lastError
      await this.open()
    }
    if (this.#client === undefined) throw this.#lastError ?? new StoreError(`${this.name}: no connection`)
    return this.#client.sendCommand(args, sendOptions(signal))
  }

  async masters(): Promise<readonly string[]> {
    return ['']
  }

  stalled(_route: Route, lost: number): void {
    if (lost < LOST_ENOUGH || this.#client === undefined) return
    this.#lose(this.#client, new Error(`Connection timeout: ${lost} calls got no answer`))
  }

  async #attempt(): Promise<void> {
    const client = this.#create({
      url: this.#url,
      RESP: 2,
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: 'disabled',
      socket: { connectTimeout: CONNECT_TIMEOUT, reconnectStrategy: false },
    })
    client.unref()
    client.on('error', (error) => this.#lose(client, error))
    this.#client = client
    const timer = setTimeout(
      () => this.#lose(client, new Error(`Connection timeout: no answer within ${CONNECT_TIMEOUT} ms`)),
      CONNECT_TIMEOUT,
    )
    timer.unref()
    try {
      await client.connect()
    } catch (error) {
      this.#lose(client, error as Error)
      // Why it was given up says more than what that did to the attempt.
      throw this.#lastError ?? error
    } finally {
      clearTimeout(timer)
      this.#opening = undefined
    }
    this.#lastError = undefined
    this.#failures = 0
  }

  /** Gives a client up and sees to the next one. */
  #lose(client: OwnClient, error: Error): void {
    if (this.#client !== client) return
    this.#client = undefined
    this.#lastError = error
    // Its calls learn first what has happened to it.
    queueMicrotask(() => destroy(client))
    if (this.#closed) return
    const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#failures++) * (0.5 + Math.random() / 2)
    this.#retry = setTimeout(() => this.#reconnect(), delay)
    this.#retry.unref()
  }

  #reconnect(): void {
    this.#retry = undefined
    // A failure is remembered for the next call, and tried again.
    this.open().catch(() => undefined)
  }
}

function destroy(client: OwnClient): void {
  try {
    client.destroy()
  } catch (error) {
    // redis 5 does not destroy what is closed already.
    if (client.isOpen) throw error
  }
}

function loadCreateClient(name: string): CreateClient {
  try {
    return (createRequire(__filename)('redis') as { createClient: CreateClient }).createClient
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) throw error
    throw new SentinelOptionsError([
      { path: 'store', message: `store '${name}' needs the package redis: npm install redis` },
    ])
  }
}

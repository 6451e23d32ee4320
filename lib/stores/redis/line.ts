/** Connections of our own, beside whatever the bot has: made, and made anew whenever they are lost. */
import { toError } from '../../errors'
import { Backoff } from '../backoff'
import type { RedisClientLike } from './clients'
import { destroyNow } from './openings'

/** A client that nobody but us uses. */
export interface OwnClient extends RedisClientLike {
  readonly isReady: boolean
  unref(): void
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
}

export interface LineParts {
  /** A new client, not opened yet, that does not connect anew by itself. */
  make(): OwnClient | Promise<OwnClient>
  /** What has to succeed before the client is of use. */
  greet(client: OwnClient): Promise<unknown>
  /** ms that all of that may take together. */
  readonly patience: number
  /** The client is of use from now on. */
  ready?(client: OwnClient): void
  /** It is lost, or could not be had: told each time. */
  lost?(error: Error): void
}

/** ms until a user that lacks a permission is tried again, at first and at most: somebody has to give it that first. */
const FORBIDDEN_FIRST = 1_000
const FORBIDDEN_MOST = 10_000

/** One client's time on the line. */
class Stint {
  client: OwnClient | undefined
  over = false
  /** Rejects when it is over, whatever its client is at: one that is destroyed while it connects never says so. */
  readonly lost: Promise<never>
  readonly #lose: (error: Error) => void

  constructor() {
    let lose: (error: Error) => void = () => undefined
    this.lost = new Promise<never>((_resolve, reject) => (lose = reject))
    this.#lose = lose
    // Only an attempt to connect waits for it.
    this.lost.catch(() => undefined)
  }

  end(error: Error): void {
    this.over = true
    this.#lose(error)
  }
}

/**
 * Keeps one client connected: for ever, at growing intervals that are spread by chance. Neither it nor its timers hold
 * the process.
 */
export class Line {
  readonly #parts: LineParts
  readonly #backoff = new Backoff()
  readonly #forbidden = new Backoff(FORBIDDEN_FIRST, FORBIDDEN_MOST)
  #stint: Stint | undefined
  #client: OwnClient | undefined
  #opening: Promise<void> | undefined
  /** Why there is no client; `undefined` before the first attempt, and while there is one. */
  #error: Error | undefined
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(parts: LineParts) {
    this.#parts = parts
  }

  /** The client, while it is of use. */
  get client(): OwnClient | undefined {
    return this.#client?.isReady === true ? this.#client : undefined
  }

  /** Why there is none, once that was tried. */
  get error(): Error | undefined {
    return this.#error
  }

  /** Resolves when there is a client; rejects as soon as an attempt has failed, while further ones follow. */
  async open(): Promise<void> {
    if (this.#closed) throw new Error('The client is closed')
    if (this.client !== undefined) return
    if (this.#opening === undefined && this.#retry !== undefined) throw this.#error
    this.#opening ??= this.#attempt()
    await this.#opening
  }

  /** Gives this client up, and sees to the next one. */
  giveUp(client: OwnClient, error: Error): void {
    if (this.#stint?.client === client) this.#lose(this.#stint, error)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    const stint = this.#stint
    this.#stint = undefined
    this.#client = undefined
    if (stint === undefined) return
    stint.end(new Error('The client is closed'))
    end(stint)
  }

  async #attempt(): Promise<void> {
    const { patience } = this.#parts
    const stint = new Stint()
    this.#stint = stint
    let client: OwnClient
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      const error = new Error(`Connection timeout: no answer within ${patience} ms`)
      timer = setTimeout(() => reject(error), patience)
      timer.unref()
    })
    try {
      client = await Promise.race([this.#connected(stint), late, stint.lost])
      if (this.#stint !== stint) throw new Error('The client is closed')
    } catch (thrown) {
      const error = toError(thrown)
      this.#lose(stint, error)
      // Why it was given up says more than what that did to the attempt.
      throw this.#error ?? error
    } finally {
      clearTimeout(timer)
      this.#opening = undefined
    }
    this.#client = client
    this.#error = undefined
    this.#backoff.reset()
    this.#forbidden.reset()
    this.#parts.ready?.(client)
  }

  async #connected(stint: Stint): Promise<OwnClient> {
    const client = await this.#parts.make()
    stint.client = client
    client.unref()
    client.on('error', (error) => this.#lose(stint, error))
    if (!stint.over) await client.connect()
    // One that was destroyed while it connected is open now.
    if (stint.over) destroyNow(client)
    else await this.#parts.greet(client)
    return client
  }

  #lose(stint: Stint, error: Error): void {
    if (this.#stint !== stint) return
    this.#stint = undefined
    this.#client = undefined
    this.#error = error
    stint.end(error)
    // Its calls learn first what has happened to it.
    queueMicrotask(() => end(stint))
    if (this.#closed) return
    const backoff = error.message.startsWith('NOPERM') ? this.#forbidden : this.#backoff
    this.#retry = setTimeout(() => this.#reconnect(), backoff.next())
    this.#retry.unref()
    this.#parts.lost?.(error)
  }

  #reconnect(): void {
    this.#retry = undefined
    // A failure is remembered for the next call, and tried again.
    this.open().catch(() => undefined)
  }
}

function end({ client }: Stint): void {
  if (client !== undefined) destroyNow(client)
}

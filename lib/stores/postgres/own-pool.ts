/** A pool of our own: it connects one at a time, and not at all for a while after that has failed. */
import { AsyncResource } from 'node:async_hooks'
import { StoreError, toError } from '../../errors'
import { Backoff } from '../backoff'
import { hangUp, newOwn, open, type Own } from './own-client'
import type { PgModule } from './peers'
import { codeOf, storeErrorOf, type Surroundings } from './problems'
import type { Connecting, PooledClient } from './sources'

export interface OwnPoolOptions {
  /** Connections at most. */
  readonly max: number
  /** ms that a statement may take on the server. */
  readonly timeout: number
  readonly surroundings: Surroundings
}

interface Waiting {
  readonly resolve: (client: PooledClient) => void
  readonly reject: (error: Error) => void
}

interface Idle {
  readonly own: Own
  /** ms, monotonic. */
  readonly since: number
}

/**
 * ms that a connection may take to come about. Once there has been one, most attempts are given up sooner, since a new one may
 * get through where the old one hangs; each fourth is not, for servers that have become slow.
 */
const PATIENT = 5_000
const IMPATIENT = 2_000
const PATIENT_EACH = 4

/** A further attempt has to have succeeded within this time (ms), else others do not wait for it. */
const PROMISING = 200

/** SQLSTATE admin_shutdown; a server that really shuts down lets nobody in, and says so with another one. */
const TERMINATED = '57P01'

/** Idle connections are closed after this long (ms), after twice as long at the latest. */
const IDLE = 60_000

/** Sockets and timers are made in here, so that none carries the async context of the update that happened to need it. */
const outside = new AsyncResource('TelegrafSentinelPostgresPool')

/**
 * Gives out connections. While none can be made, calls wait for those that there are; where there are none they fail at
 * once with what the last attempt failed with, but for one at a time that tries again once `Backoff` allows it.
 */
export class OwnPool implements Connecting {
  /** Those used last are last, and are used first. */
  readonly #idle: Idle[] = []
  #idleTimer: NodeJS.Timeout | undefined
  readonly #all = new Set<Own>()
  readonly #waiting: Waiting[] = []
  readonly #backoff = new Backoff()
  #settings: Readonly<Record<string, unknown>>
  #failure: StoreError | undefined
  #failures = 0
  /** Whether there has been a connection. */
  #known = false
  /** When the next attempt is allowed, and when the one under way began (ms, monotonic). */
  #nextAt = 0
  #dialingSince: number | undefined
  #dialing: Own | undefined
  #ended = false

  constructor(
    private readonly pg: PgModule,
    private readonly url: string,
    private readonly options: OwnPoolOptions,
  ) {
    this.#settings = { statement_timeout: Math.ceil(options.timeout) }
  }

  get ended(): boolean {
    return this.#ended
  }

  connect(): Promise<PooledClient> {
    if (this.#ended) return Promise.reject(closed())
    const idle = this.#idle.pop()
    if (idle !== undefined) return Promise.resolve(this.#give(idle.own))
    if (this.#isHopeless())
      return Promise.reject(this.#failure ?? new StoreError('PostgreSQL: no connection'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#dialIfWorthwhile()
    })
  }

  /** Closes all connections; those that are used still lose what they are at. */
  async end(): Promise<void> {
    this.#ended = true
    const error = closed()
    this.#rejectAll(error)
    this.#dialing?.socket.destroy()
    clearTimeout(this.#idleTimer)
    await Promise.all(
      [...this.#all].map((own) => this.#remove(own, this.#indexOfIdle(own) >= 0 ? undefined : error)),
    )
  }

  /** There is no connection, and none may be tried now, or the one who tries has had no luck yet. */
  #isHopeless(): boolean {
    if (this.#failure === undefined || this.#all.size > 0) return false
    const now = performance.now()
    return this.#dialingSince === undefined ? now < this.#nextAt : now - this.#dialingSince > PROMISING
  }

  #dialIfWorthwhile(): void {
    if (this.#ended || this.#dialingSince !== undefined || this.#all.size >= this.options.max) return
    if (this.#waiting.length === 0 || performance.now() < this.#nextAt) return
    this.#dialingSince = performance.now()
    outside
      .runInAsyncScope(() => this.#dial())
      .then(
        (own) => this.#dialed(own),
        (thrown: unknown) => this.#failed(thrown),
      )
  }

  async #dial(): Promise<Own> {
    try {
      return await this.#attempt()
    } catch (thrown) {
      if (this.#ended || !refusesSettings(thrown) || Object.keys(this.#settings).length === 0) throw thrown
      // PgBouncer takes no settings that it does not know.
      this.#settings = {}
      return this.#attempt()
    }
  }

  #attempt(): Promise<Own> {
    const patient = !this.#known || (this.#failures + 1) % PATIENT_EACH === 0
    const patience = patient ? PATIENT : IMPATIENT
    const timeLeft = Math.max(patience, this.options.timeout)
    this.#dialing = newOwn(this.pg, this.url, timeLeft, this.#settings)
    return open(this.#dialing)
  }

  #dialed(own: Own): void {
    this.#dialingSince = undefined
    this.#dialing = undefined
    this.#failure = undefined
    this.#failures = 0
    this.#known = true
    this.#nextAt = 0
    this.#backoff.reset()
    if (this.#ended) return void hangUp(own)
    this.#all.add(own)
    // It says that it is broken before it says that it has ended; in between it takes nothing any more.
    own.client.on('error', (error) => void this.#remove(own, error))
    own.client.on('end', () => void this.#remove(own))
    this.#offer(own)
    this.#dialIfWorthwhile()
  }

  #failed(thrown: unknown): void {
    this.#dialingSince = undefined
    this.#dialing = undefined
    this.#failures++
    // The server is there, and somebody has ended just this one.
    if (codeOf(thrown) === TERMINATED && this.#failures < PATIENT_EACH) return this.#dialIfWorthwhile()
    this.#nextAt = performance.now() + this.#backoff.next()
    this.#failure = storeErrorOf(thrown, this.options.surroundings)
    if (this.#all.size === 0) this.#rejectAll(this.#failure)
  }

  /** To who waits longest, else it is idle. */
  #offer(own: Own): void {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) return waiting.resolve(this.#give(own))
    own.client.unref()
    this.#idle.push({ own, since: performance.now() })
    this.#watchIdle()
  }

  #watchIdle(): void {
    if (this.#idle.length === 0) return
    this.#idleTimer ??= outside.runInAsyncScope(() => setTimeout(() => this.#endIdle(), IDLE)).unref()
  }

  #endIdle(): void {
    this.#idleTimer = undefined
    const now = performance.now()
    for (const { own, since } of [...this.#idle]) if (now - since >= IDLE) void this.#remove(own)
    this.#watchIdle()
  }

  #give(own: Own): PooledClient {
    own.client.ref()
    const { client } = own
    let released = false
    return {
      query: (text, values) => client.query(text, values),
      on: (event, listener) => client.on(event, listener),
      removeListener: (event, listener) => client.removeListener(event, listener),
      release: (error) => {
        if (released) return
        released = true
        if (error === undefined && this.#all.has(own)) this.#offer(own)
        else void this.#remove(own, error)
      },
    }
  }

  /** Those who waited for it have another made, or no hope. */
  async #remove(own: Own, error?: Error): Promise<void> {
    const at = this.#indexOfIdle(own)
    if (at >= 0) this.#idle.splice(at, 1)
    if (!this.#all.delete(own)) return
    if (this.#waiting.length > 0 && this.#failure !== undefined && this.#isHopeless()) {
      this.#rejectAll(this.#failure)
    }
    this.#dialIfWorthwhile()
    await hangUp(own, error)
  }

  #indexOfIdle(own: Own): number {
    return this.#idle.findIndex((idle) => idle.own === own)
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}

function refusesSettings(thrown: unknown): boolean {
  return /unsupported startup parameter/i.test(toError(thrown).message)
}

function closed(): StoreError {
  return new StoreError('PostgreSQL: the store is closed')
}

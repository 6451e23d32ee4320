import { isBuiltin } from '../../limiters/limiter'
import { toError } from '../../errors'
import type { Decision, DecisionRequest, LimitQuery, LimitState, StoreHealth } from '../decision'
import type { Channel, ChannelListener } from '../channel'
import { Leases } from '../lease/leases'
import { StorageAdapter } from '../store'
import type { Entry, MovedBucket, ScanPage, Version } from '../store'
import { Tasks } from '../tasks'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf, UserRecordPage } from '../user-record'
import { RedisChannel } from './channel'
import type { RedisLike } from './clients'
import { connectionOf } from './connect'
import type { RedisConnection } from './connection'
import { Engine } from './engine'
import { deleteEntry, getEntry, scanEntries, swapEntry } from './entries'
import { RedisMoves } from './moves'
import { readOptions } from './options'
import type { RedisStoreOptions, RedisStoreSource } from './options'
import { RedisRecords } from './records'
import { Writable } from './writable'

/** Of so many users that limits block, one has the index of its group tidied: blocks that are over leave their ids there. */
const TIDY_EVERY = 16

/**
 * Keeps everything in Redis (6.2 or newer, or Valkey), shared by any number of processes: for bots that outgrow one.
 *
 * A decision is one script call, and decisions that wait at the same time travel in one call. A user's counters, marks and
 * records are one string of some hundred bytes. Redis' own clock is the time unless the sentinel has one.
 *
 * @param source a URL; a client, pool, Cluster or Sentinel of the package `redis`, opened or not (closed by us only if we
 * opened it); or `{ url }` or `{ client }` with the options beside it.
 * @throws SentinelOptionsError that lists every mistake; or says what to install where the package `redis` is missing.
 * @example
 * const store = new RedisStore('redis://localhost:6379', { timeout: '250ms' })
 * bot.use(createSentinel({ store, storeTimeout: '250ms', controllers: [Shop] }))
 */
export class RedisStore extends StorageAdapter {
  readonly #connection: RedisConnection
  /** Users whom decisions have blocked. */
  #blocked = 0
  readonly #engine: Engine
  readonly #leases = new Leases()
  readonly #records: RedisRecords
  readonly #moves: RedisMoves
  readonly #writable: Writable
  readonly #tasks: Tasks
  readonly #channels = new Set<RedisChannel>()
  /** ms per call. */
  readonly #timeout: number

  constructor(source: string | RedisLike | RedisStoreSource, options: RedisStoreOptions = {}) {
    super()
    const read = readOptions(source, options)
    this.#timeout = read.timeout
    this.#connection = connectionOf(read.source, read)
    this.#engine = new Engine(this.#connection, read)
    this.#records = new RedisRecords(this.#connection, read.timeout)
    this.#moves = new RedisMoves(this.#connection, read.timeout)
    this.#writable = new Writable(this.#connection, read.timeout)
    this.#tasks = new Tasks(`the store on ${this.#connection.link.name}`)
  }

  /** Connects, and has the server say that it takes writes: one that only accepts connections is none, nor is a replica. */
  override connect(): Promise<void> {
    return this.#tasks.run(async () => {
      await this.#connection.connect()
      const { errors, all } = await this.#writable.troubles()
      if (all) throw errors[0]
    })
  }

  /** Answers what was asked for before, for as long as `timeout`, and closes what the store has opened. */
  override async close(): Promise<void> {
    await this.#tasks.drain(this.#timeout)
    await this.#engine.drain()
    this.#leases.clear()
    await Promise.all(Array.from(this.#channels, (channel) => channel.close()))
    await this.#connection.close()
  }

  /** The server's clock (ms). */
  override now(): Promise<number> {
    return this.#tasks.run(async () => {
      const reply = await this.#connection.command(['TIME'], this.#timeout)
      const [seconds, micros] = Array.isArray(reply) ? reply.map(Number) : []
      return seconds * 1000 + Math.floor(micros / 1000)
    })
  }

  /** Whether it takes writes, in one trip; on a Cluster each master, and `degraded` is one that has some that do not. */
  override async health(): Promise<StoreHealth> {
    const { label: name } = this.#connection.link
    const { waiting } = this.#engine
    const start = performance.now()
    try {
      const { errors, all } = await this.#tasks.run(() => this.#writable.troubles())
      const latency = performance.now() - start
      if (errors.length === 0) return { status: 'ok', name, latency, waiting }
      return { status: all ? 'down' : 'degraded', name, waiting, error: errors[0].message }
    } catch (error) {
      return { status: 'down', name, waiting, error: toError(error).message }
    }
  }

  /**
   * Opens a channel on Redis' pub/sub, `sentinel:changes`, with a connection of its own. `undefined` for a client that
   * cannot make another one.
   *
   * @throws StoreError once the store is closed.
   */
  override openChannel(listener: ChannelListener): Channel | undefined {
    this.#tasks.check()
    const { newClient } = this.#connection.link
    if (newClient === undefined) return undefined
    const channel = new RedisChannel(this.#connection, listener, {
      newClient,
      timeout: this.#timeout,
      closed: () => this.#channels.delete(channel),
    })
    this.#channels.add(channel)
    return channel
  }

  override decide(request: DecisionRequest): Decision | Promise<Decision> {
    return this.#tasks.run(() =>
      this.#leases.decide(request, (rest) => this.decideWithOwn(rest, (settled) => this.#judge(settled))),
    )
  }

  async #judge(request: DecisionRequest): Promise<Decision> {
    const { space } = request
    this.#writable.seen(space)
    const decision = await this.#engine.judge(request)
    if (decision.blockAdded !== undefined && ++this.#blocked % TIDY_EVERY === 0) {
      const place = { space, namespace: 'blocks' } as const
      // Nothing depends on it, and the next one tidies as well.
      this.#records.tidy(place, decision.blockAdded.userId).catch(() => undefined)
    }
    return decision
  }

  override peek(query: LimitQuery): Promise<LimitState> {
    const { limiter } = query.limit
    return this.#tasks.run(() => (isBuiltin(limiter) ? this.#engine.peek(query) : super.peek(query)))
  }

  override reset(query: LimitQuery): Promise<void> {
    const { limit } = query
    return this.#tasks.run(async () => {
      if (isBuiltin(limit.limiter)) await this.#moves.drop(query, limit, limit.bucket)
      else await super.reset(query)
      this.#leases.drop(query)
    })
  }

  override migrateChat(
    space: string,
    from: number,
    to: number,
    buckets: readonly MovedBucket[],
  ): Promise<void> {
    return this.#tasks.run(async () => {
      await super.migrateChat(space, from, to, buckets)
      await this.#moves.moveChat(space, from, to, buckets)
      this.#leases.dropChat(space, from, buckets)
    })
  }

  override findRecord<N extends UserNamespace>(place: RecordPlace<N>, userId: number) {
    return this.#tasks.run(() => this.#records.find(place, userId))
  }

  override putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    return this.#tasks.run(() => this.#records.put(place, records, meeting))
  }

  override dropRecords<N extends UserNamespace>(place: RecordPlace<N>, userIds: readonly number[]) {
    return this.#tasks.run(() => this.#records.drop(place, userIds))
  }

  override listRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    options: { cursor?: string; limit: number },
  ): Promise<UserRecordPage<UserRecordOf[N]>> {
    return this.#tasks.run(() => this.#records.list(place, options))
  }

  override get(key: string): Promise<Entry | undefined> {
    return this.#tasks.step(() => getEntry(this.#connection, key, this.#timeout))
  }

  override swap(
    key: string,
    expected: Version | null,
    value: unknown,
    ttl?: number,
  ): Promise<Version | null> {
    const options = { ttl, timeout: this.#timeout }
    return this.#tasks.step(() => swapEntry(this.#connection, key, expected, value, options))
  }

  override delete(key: string, expected?: Version): Promise<boolean> {
    return this.#tasks.step(() => deleteEntry(this.#connection, key, expected, this.#timeout))
  }

  override scan(prefix: string, { cursor, limit }: { cursor?: string; limit: number }): Promise<ScanPage> {
    const options = { cursor, limit, timeout: this.#timeout }
    return this.#tasks.step(() => scanEntries(this.#connection, prefix, options))
  }
}

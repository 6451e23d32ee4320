import { isBuiltin } from '../../limiters/limiter'
import { toError } from '../../errors'
import type { Decision, DecisionRequest, LimitQuery, LimitState, StoreHealth } from '../decision'
import { StorageAdapter } from '../store'
import type { Entry, MovedBucket, ScanPage, Version } from '../store'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf, UserRecordPage } from '../user-record'
import type { RedisLike } from './clients'
import { connectionOf } from './connect'
import type { RedisConnection } from './connection'
import { Engine } from './engine'
import { deleteEntry, getEntry, scanEntries, swapEntry } from './entries'
import { RedisMoves } from './moves'
import { readOptions } from './options'
import type { RedisStoreOptions, RedisStoreSource } from './options'
import { RedisRecords } from './records'

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
  readonly #records: RedisRecords
  readonly #moves: RedisMoves
  /** ms per call. */
  readonly #timeout: number

  constructor(source: string | RedisLike | RedisStoreSource, options: RedisStoreOptions = {}) {
    super()
    const read = readOptions(source, options)
    this.#timeout = read.timeout
    this.#connection = connectionOf(read.source, { timeout: read.timeout })
    this.#engine = new Engine(this.#connection, read)
    this.#records = new RedisRecords(this.#connection, read.timeout)
    this.#moves = new RedisMoves(this.#connection, read.timeout)
  }

  /** Connects, and has the server answer: one that only accepts connections is none. */
  override async connect(): Promise<void> {
    await this.#connection.connect()
    await this.#connection.command(['PING'], this.#timeout)
  }

  override close(): Promise<void> {
    return this.#connection.close()
  }

  /** The server's clock (ms). */
  override async now(): Promise<number> {
    const reply = await this.#connection.command(['TIME'], this.#timeout)
    const [seconds, micros] = Array.isArray(reply) ? reply.map(Number) : []
    return seconds * 1000 + Math.floor(micros / 1000)
  }

  override async health(): Promise<StoreHealth> {
    const start = performance.now()
    try {
      await this.#connection.command(['PING'], this.#timeout)
      return { status: 'ok', latency: performance.now() - start }
    } catch (error) {
      return { status: 'down', error: toError(error).message }
    }
  }

  override decide(request: DecisionRequest): Decision | Promise<Decision> {
    return this.decideWithOwn(request, (settled) => this.#judge(settled))
  }

  async #judge(request: DecisionRequest): Promise<Decision> {
    const decision = await this.#engine.judge(request)
    if (decision.blockAdded !== undefined && ++this.#blocked % TIDY_EVERY === 0) {
      const place = { space: request.space, namespace: 'blocks' } as const
      // Nothing depends on it, and the next one tidies as well.
      this.#records.tidy(place, decision.blockAdded.userId).catch(() => undefined)
    }
    return decision
  }

  override peek(query: LimitQuery): LimitState | Promise<LimitState> {
    return isBuiltin(query.limit.limiter) ? this.#engine.peek(query) : super.peek(query)
  }

  override async reset(query: LimitQuery): Promise<void> {
    const { limit } = query
    if (isBuiltin(limit.limiter)) return this.#moves.drop(query, limit, limit.bucket)
    await super.reset(query)
  }

  override async migrateChat(
    space: string,
    from: number,
    to: number,
    buckets: readonly MovedBucket[],
  ): Promise<void> {
    await super.migrateChat(space, from, to, buckets)
    await this.#moves.moveChat(space, from, to, buckets)
  }

  override findRecord<N extends UserNamespace>(place: RecordPlace<N>, userId: number) {
    return this.#records.find(place, userId)
  }

  override putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    return this.#records.put(place, records, meeting)
  }

  override dropRecords<N extends UserNamespace>(place: RecordPlace<N>, userIds: readonly number[]) {
    return this.#records.drop(place, userIds)
  }

  override listRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    options: { cursor?: string; limit: number },
  ): Promise<UserRecordPage<UserRecordOf[N]>> {
    return this.#records.list(place, options)
  }

  override get(key: string): Promise<Entry | undefined> {
    return getEntry(this.#connection, key, this.#timeout)
  }

  override swap(
    key: string,
    expected: Version | null,
    value: unknown,
    ttl?: number,
  ): Promise<Version | null> {
    return swapEntry(this.#connection, key, expected, value, { ttl, timeout: this.#timeout })
  }

  override delete(key: string, expected?: Version): Promise<boolean> {
    return deleteEntry(this.#connection, key, expected, this.#timeout)
  }

  override scan(prefix: string, { cursor, limit }: { cursor?: string; limit: number }): Promise<ScanPage> {
    return scanEntries(this.#connection, prefix, { cursor, limit, timeout: this.#timeout })
  }
}

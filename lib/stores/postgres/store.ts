import { StoreError, toError } from '../../errors'
import { isBuiltin } from '../../limiters/limiter'
import type { Channel, ChannelListener } from '../channel'
import { Convoy } from '../convoy'
import type { Decision, DecisionRequest, LimitQuery, LimitState, StoreHealth } from '../decision'
import { Leases } from '../lease/leases'
import { ownLimits } from '../own-limits'
import { StorageAdapter } from '../store'
import type { Entry, MovedBucket, ScanPage, Version } from '../store'
import { Tasks } from '../tasks'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf, UserRecordPage } from '../user-record'
import { PostgresChannel } from './channel'
import { connectionOf, type PostgresConnection } from './connection'
import { Engine } from './engine'
import { Entries } from './entries'
import { migrate } from './migrator'
import { nameOf } from './name'
import { readOptions } from './options'
import type { PostgresStoreOptions, PostgresStoreSource, ReadOptions } from './options'
import { Records } from './records'
import { isPool, type PostgresSource } from './sources'
import { quoteName } from './sql/quote'
import { SERVER_NOW } from './sql/tables'
import { Sweeper } from './sweeper'

/** Decisions that are worth a statement of their own: more are spread over connections, since each is one processor's work. */
const SHARE = 32

const POOL_OF_ONE =
  'PostgreSQL: your Pool has no connection left for a channel, which takes one for good: make it with max: 2 or more. ' +
  'Without a channel, what other processes change is known here only later'

/**
 * Keeps everything in PostgreSQL (13 or newer), shared by any number of processes, or in PGlite, inside this one.
 *
 * A decision is one statement, and decisions that wait at the same time share one. Blocks, registrations and members are
 * durable once they are written; of the counters, a crash of the server may lose the last hits. The server's clock is the
 * time unless the sentinel has one. Tables are made on first use (`migrate`), in a schema of their own.
 *
 * @param source `'postgres://…'` (needs the package `pg`), `'pglite:<folder>'` (needs `@electric-sql/pglite`), or your own: a
 * Pool or connected Client of pg, a PGlite, anything with `query(text, values)`; or `{ url }`, `{ pool }` or `{ client }` with the
 * options beside it. Your own are never closed.
 * @throws SentinelOptionsError that lists every mistake; StoreError that says which package to install.
 * @example
 * const store = new PostgresStore('postgres://bot:secret@localhost/bot', { schema: 'guard' })
 * bot.use(createSentinel({ store, controllers: [Shop] }))
 */
export class PostgresStore extends StorageAdapter {
  readonly #options: ReadOptions
  readonly #connection: PostgresConnection
  readonly #engine: Engine
  readonly #leases = new Leases()
  #convoy: Convoy<DecisionRequest, Decision>
  readonly #entries: Entries
  readonly #records: Records
  readonly #sweeper: Sweeper
  readonly #channels = new Set<Channel>()
  /** All but decisions, which the convoy counts. */
  readonly #tasks: Tasks
  #closing = false

  constructor(source: PostgresSource | PostgresStoreSource, options: PostgresStoreOptions = {}) {
    super()
    const read = readOptions(source, options)
    const { schema, timeout } = read
    const connection = connectionOf(read.source, read)
    this.#options = read
    this.#connection = connection
    this.#engine = new Engine(connection, schema)
    this.#convoy = this.#newConvoy()
    this.#tasks = new Tasks(`the store on ${nameOf(read.source)}`)
    this.#entries = new Entries(connection, schema, timeout)
    this.#records = new Records(connection, schema, timeout)
    this.#sweeper = new Sweeper(connection, schema)
  }

  /** Connects, and sees to the tables (`migrate`). */
  override async connect(): Promise<void> {
    if (this.#closing) {
      this.#convoy = this.#newConvoy()
      this.#tasks.open()
      this.#closing = false
    }
    await this.#connection.connect()
    await migrate(this.#connection, this.#options.schema, this.#options.migrate)
  }

  /**
   * Takes no more decisions, waits for what is under way (`timeout` at most), then closes the connections that the store has
   * made. After another `connect()` it can be used again.
   */
  override async close(): Promise<void> {
    this.#closing = true
    this.#sweeper.stop()
    const channels = [...this.#channels]
    this.#channels.clear()
    await Promise.all([this.#drain(), ...channels.map((channel) => channel.close())])
    await this.#connection.close()
  }

  /** The server's clock (ms). */
  override async now(): Promise<number> {
    const text = `SELECT (${SERVER_NOW})::text AS now`
    const [row] = await this.#tasks.step(() => this.#connection.query({ text }, this.#options.timeout))
    return Number(row.now)
  }

  override async health(): Promise<StoreHealth> {
    const about = { name: nameOf(this.#options.source), waiting: this.#convoy.waiting }
    const start = performance.now()
    const text =
      `SELECT current_setting('transaction_read_only') = 'on' AS reads_only FROM ` +
      `(SELECT max(version) FROM ${quoteName(this.#options.schema)}.migrations) AS migrations`
    try {
      const [row] = await this.#tasks.step(() => this.#connection.query({ text }, this.#options.timeout))
      const latency = performance.now() - start
      if (row.reads_only !== true) return { ...about, status: 'ok', latency }
      return { ...about, status: 'down', latency, error: 'PostgreSQL: the server only reads' }
    } catch (error) {
      return { ...about, status: 'down', error: toError(error).message }
    }
  }

  override decide(request: DecisionRequest): Decision | Promise<Decision> {
    if (this.#closing) return Promise.reject(new StoreError('the store is closed'))
    this.#sweeper.start()
    return this.#leases.decide(request, (rest) => this.#judge(rest))
  }

  #judge(request: DecisionRequest): Decision | Promise<Decision> {
    if (ownLimits(request).length === 0) return this.#convoy.run(request)
    return this.#tasks.step(async () => this.decideWithOwn(request, (settled) => this.#convoy.run(settled)))
  }

  override peek(query: LimitQuery): LimitState | Promise<LimitState> {
    return isBuiltin(query.limit.limiter)
      ? this.#tasks.step(() => this.#engine.peek(query, this.#options.timeout))
      : super.peek(query)
  }

  override async reset(query: LimitQuery): Promise<void> {
    await this.#tasks.step(async () => {
      if (isBuiltin(query.limit.limiter)) await this.#engine.reset(query, this.#options.timeout)
      else await super.reset(query)
      this.#leases.drop(query)
    })
  }

  override async migrateChat(
    space: string,
    from: number,
    to: number,
    buckets: readonly MovedBucket[],
  ): Promise<void> {
    await this.#tasks.step(async () => {
      await super.migrateChat(space, from, to, buckets)
      await this.#engine.migrateChat(space, from, to, buckets, this.#options.timeout)
      this.#leases.dropChat(space, from, buckets)
    })
  }

  override findRecord<N extends UserNamespace>(place: RecordPlace<N>, userId: number) {
    return this.#tasks.step(() => this.#records.find(place, userId))
  }

  override putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    this.#sweeper.start()
    return this.#tasks.step(() => this.#records.put(place, records, meeting))
  }

  override dropRecords<N extends UserNamespace>(place: RecordPlace<N>, userIds: readonly number[]) {
    return this.#tasks.step(() => this.#records.drop(place, userIds))
  }

  override listRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    options: { cursor?: string; limit: number },
  ): Promise<UserRecordPage<UserRecordOf[N]>> {
    return this.#tasks.step(() => this.#records.list(place, options))
  }

  override get(key: string): Promise<Entry | undefined> {
    return this.#tasks.step(() => this.#entries.get(key))
  }

  override swap(
    key: string,
    expected: Version | null,
    value: unknown,
    ttl?: number,
  ): Promise<Version | null> {
    this.#sweeper.start()
    return this.#tasks.step(() => this.#entries.swap(key, expected, value, ttl))
  }

  override delete(key: string, expected?: Version): Promise<boolean> {
    return this.#tasks.step(() => this.#entries.delete(key, expected))
  }

  override scan(prefix: string, options: { cursor?: string; limit: number }): Promise<ScanPage> {
    return this.#tasks.step(() => this.#entries.scan(prefix, options))
  }

  /**
   * LISTEN and NOTIFY, on a connection that the channel has for itself: a further one beside the pool that the store makes, one
   * of your Pool for good, or your one Client or PGlite. `undefined` where that is a Pool of one, which the listener is told, or a
   * mere `query()`. Through PgBouncer in transaction mode it never connects, and says why.
   */
  override openChannel(listener: ChannelListener): Channel | undefined {
    const { openSession } = this.#connection
    if (openSession === undefined) {
      if (isPool(this.#options.source)) listener.lost(new StoreError(POOL_OF_ONE))
      return undefined
    }
    const channel = new PostgresChannel(this.#connection, openSession, listener, this.#options)
    this.#channels.add(channel)
    return {
      send: (message) => channel.send(message),
      close: () => {
        this.#channels.delete(channel)
        return channel.close()
      },
    }
  }

  #newConvoy(): Convoy<DecisionRequest, Decision> {
    const { waiting, timeout, batch } = this.#options
    return new Convoy((requests, timeLeft) => this.#engine.decide(requests, timeLeft), {
      most: batch,
      share: SHARE,
      flights: this.#connection.flights,
      waiting,
      timeout,
    })
  }

  /** Decisions with users' own limiters are made of calls and of a decision. */
  async #drain(): Promise<void> {
    await this.#tasks.drain(this.#options.timeout)
    await this.#convoy.drain()
    this.#leases.clear()
  }
}

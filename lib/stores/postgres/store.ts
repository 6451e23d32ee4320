import { toError } from '../../errors'
import { isBuiltin } from '../../limiters/limiter'
import { Convoy } from '../convoy'
import type { Decision, DecisionRequest, LimitQuery, LimitState, StoreHealth } from '../decision'
import { StorageAdapter } from '../store'
import type { Entry, MovedBucket, ScanPage, Version } from '../store'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf, UserRecordPage } from '../user-record'
import { connectionOf, type PostgresConnection } from './connection'
import { Engine } from './engine'
import { Entries } from './entries'
import { migrate } from './migrator'
import { readOptions } from './options'
import type { PostgresStoreOptions, PostgresStoreSource, ReadOptions } from './options'
import { Records } from './records'
import type { PostgresSource } from './sources'
import { quoteName } from './sql/quote'
import { SERVER_NOW } from './sql/tables'
import { Sweeper } from './sweeper'

/** Decisions that are worth a statement of their own: more are spread over connections, since each is one processor's work. */
const SHARE = 32

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
  readonly #convoy: Convoy<DecisionRequest, Decision>
  readonly #entries: Entries
  readonly #records: Records
  readonly #sweeper: Sweeper

  constructor(source: PostgresSource | PostgresStoreSource, options: PostgresStoreOptions = {}) {
    super()
    const read = readOptions(source, options)
    const { schema, timeout, waiting, batch } = read
    const connection = connectionOf(read.source, read)
    const engine = new Engine(connection, schema)
    this.#options = read
    this.#connection = connection
    this.#engine = engine
    this.#convoy = new Convoy((requests, timeLeft) => engine.decide(requests, timeLeft), {
      most: batch,
      share: SHARE,
      flights: connection.flights,
      waiting,
      timeout,
    })
    this.#entries = new Entries(connection, schema, timeout)
    this.#records = new Records(connection, schema, timeout)
    this.#sweeper = new Sweeper(connection, schema)
  }

  /** Connects, and sees to the tables (`migrate`). */
  override async connect(): Promise<void> {
    await this.#connection.connect()
    await migrate(this.#connection, this.#options.schema, this.#options.migrate)
  }

  /** Closes the connections that the store has made. */
  override async close(): Promise<void> {
    this.#sweeper.stop()
    await this.#connection.close()
  }

  /** The server's clock (ms). */
  override async now(): Promise<number> {
    const text = `SELECT (${SERVER_NOW})::text AS now`
    const [row] = await this.#connection.query({ text }, this.#options.timeout)
    return Number(row.now)
  }

  override async health(): Promise<StoreHealth> {
    const start = performance.now()
    const text =
      `SELECT current_setting('transaction_read_only') = 'on' AS reads_only FROM ` +
      `(SELECT max(version) FROM ${quoteName(this.#options.schema)}.migrations) AS migrations`
    try {
      const [row] = await this.#connection.query({ text }, this.#options.timeout)
      const latency = performance.now() - start
      if (row.reads_only !== true) return { status: 'ok', latency }
      return { status: 'down', latency, error: 'PostgreSQL: the server only reads' }
    } catch (error) {
      return { status: 'down', error: toError(error).message }
    }
  }

  override decide(request: DecisionRequest): Decision | Promise<Decision> {
    this.#sweeper.start()
    return this.decideWithOwn(request, (settled) => this.#convoy.run(settled))
  }

  override peek(query: LimitQuery): LimitState | Promise<LimitState> {
    return isBuiltin(query.limit.limiter)
      ? this.#engine.peek(query, this.#options.timeout)
      : super.peek(query)
  }

  override async reset(query: LimitQuery): Promise<void> {
    if (isBuiltin(query.limit.limiter)) await this.#engine.reset(query, this.#options.timeout)
    else await super.reset(query)
  }

  override async migrateChat(
    space: string,
    from: number,
    to: number,
    buckets: readonly MovedBucket[],
  ): Promise<void> {
    await super.migrateChat(space, from, to, buckets)
    await this.#engine.migrateChat(space, from, to, buckets, this.#options.timeout)
  }

  override findRecord<N extends UserNamespace>(place: RecordPlace<N>, userId: number) {
    return this.#records.find(place, userId)
  }

  override putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    this.#sweeper.start()
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
    return this.#entries.get(key)
  }

  override swap(
    key: string,
    expected: Version | null,
    value: unknown,
    ttl?: number,
  ): Promise<Version | null> {
    this.#sweeper.start()
    return this.#entries.swap(key, expected, value, ttl)
  }

  override delete(key: string, expected?: Version): Promise<boolean> {
    return this.#entries.delete(key, expected)
  }

  override scan(prefix: string, options: { cursor?: string; limit: number }): Promise<ScanPage> {
    return this.#entries.scan(prefix, options)
  }
}

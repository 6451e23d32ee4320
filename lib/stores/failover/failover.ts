import { StoreError, toError } from '../../errors'
import type { Channel, ChannelListener } from '../channel'
import type { Decision, DecisionRequest, LimitQuery, LimitState, StoreHealth } from '../decision'
import { StorageAdapter } from '../store'
import type { Entry, MovedBucket, ScanPage, Version } from '../store'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf, UserRecordPage } from '../user-record'
import { Comeback } from './comeback'
import { connectAll } from './connecting'
import { Copies } from './copies'
import { healthOf } from './health'
import { Journals } from './journals'
import { Line, type Question } from './line'
import { readOptions, type FailoverOptions, type ReadOptions } from './options'
import { Standing } from './standing'
import { Tagged } from './tagged'
import { Writes } from './writes'

/** Several stores in a line, as `failover` makes it. */
export class FailoverStore extends StorageAdapter {
  readonly #options: ReadOptions
  readonly #standings: readonly Standing[]
  readonly #line: Line
  readonly #tagged: Tagged
  readonly #journals: Journals
  readonly #comebacks: readonly Comeback[]
  readonly #copies: Copies | undefined
  readonly #writes: Writes
  readonly #unobserve: readonly (() => void)[]
  #connecting: Promise<void> | undefined
  /** Looks whether the first connection is made. */
  #recheck: (() => void) | undefined
  /** Whether the stores have been told to connect. Those that do not are probed from then on. */
  #begun = false
  /** Whether changes are told of: not until it is known who serves at first. */
  #telling = true
  #closed: StoreError | undefined

  /** @throws SentinelOptionsError with every mistake */
  constructor(stores: readonly (string | StorageAdapter)[], options: FailoverOptions = {}) {
    super()
    const read = readOptions(stores, options)
    const { timeout, copies } = read
    const standings = read.stores.map((named, index) => new Standing(index, named, read))
    const journals = new Journals(standings, read.journal)
    const line = new Line(standings, timeout, {
      opened: (standing) => this.#opened(standing),
      closed: (standing) => this.#returned(standing),
      changed: (from, to) => this.#changed(from, to),
    })
    const trouble = (source: string, error: Error): void =>
      this.report({ type: 'storeError', source, error, at: Date.now() })
    this.#options = read
    this.#standings = standings
    this.#journals = journals
    this.#line = line
    this.#tagged = new Tagged(line)
    this.#comebacks = standings.map(
      (standing) => new Comeback(standing, { line, journals, options: read, trouble }),
    )
    this.#copies = copies && new Copies({ line, options: copies, timeout, trouble })
    const { comebacks, copying } = { comebacks: this.#comebacks, copying: this.#copies }
    this.#writes = new Writes({ line, journals, copies: copying, comebacks, timeout, trouble })
    this.#unobserve = standings.map(({ store }) => store.observe((event) => this.report(event)))
  }

  /**
   * Connects all stores at the same time. Resolves as soon as the first has, or, where that fails or takes longer than
   * `timeout`, another one.
   *
   * @throws StoreError that says of each store why it does not connect; of the journal's file, why it cannot be used.
   */
  override connect(): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    this.#connecting ??= this.#connect().catch((thrown: unknown) => {
      this.#connecting = this.#begun ? Promise.resolve() : undefined
      throw thrown
    })
    return this.#connecting.then(() => {
      // Once begun, the stores are probed: whoever asks again learns how it is by then.
      if (this.#line.serving === undefined) throw this.#line.noneLeft()
    })
  }

  async #connect(): Promise<void> {
    this.#openJournal()
    const now = performance.now()
    this.#begun = true
    this.#telling = false
    for (const standing of this.#standings) {
      standing.breaker.open(now)
      standing.awaySince = now
    }
    this.#line.update()
    try {
      await connectAll(this.#line, this.#comebacks, this.#options.timeout, (check) => (this.#recheck = check))
    } finally {
      this.#recheck = undefined
      this.#telling = true
      const { serving } = this.#line
      if (serving?.index !== 0 && this.#closed === undefined) this.#tellDegraded(this.#standings[0], serving)
    }
  }

  /** Closes all stores, those too that are away, after the writes under way have come to an end. */
  override async close(): Promise<void> {
    if (this.#closed !== undefined) return
    this.#closed = new StoreError('the store is closed')
    this.#copies?.stop()
    for (const comeback of this.#comebacks) comeback.stop()
    this.#line.end(this.#closed)
    await this.#writes.ended()
    this.#tellOfLosses()
    const closings = await Promise.allSettled(this.#standings.map(({ store }) => store.close()))
    for (const unobserve of this.#unobserve) unobserve()
    this.#journals.close()
    const problems = closings.flatMap((closing, index) =>
      closing.status === 'rejected'
        ? [`${this.#standings[index].name}: ${toError(closing.reason).message}`]
        : [],
    )
    if (problems.length > 0) throw new StoreError(`not every store could be closed (${problems.join('; ')})`)
  }

  /** Calls that failed at the store that serves, or took too long, and were answered by another: no event tells of one. */
  override standIns(): number {
    return this.#line.standIns
  }

  override decide(request: DecisionRequest): Decision | Promise<Decision> {
    const copies = this.#copies
    copies?.meet(request.space)
    const question: Question<Decision> = {
      ask: (standing) =>
        standing.store.decide(copies === undefined ? request : copies.adapted(standing, request)),
      answered: (standing, { blockAdded }) => {
        if (blockAdded !== undefined) this.#writes.blocked(standing, request.space, blockAdded)
      },
    }
    const { trial } = this.#line
    return trial === undefined ? this.#line.ask(question) : this.#line.tryOn(question, trial, this.#tried)
  }

  override peek(query: LimitQuery): LimitState | Promise<LimitState> {
    return this.#line.ask({ ask: ({ store }) => store.peek(query) })
  }

  override reset(query: LimitQuery): void | Promise<void> {
    return this.#line.ask({ ask: ({ store }) => store.reset(query) })
  }

  override async migrateChat(space: string, from: number, to: number, buckets: readonly MovedBucket[]) {
    await this.#line.ask({ ask: ({ store }) => store.migrateChat(space, from, to, buckets) })
  }

  override now(): number | Promise<number> {
    return this.#line.ask({ ask: ({ store }) => store.now() })
  }

  override get(key: string): Promise<Entry | undefined> {
    return this.#tagged.get(key)
  }

  override swap(key: string, expected: Version | null, value: unknown, ttl?: number) {
    return this.#tagged.swap(key, expected, value, ttl)
  }

  override delete(key: string, expected?: Version): Promise<boolean> {
    return this.#tagged.delete(key, expected)
  }

  override scan(prefix: string, options: { cursor?: string; limit: number }): Promise<ScanPage> {
    return this.#tagged.scan(prefix, options)
  }

  override async findRecord<N extends UserNamespace>(place: RecordPlace<N>, userId: number) {
    this.#copies?.meet(place.space)
    return this.#line.ask({ ask: ({ store }) => store.findRecord(place, userId) })
  }

  override putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    this.#copies?.meet(place.space)
    return this.#writes.put(place, records, meeting)
  }

  /**
   * For each: what was there. Where a store answers whose copy is not whole, blocks and registrations that it does not know may
   * have been there: they count as such, without what is not known of them.
   */
  override dropRecords<N extends UserNamespace>(place: RecordPlace<N>, userIds: readonly number[]) {
    this.#copies?.meet(place.space)
    return this.#writes.drop(place, userIds)
  }

  override listRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    options: { cursor?: string; limit: number },
  ): Promise<UserRecordPage<UserRecordOf[N]>> {
    this.#copies?.meet(place.space)
    return this.#tagged.page(options, ({ store }, own) => store.listRecords(place, own))
  }

  /** How each store is, within `timeout`. Never rejects. */
  override health(): Promise<StoreHealth> {
    return healthOf(this.#line, this.#options.timeout)
  }

  /** The first store's, if it has one: processes of which one is on another store do not hear of each other. */
  override openChannel(listener: ChannelListener): Channel | undefined {
    return this.#standings[0].store.openChannel(listener)
  }

  readonly #tried = ({ index }: Standing, error?: Error): void => this.#comebacks[index].tried(error)

  #openJournal(): void {
    for (const error of this.#journals.open()) {
      this.report({ type: 'storeError', source: 'journal', error, at: Date.now() })
    }
  }

  #opened(standing: Standing): void {
    this.#comebacks[standing.index].begin()
    this.#copies?.missed(standing)
  }

  #returned(standing: Standing): void {
    this.#comebacks[standing.index].closed()
    this.#copies?.refresh()
  }

  #changed(from: Standing | undefined, to: Standing | undefined): void {
    this.#recheck?.()
    if (!this.#telling) return
    if (from !== undefined && (to === undefined || to.index > from.index)) this.#tellDegraded(from, to)
    else if (to !== undefined) this.#tellRecovered(to)
  }

  #tellDegraded({ name, lastError, index }: Standing, by: Standing | undefined): void {
    const error = lastError ?? new StoreError(`not connected within ${this.#options.timeout} ms`)
    const instead = by === undefined ? {} : { by: by.name }
    if (by === undefined || by.index > index) {
      this.report({ type: 'degraded', store: name, ...instead, error, at: Date.now() })
    }
  }

  #tellRecovered({ name, awaySince, replayed }: Standing): void {
    const away = Math.round(performance.now() - awaySince)
    this.report({ type: 'recovered', store: name, away, replayed, at: Date.now() })
  }

  /** What is only in memory goes with it. */
  #tellOfLosses(): void {
    if (this.#options.journal.file !== undefined) return
    for (const { name, journal } of this.#standings) {
      if (journal.size === 0) continue
      const error = new StoreError(
        `closed before ${name} had got ${journal.size} writes to blocks, registrations or members; with journal.file they ` +
          'would reach it after the next start',
      )
      this.report({ type: 'storeError', source: 'journal', error, at: Date.now() })
    }
  }
}

/**
 * Stores that stand behind one another: the first serves; where it fails, the next one does, in the same call. It comes back by
 * itself: probed at growing intervals, given what it missed, tried with single decisions, and only then asked first again.
 *
 * Blocks, registrations and members that are written meanwhile are kept in a journal and carried over in order; where another
 * process has written the same record, the journal's word holds. A store with something in its journal does not serve. A record
 * that it refuses for its texts it gets without them (a block without `reason` and `by`, a registration without its profile), and a
 * `storeError` says so.
 *
 * Blocks and registrations of the first store are copied to those behind it, so that bans hold and nobody is locked out (see
 * `copies`). The first store's word is the truth: one that comes back empty, such as a Redis without persistence, empties the
 * copies too with the next refresh, for nobody can tell that from a deletion. A store behind it that loses its copies is noticed
 * within ten seconds while the first serves, and gets them again. Until its copy is whole (in the first seconds after the start,
 * or where there are more than `copies.most`), a store that answers instead of the first, be it a single call that took too long,
 * lets pass who must be registered, and counts a removal as one though it cannot say whether there was something to remove:
 * `blocks.remove` and `registrations.remove` say `true`.
 *
 * Counters and debounce marks are each store's own. So per switch a limit of L may let through, for each process that switches, at
 * most L more than it says, and L more when the first store returns. What is kept under keys (`get`, `swap`: own limiters,
 * plugins, sessions) is neither copied nor carried over.
 *
 * Put `layered` around it, `layered('memory', failover([…]))`, never into it: what a layered store answers from memory passes for an
 * answer of its server, so that an outage is noticed late, and it does not forget what it knows when a store returns.
 *
 * `close()` closes all of the stores.
 *
 * @param stores two or more, the one to ask first at the head: what the option `store` takes. A text's store has the same `timeout`.
 * @throws SentinelOptionsError with every mistake
 * @example
 * const store = failover(['redis://localhost:6379', 'memory'], { journal: { file: '/var/lib/bot/journal' } })
 * const sentinel = createSentinel({ store, controllers: [Shop] })
 * sentinel.on('degraded', ({ store, by, error }) => console.warn(`${by ?? 'nobody'} instead of ${store}: ${error.message}`))
 */
export function failover(
  stores: readonly (string | StorageAdapter)[],
  options: FailoverOptions = {},
): FailoverStore {
  return new FailoverStore(stores, options)
}

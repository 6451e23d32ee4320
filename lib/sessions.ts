/**
 * Telegraf's sessions on the sentinel's store.
 *
 * A session is one record, written as a text of JSON: so every store gives back exactly what JSON keeps. The record says
 * itself when it is over; the store's own time to live only collects garbage.
 */
import type { Context } from 'telegraf'
import type { Backlog } from './backlog'
import { OverloadError, StoreError, StoreTimeoutError, toError } from './errors'
import type { Emitter } from './events'
import { keyOf } from './keys'
import type { Settings } from './options'
import { Reading } from './reading'
import { show } from './schema'
import { SessionLine } from './session-line'
import { readSessionOptions, type SessionStore, type SessionStoreOptions } from './session-options'
import { keyText, textOf } from './session-text'
import { ownMember, parseRecord, unreadable } from './stores/json'
import type { Entry, StorageAdapter, Version } from './stores/store'
import { retry } from './stores/update'
import type { Trips } from './trip'

export interface SessionParts<C extends Context> {
  readonly settings: Settings<C>
  readonly trips: Trips<C>
  readonly backlog: Backlog
  readonly emitter: Emitter
  readonly switches: Switches
}

/** How often another store of a `failover` has begun to serve; counted once for all session stores of a sentinel. */
export class Switches {
  count = 0

  constructor(emitter: Emitter) {
    const switched = (): void => void this.count++
    emitter.on('degraded', switched)
    emitter.on('recovered', switched)
  }
}

/** The record as the last reading found it. */
interface Seen {
  /** `null`: there was none. */
  readonly version: Version | null
  readonly epoch: number
}

/** What a reading finds. */
interface Found {
  readonly entry: Entry | undefined
  readonly epoch: number
}

/** One call, from its beginning until nobody waits for it any more. */
interface Call {
  readonly key: string
  readonly name: string
  readonly use: ReturnType<Trips<Context>['admit']>
  late: boolean
}

type Work<R> = (store: StorageAdapter, call: Call) => Promise<R>

/** One compare-and-set against what was seen: the version that is there then (`null`: none), or `undefined` on conflict. */
type Change = (seen: Seen) => Promise<Version | null | undefined>

const DAY = 86_400_000
/** Readings remembered at most; of one that is forgotten, the record is read again before it is written. */
const MOST_SEEN = 10_000

export class Sessions<T, C extends Context> implements SessionStore<T> {
  readonly #parts: SessionParts<C>
  readonly #ttl: number
  readonly #at: (name: string) => string
  readonly #line: SessionLine
  /** By key, the longest unused first. */
  readonly #seen = new Map<string, Seen>()

  /** @throws SentinelOptionsError with every mistake */
  constructor(parts: SessionParts<C>, options: SessionStoreOptions = {}) {
    const { ttl, name } = readSessionOptions(options)
    const { settings } = parts
    this.#parts = parts
    this.#ttl = ttl
    this.#at = (key) => keyOf(settings.space, 'session', name, key)
    this.#line = new SessionLine(settings.storeTimeout)
  }

  get(name: string): Promise<T | undefined> {
    const begin = (call: Call): Promise<T | undefined> =>
      this.#line.read(call.key, () => this.#turn(call, (store) => this.#read(store, call)))
    return new Reading(() => this.#call(name, begin))
  }

  async set(name: string, value: T): Promise<void> {
    const text = textOf(name, value)
    await (text === undefined
      ? this.delete(name)
      : this.#change(name, (store, call) => this.#write(store, call, text)))
  }

  async delete(name: string): Promise<void> {
    await this.#change(name, (store, call) => this.#erase(store, call))
  }

  async #read(store: StorageAdapter, call: Call): Promise<T | undefined> {
    const { key, name } = call
    const { entry, epoch } = await retry<Found>(async () => {
      this.#assertAwaited(call)
      const before = this.#epoch(store)
      const found = await store.get(key)
      // What stands in for a moment knows nothing of the session: it is no answer.
      return this.#epoch(store) === before ? { done: { entry: found, epoch: before } } : { conflict: key }
    })
    this.#remember(key, { version: entry?.version ?? null, epoch })
    if (entry === undefined) return undefined
    const text = ownMember(entry.value, 'session')
    const until = ownMember(entry.value, 'until')
    const record = `the session ${show(name)}`
    if (typeof text !== 'string') throw unreadable(record)
    const isOver = typeof until === 'number' && until <= this.#parts.settings.clock.now()
    return isOver ? undefined : (parseRecord(text, record) as T)
  }

  /** Whatever the record is: the last to write is right. */
  #write(store: StorageAdapter, call: Call, session: string): Promise<void> {
    const { clock } = this.#parts.settings
    const value = this.#ttl === Infinity ? { session } : { session, until: clock.now() + this.#ttl }
    return this.#replace(
      store,
      call,
      async ({ version }) => (await store.swap(call.key, version, value, this.#lifetime)) ?? undefined,
    )
  }

  async #erase(store: StorageAdapter, call: Call): Promise<void> {
    const { key, name } = call
    // Where there was none, another process may have begun one.
    if (this.#seen.get(key)?.version === null) this.#seen.delete(key)
    await this.#replace(store, call, async ({ version, epoch }) => {
      if (version !== null) return (await store.delete(key, version)) ? null : undefined
      if (this.#epoch(store) !== epoch) throw stoodIn(name)
      return null
    })
  }

  /** Until nobody comes in between; only what no reading has shown is not replaced. */
  async #replace(store: StorageAdapter, call: Call, change: Change): Promise<void> {
    const { key, name } = call
    const start = this.#epoch(store)
    let seen = this.#seen.get(key)
    await retry(async () => {
      this.#assertAwaited(call)
      seen ??= { version: (await store.get(key))?.version ?? null, epoch: start }
      this.#assertAwaited(call)
      const before = this.#epoch(store)
      const version = await change(seen)
      const after = this.#epoch(store)
      const isElsewhere = version === undefined ? after !== seen.epoch : after !== before
      if (isElsewhere) throw stoodIn(name)
      seen = undefined
      if (version === undefined) return { conflict: key }
      this.#remember(key, { version, epoch: after })
      return { done: undefined }
    })
  }

  /** How long the store keeps a record (ms of real time): beyond the end of the session, whatever its clock says. */
  get #lifetime(): number | undefined {
    if (this.#ttl === Infinity) return undefined
    return this.#parts.settings.injectedClock === undefined ? this.#ttl + DAY : Math.max(this.#ttl, DAY) + DAY
  }

  /** Has changed where what answers now may be another store than before. */
  #epoch(store: StorageAdapter): number {
    return this.#parts.switches.count + (store.standIns?.() ?? 0)
  }

  #remember(key: string, seen: Seen): void {
    this.#seen.delete(key)
    this.#seen.set(key, seen)
    if (this.#seen.size <= MOST_SEEN) return
    for (const oldest of this.#seen.keys()) {
      this.#seen.delete(oldest)
      return
    }
  }

  #change(name: string, work: Work<void>): Promise<void> {
    return this.#call(name, (call) => this.#line.write(call.key, () => this.#turn(call, work)))
  }

  /** One call, its wait in the line included, within `storeTimeout`. */
  async #call<R>(name: string, begin: (call: Call) => Promise<R>): Promise<R> {
    const { backlog, trips, settings } = this.#parts
    const key = this.#at(keyText(name))
    let call: Call | undefined
    try {
      if (backlog.isFull) {
        throw new OverloadError(`${backlog.bound} decisions are under way already`, backlog.bound)
      }
      call = { key, name, use: trips.admit(), late: false }
      const { storeTimeout } = settings
      return await backlog.within(begin(call), storeTimeout, () => new StoreTimeoutError(storeTimeout))
    } catch (thrown) {
      const error = toError(thrown)
      if (call !== undefined) call.late = true
      this.#failed(error)
      throw error
    }
  }

  async #turn<R>(call: Call, work: Work<R>): Promise<R> {
    this.#assertAwaited(call)
    return call.use((store) => work(store, call))
  }

  /** Nobody waits any more: what is written now might undo what was written since. */
  #assertAwaited({ late }: Call): void {
    if (late) throw new StoreTimeoutError(this.#parts.settings.storeTimeout)
  }

  #failed(error: Error): void {
    const { backlog, emitter, settings } = this.#parts
    if (error instanceof OverloadError) return backlog.turnAway(error.bound)
    const told = { subject: undefined, verdict: undefined, at: settings.clock.now() }
    emitter.emit({ type: 'storeError', error, source: 'session', ...told })
  }
}

function stoodIn(name: string): StoreError {
  return new StoreError(
    `the session ${show(name)}: another store serves now than it was read from, or one stood in; what is there was not overwritten`,
  )
}

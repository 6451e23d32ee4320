/**
 * Telegraf's sessions on the sentinel's store.
 *
 * A session is one record, written as a text of JSON: so every store gives back exactly what JSON keeps. The record says
 * itself when it is over; the store's own time to live only collects garbage.
 */
import type { Context } from 'telegraf'
import type { Backlog } from './backlog'
import { OverloadError, SentinelUsageError, StoreError, StoreTimeoutError, toError } from './errors'
import type { Emitter } from './events'
import { keyOf } from './keys'
import type { Settings } from './options'
import { Reading } from './reading'
import { show } from './schema'
import { readSessionOptions, type SessionStore, type SessionStoreOptions } from './session-options'
import { KeyQueue } from './stores/key-queue'
import { ownMember, parseRecord, unreadable } from './stores/json'
import type { Entry, StorageAdapter, Version } from './stores/store'
import { retry } from './stores/update'
import type { Trips } from './trip'

export interface SessionParts<C extends Context> {
  readonly settings: Settings<C>
  readonly trips: Trips<C>
  readonly backlog: Backlog
  readonly emitter: Emitter
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
  late: boolean
}

const DAY = 86_400_000
/** Readings remembered at most; of one that is forgotten, the record is read again before it is written. */
const MOST_SEEN = 10_000

export class Sessions<T, C extends Context> implements SessionStore<T> {
  readonly #parts: SessionParts<C>
  readonly #ttl: number
  readonly #at: (name: string) => string
  /** Telegraf begins to read a session while it still writes it. */
  readonly #queue: KeyQueue
  /** By key, the longest unused first. */
  readonly #seen = new Map<string, Seen>()
  /** How often another store has begun to serve. */
  #switches = 0

  /** @throws SentinelOptionsError with every mistake */
  constructor(parts: SessionParts<C>, options: SessionStoreOptions = {}) {
    const { ttl, name } = readSessionOptions(options)
    const { settings, emitter } = parts
    this.#parts = parts
    this.#ttl = ttl
    this.#at = (key) => keyOf(settings.space, 'session', name, key)
    this.#queue = new KeyQueue(undefined, Infinity)
    const switched = (): void => void this.#switches++
    emitter.on('degraded', switched)
    emitter.on('recovered', switched)
  }

  get(name: string): Promise<T | undefined> {
    return new Reading(() => this.#call(name, (store, call) => this.#read(store, call)))
  }

  async set(name: string, value: T): Promise<void> {
    const text = textOf(name, value)
    if (text === undefined) return this.delete(name)
    await this.#call(name, (store, call) => this.#write(store, call, text))
  }

  async delete(name: string): Promise<void> {
    await this.#call(name, async (store, { key }) => {
      const epoch = this.#epoch(store)
      await store.delete(key)
      if (this.#epoch(store) !== epoch) throw stoodIn(name)
      this.#remember(key, { version: null, epoch })
    })
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

  /** Whatever the record is: the last to write is right. Only what no reading has shown is not overwritten. */
  async #write(store: StorageAdapter, call: Call, session: string): Promise<void> {
    const { key, name } = call
    const { clock } = this.#parts.settings
    const value = this.#ttl === Infinity ? { session } : { session, until: clock.now() + this.#ttl }
    const start = this.#epoch(store)
    let seen = this.#seen.get(key)
    await retry(async () => {
      this.#assertAwaited(call)
      seen ??= { version: (await store.get(key))?.version ?? null, epoch: start }
      const before = this.#epoch(store)
      const version = await store.swap(key, seen.version, value, this.#lifetime)
      const after = this.#epoch(store)
      const isElsewhere = version === null ? after !== seen.epoch : after !== before
      if (isElsewhere) throw stoodIn(name)
      seen = undefined
      if (version === null) return { conflict: key }
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
    return this.#switches + (store.standIns?.() ?? 0)
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

  /** Calls on one session, one after the other; each within `storeTimeout`, its wait included. */
  async #call<R>(name: string, work: (store: StorageAdapter, call: Call) => Promise<R>): Promise<R> {
    const { backlog, trips, settings } = this.#parts
    const call: Call = { key: this.#at(keyText(name)), name, late: false }
    try {
      if (backlog.isFull) {
        throw new OverloadError(`${backlog.bound} decisions are under way already`, backlog.bound)
      }
      const answer = this.#queue.run([call.key], async () => {
        this.#assertAwaited(call)
        return trips.use((store) => work(store, call))
      })
      const { storeTimeout } = settings
      return await backlog.within(answer, storeTimeout, () => new StoreTimeoutError(storeTimeout))
    } catch (thrown) {
      const error = toError(thrown)
      call.late = true
      this.#failed(error)
      throw error
    }
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

function keyText(name: unknown): string {
  if (typeof name === 'string') return name
  throw new SentinelUsageError(`a session's key is a text, not ${show(name)}: see getSessionKey`)
}

/** `undefined` where there is nothing to keep. */
function textOf(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (thrown) {
    throw new SentinelUsageError(`the session ${show(name)} is no JSON: ${firstLine(toError(thrown))}`)
  }
  if (text !== undefined) return text
  throw new SentinelUsageError(`the session ${show(name)} is no JSON: it is a ${typeof value}`)
}

/** Of a cycle, V8 draws a picture over several lines. */
function firstLine({ message }: Error): string {
  return message.split('\n', 1)[0]
}

function stoodIn(name: string): StoreError {
  return new StoreError(
    `the session ${show(name)}: another store serves now than it was read from, or one stood in; what is there was not overwritten`,
  )
}

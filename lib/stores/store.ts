import { toError } from '../errors'
import { decideTogether } from './batch'
import { BatchQueue } from './batch-queue'
import { moveBuckets, peekBucket, resetBucket } from './buckets'
import type { Channel, ChannelListener } from './channel'
import type { Decision, DecisionRequest, LimitQuery, LimitState, Scope, StoreHealth } from './decision'
import { keysOf } from './json-ledger'
import { KeyQueue } from './key-queue'
import { decideOwn, ownLimits, recordsOf } from './own-limits'
import { StoreListeners, type StoreEvent, type StoreListener } from './store-event'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf, UserRecordPage } from './user-record'
import { dropRecords, findRecord, listRecords, putRecords } from './user-records-base'

/**
 * Names one state of a record. A key never sees the same version twice, not even after it was deleted: else a
 * writer that read the old record would overwrite the new one.
 */
export type Version = string | number

/** What is stored under a key. `value` is plain JSON. */
export interface Entry {
  readonly value: unknown
  readonly version: Version
  /** From when the store may forget it (ms since the epoch, real time); absent: never. */
  readonly expiresAt?: number
}

/** An entry as `scan` lists it. */
export interface KeyedEntry extends Entry {
  readonly key: string
}

/** At most `limit` entries, perhaps none; `cursor` is there as long as there may be more. */
export interface ScanPage {
  readonly entries: KeyedEntry[]
  readonly cursor?: string
}

/** A bucket that moves when its group becomes a supergroup. */
export interface MovedBucket {
  readonly bucket: string
  readonly scope: Scope
}

/**
 * The seam for a store of your own. Four primitives are enough: blocks, registrations, debounce and every limiter
 * are built on them here, and stay exact with any number of processes, because each write is a compare-and-set.
 * `storeContract` of `telegraf-sentinel/testing` says whether a store keeps its word.
 *
 * @example
 * class MapStore extends StorageAdapter {
 *   readonly #entries = new Map<string, Entry>()
 *   #version = 0
 *
 *   async get(key: string) {
 *     return structuredClone(this.#entries.get(key))
 *   }
 *   async swap(key: string, expected: Version | null, value: unknown, ttl = Infinity) {
 *     if ((this.#entries.get(key)?.version ?? null) !== expected) return null
 *     const expiresAt = ttl === Infinity ? undefined : Date.now() + ttl
 *     this.#entries.set(key, structuredClone({ value, version: ++this.#version, expiresAt }))
 *     return this.#version
 *   }
 *   async delete(key: string, expected?: Version) {
 *     if (expected !== undefined && this.#entries.get(key)?.version !== expected) return false
 *     return this.#entries.delete(key)
 *   }
 *   async scan(prefix: string, { cursor = '', limit }: { cursor?: string; limit: number }) {
 *     const keys = [...this.#entries.keys()].filter((key) => key.startsWith(prefix) && key > cursor).sort()
 *     const page = keys.slice(0, limit).flatMap((key) => ({ key, ...(this.#entries.get(key) as Entry) }))
 *     return { entries: page, cursor: keys.length > limit ? page.at(-1)?.key : undefined }
 *   }
 * }
 */
export abstract class StorageAdapter {
  readonly #decisions = new BatchQueue<DecisionRequest, Decision>((requests, keys) =>
    decideTogether(this, requests, keys),
  )
  /** Between charge and refund of an own limit lies a native call, which nobody else may see: one by one. */
  readonly #withOwn = new KeyQueue()
  readonly #listeners = new StoreListeners()

  /** The record under a key, or `undefined`. */
  abstract get(key: string): Promise<Entry | undefined>

  /**
   * Compare-and-set: writes `value` only if the record still has the version `expected` (`null`: only if there is
   * none), in one atomic step. After `ttl` ms of real time the store should forget it; nothing is decided by that.
   *
   * @returns the new version, or `null` if the record had changed.
   */
  abstract swap(key: string, expected: Version | null, value: unknown, ttl?: number): Promise<Version | null>

  /** Forgets a record (where `expected` is given: only that version of it). Returns whether it did. */
  abstract delete(key: string, expected?: Version): Promise<boolean>

  /**
   * Lists the records whose keys start with `prefix`, page by page. Whatever is there during the whole listing is
   * listed, even if other records come and go meanwhile.
   */
  abstract scan(prefix: string, options: { cursor?: string; limit: number }): Promise<ScanPage>

  /** The clock that decisions go by unless the sentinel has one (ms since the epoch). Default `Date.now()`. */
  now(): number | Promise<number> {
    return Date.now()
  }

  /**
   * How many answers so far came from a store that stood in for another one, for that call alone; absent: none ever do. Whoever
   * remembers answers remembers none during which this number has changed: the next call may be answered otherwise.
   */
  standIns?(): number

  /** Called once before first use. */
  async connect(): Promise<void> {
    return undefined
  }

  /** Called once when the sentinel that made the store closes. */
  async close(): Promise<void> {
    return undefined
  }

  /** How the store is. Default: whether one `get` succeeds, and how long it takes. */
  async health(): Promise<StoreHealth> {
    const start = performance.now()
    try {
      await this.get('health')
      return { status: 'ok', latency: performance.now() - start }
    } catch (error) {
      return { status: 'down', error: toError(error).message }
    }
  }

  /**
   * Judges all checks of one update, all or nothing.
   *
   * @throws StoreError naming the key that changed under every attempt; whatever the primitives throw.
   */
  decide(request: DecisionRequest): Decision | Promise<Decision> {
    return this.#decisions.run(keysOf(request), request)
  }

  /**
   * The decision, where it is known without a trip; `undefined`: `decide` has to be asked. For stores that remember: so a sentinel
   * with too many decisions under way still refuses who is known to be refused.
   */
  answerAtOnce?(request: DecisionRequest): Decision | undefined

  /** What is left of one limit; nothing is charged. */
  peek(query: LimitQuery): LimitState | Promise<LimitState> {
    return peekBucket(this, query)
  }

  /** Forgets one limit of one subject. */
  reset(query: LimitQuery): void | Promise<void> {
    return resetBucket(this, query)
  }

  /** Carries chat- and member-scoped buckets over to a chat's new id, where that has none of the name. */
  async migrateChat(space: string, from: number, to: number, buckets: readonly MovedBucket[]): Promise<void> {
    await moveBuckets(this, space, from, to, buckets)
  }

  /** What is kept of one user, whether or not it still counts (a block may be over). */
  findRecord<N extends UserNamespace>(
    place: RecordPlace<N>,
    userId: number,
  ): Promise<UserRecordOf[N] | undefined> {
    return findRecord(this, place, userId)
  }

  /**
   * Writes records of users, each once, as many as are given. For each: what is stored now, or `undefined` where the
   * former record stays. One by one they are atomic, all together they are not.
   */
  putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    return putRecords(this, place, records, meeting)
  }

  /** Forgets records of users. For each: what was there. */
  dropRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    userIds: readonly number[],
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    return dropRecords(this, place, userIds)
  }

  /** Lists records page by page. Whatever is there during the whole listing is listed, once. */
  listRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    options: { cursor?: string; limit: number },
  ): Promise<UserRecordPage<UserRecordOf[N]>> {
    return listRecords(this, place, options)
  }

  /** Has `listener` told what happens to the store without anybody asking; returns what ends it. */
  observe(listener: StoreListener): () => void {
    return this.#listeners.add(listener)
  }

  /** Opens a channel to the other processes on this store; `undefined` (the default) where it has none. */
  openChannel(_listener: ChannelListener): Channel | undefined {
    return undefined
  }

  /** Tells whoever observes the store. */
  protected report(event: StoreEvent): void {
    this.#listeners.tell(event)
  }

  /**
   * For stores that decide natively: judges users' own limiters on records, hands their outcomes to `native`, and
   * gives back what it refuses. Without own limiters it is just `native(request)`.
   */
  protected decideWithOwn(
    request: DecisionRequest,
    native: (request: DecisionRequest) => Decision | Promise<Decision>,
  ): Decision | Promise<Decision> {
    if (ownLimits(request).length === 0) return native(request)
    return this.#withOwn.run(recordsOf(request), () => decideOwn(this, request, native))
  }
}

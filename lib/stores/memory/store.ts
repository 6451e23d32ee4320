import { SentinelOptionsError, type Problem } from '../../errors'
import type { Decision, DecisionRequest, LimitQuery, LimitState, StoreHealth } from '../decision'
import { judge } from '../judge'
import { optionsObject } from '../store-options'
import { StorageAdapter, type Entry, type MovedBucket, type ScanPage, type Version } from '../store'
import { MemoryLedger } from './ledger'
import { Memory } from './memory'
import { moveChat } from './migration'
import { Sweeper } from './sweeper'

export interface MemoryStoreOptions {
  /** Subjects (users, chats, members, keys) whose counters are kept at most. Default 1,000,000. */
  maxKeys?: number
}

const MAX_KEYS = 1_000_000

/**
 * Keeps everything in this process: the store for a bot that runs as one process, and for tests. Share one object to
 * share its state between sentinels.
 *
 * It decides at once, without a promise. Counters are rows of numbers in typed arrays, a few dozen bytes per subject. Above
 * `maxKeys` subjects, those idle longest lose their counters first: exactly up to 256, above it the idlest of a random
 * sample. Blocks, registrations and members are never evicted. What has expired is collected in short slices by one timer
 * that does not keep the process alive and is gone when there is nothing left to collect.
 *
 * @throws SentinelOptionsError if `maxKeys` is not a positive integer, or the options are no object
 * @example
 * const store = new MemoryStore({ maxKeys: 100_000 })
 * bot.use(createSentinel({ store, controllers: [Shop] }))
 */
export class MemoryStore extends StorageAdapter {
  readonly #memory = new Memory()
  readonly #ledger = new MemoryLedger(this.#memory)
  readonly #sweeper = new Sweeper(() => this.#memory.sweep(Date.now()))
  readonly #maxKeys: number

  constructor(options: MemoryStoreOptions = {}) {
    super()
    const problems: Problem[] = []
    const { maxKeys = MAX_KEYS, ...others } = optionsObject(options, problems)
    if (problems.length > 0) throw new SentinelOptionsError(problems)
    const [unknown] = Object.keys(others)
    if (unknown !== undefined) {
      throw new SentinelOptionsError([
        { path: unknown, message: 'is not an option; the only one is maxKeys' },
      ])
    }
    if (!Number.isSafeInteger(maxKeys) || maxKeys < 1) {
      throw new SentinelOptionsError([
        { path: 'maxKeys', message: `must be a positive integer, not ${String(maxKeys)}` },
      ])
    }
    this.#maxKeys = maxKeys
  }

  override decide(request: DecisionRequest): Decision {
    const real = Date.now()
    this.#ledger.turnTo(request, real, request.now)
    const decision = judge(request, this.#ledger, request.now ?? real)
    this.#memory.trim(this.#maxKeys)
    this.#sweeper.start()
    return decision
  }

  override peek(query: LimitQuery): LimitState {
    const real = Date.now()
    this.#ledger.turnTo(query, real, query.now)
    return this.#ledger.state(query.limit, query.now ?? real)
  }

  override reset(query: LimitQuery): void {
    this.#ledger.turnTo(query, Date.now(), query.now)
    this.#ledger.forget(query.limit)
  }

  override async migrateChat(
    space: string,
    from: number,
    to: number,
    buckets: readonly MovedBucket[],
  ): Promise<void> {
    await moveChat(this.#memory, space, from, to, buckets)
  }

  override async get(key: string): Promise<Entry | undefined> {
    return this.#memory.entries.get(key, Date.now())
  }

  override async swap(
    key: string,
    expected: Version | null,
    value: unknown,
    ttl?: number,
  ): Promise<Version | null> {
    const version = this.#memory.entries.swap(key, expected, value, ttl, Date.now())
    this.#sweeper.start()
    return version
  }

  override async delete(key: string, expected?: Version): Promise<boolean> {
    return this.#memory.entries.delete(key, expected, Date.now())
  }

  override async scan(
    prefix: string,
    { cursor, limit }: { cursor?: string; limit: number },
  ): Promise<ScanPage> {
    return this.#memory.entries.scan(prefix, cursor, limit, Date.now())
  }

  override async health(): Promise<StoreHealth> {
    return { status: 'ok', latency: 0 }
  }

  /** Stops collecting until the store is used again. It forgets nothing. */
  override async close(): Promise<void> {
    this.#sweeper.stop()
  }
}

import { toError } from '../../errors'
import { isThenable } from '../../promises'
import type { Decision, DecisionRequest, LimitQuery, StoreHealth } from '../decision'
import type { MovedBucket, StorageAdapter } from '../store'
import type { StoreListener } from '../store-event'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf } from '../user-record'
import { BackedStore } from './backed'
import { Changes } from './changes'
import { Copies } from './copies'
import type { CachedNamespace } from './facts'
import { Invalidation } from './invalidation'
import { Known } from './known'
import { Lessons } from './lessons'
import { Memory } from './memory'
import type { Change } from './messages'
import { readOptions, type LayeredOptions, type ReadOptions } from './options'
import { Records } from './records'
import { Times, type LocalClock } from './times'

/** Records written in one call that are kept in the front; of more, a bulk import's, only the old ones are forgotten. */
const FEW = 100

/** When the back was asked, and what it was then. */
interface Asking {
  /** Local ms. */
  readonly sent: number
  readonly changes: number
  readonly standIns: number
}

/** A durable store with memory in front of it; made by `layered`. */
export class LayeredStore extends BackedStore {
  readonly #front: StorageAdapter
  readonly #local: LocalClock
  readonly #memory: Memory
  readonly #known: Known
  readonly #lessons: Lessons
  readonly #records: Records
  readonly #changes = new Changes()
  readonly #invalidation: Invalidation
  readonly #unobserve: () => void
  #connecting: Promise<void> | undefined
  #closing: Promise<void> | undefined

  /** `local`: ms, monotonic. */
  constructor({ front, back, staleness, recheck, maxKeys }: ReadOptions, local: LocalClock = monotonic) {
    super(back)
    this.#front = front
    this.#local = local
    const times = new Times(local, staleness, recheck)
    const copies = new Copies(front, (thrown) => this.#failed('copies', thrown))
    this.#memory = new Memory(times, copies, maxKeys)
    this.#known = new Known(this.#memory, copies, times)
    this.#records = new Records(this.#memory, copies, times, this.#changes)
    this.#lessons = new Lessons(this.#memory, this.#records, times)
    this.#invalidation = new Invalidation({
      local,
      changed: (change) => this.#forget(change),
      anything: () => this.#forgetAll(),
      connected: (isConnected) => void (times.connected = isConnected),
      report: (event) => this.report(event),
    })
    // What was learnt of a store that stood in for another may not be so any more.
    this.#unobserve = back.observe(({ type }) => (type === 'recovered' ? this.#forgetAll() : undefined))
  }

  /** What is remembered: at most `maxKeys`. */
  get remembered(): number {
    return this.#memory.size
  }

  override decide(request: DecisionRequest): Decision | Promise<Decision> {
    const known = this.#known.answer(request)
    if (known !== undefined) return known
    const asking = this.#asking()
    try {
      const decision = this.back.decide(request)
      if (!isThenable(decision)) return this.#decided(request, decision, asking)
      return decision.then(
        (made) => this.#decided(request, made, asking),
        (thrown: unknown) => this.#undecided(request, thrown),
      )
    } catch (thrown) {
      return this.#undecided(request, thrown)
    }
  }

  override answerAtOnce(request: DecisionRequest): Decision | undefined {
    return this.#known.answer(request)
  }

  override reset(query: LimitQuery): void | Promise<void> {
    const { space, actor, chat, limit } = query
    const { scope, key } = limit
    const change: Change = { space, limitsOf: { scope, key, actor, chat } }
    return this.#changing(change, () => this.back.reset(query))
  }

  override async migrateChat(
    space: string,
    from: number,
    to: number,
    buckets: readonly MovedBucket[],
  ): Promise<void> {
    await this.#changing({ space }, () => this.back.migrateChat(space, from, to, buckets))
  }

  override async findRecord<N extends UserNamespace>(
    place: RecordPlace<N>,
    userId: number,
  ): Promise<UserRecordOf[N] | undefined> {
    if (!isCached(place)) return this.back.findRecord(place, userId)
    const found = await this.#records.find(place, userId)
    if (found.known) return found.record
    const asking = this.#asking()
    const record = await this.back.findRecord(place, userId)
    const isCurrent = !this.#changes.since(asking.changes, userId)
    if (isCurrent && !this.#wasStoodInFor(asking)) {
      await this.#records.learn(place, userId, record, asking.sent)
    }
    return record
  }

  override putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    const put = () => this.back.putRecords(place, records, meeting)
    if (!isCached(place)) return put()
    // Where the former record stays, nobody has said what it is.
    return this.#writing(
      place,
      records.map(({ userId }) => userId),
      put,
      (_id, stored) => (stored === undefined ? undefined : { record: stored }),
    )
  }

  override dropRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    userIds: readonly number[],
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    const drop = () => this.back.dropRecords(place, userIds)
    return isCached(place) ? this.#writing(place, userIds, drop, () => ({ record: undefined })) : drop()
  }

  override observe(listener: StoreListener): () => void {
    const ends = [super.observe(listener), this.#front.observe(listener), this.back.observe(listener)]
    return () => ends.forEach((end) => end())
  }

  override connect(): Promise<void> {
    this.#connecting ??= this.#connect().catch((thrown: unknown) => {
      this.#connecting = undefined
      throw thrown
    })
    return this.#connecting
  }

  override close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  /**
   * As the back is; `degraded` also while the channel is lost. The front's `lag`: ms since then; that of the whole is the longer of
   * the front's and the back's.
   */
  override async health(): Promise<StoreHealth> {
    const [front, back] = await Promise.all([this.#front.health(), this.back.health()])
    const { isLost, lag } = this.#invalidation
    return {
      ...back,
      name: 'layered',
      status: back.status === 'ok' && isLost ? 'degraded' : back.status,
      lag: Math.max(lag, back.lag ?? 0),
      stores: [{ ...front, lag }, back],
    }
  }

  #asking(): Asking {
    return { sent: this.#local(), changes: this.#changes.count, standIns: this.standIns() }
  }

  /** Whether the answer may be of a store that does not know what the one does that is asked next. */
  #wasStoodInFor({ standIns }: Asking): boolean {
    return this.standIns() !== standIns
  }

  #decided(request: DecisionRequest, decision: Decision, asking: Asking): Decision {
    const { blockAdded } = decision
    const isCurrent = !this.#changes.since(asking.changes, request.actor)
    const isStandIn = this.#wasStoodInFor(asking)
    // The one that was too slow may have decided as well.
    if (isStandIn) this.#lessons.lost(request)
    else this.#lessons.learn(request, decision, asking.sent, isCurrent)
    if (blockAdded !== undefined) {
      const users = [blockAdded.userId]
      if (!isCurrent || isStandIn) this.#records.forget(request.space, users)
      this.#invalidation.tell({ space: request.space, users })
    }
    return decision
  }

  #undecided(request: DecisionRequest, thrown: unknown): never {
    this.#lessons.lost(request)
    throw thrown
  }

  /** The back first; then, whether it has failed or not, what is known here and in the other processes. */
  #changing(change: Change, act: () => void | Promise<void>): void | Promise<void> {
    const changed = (): void => {
      this.#forget(change)
      this.#invalidation.tell(change)
    }
    let acting: void | Promise<void>
    try {
      acting = act()
    } catch (thrown) {
      changed()
      throw thrown
    }
    if (isThenable(acting)) return Promise.resolve(acting).finally(changed)
    changed()
  }

  /** The same for records; what was written is known from now on, unless somebody else has written meanwhile. */
  async #writing<N extends CachedNamespace, R>(
    place: RecordPlace<N>,
    userIds: readonly number[],
    write: () => Promise<R[]>,
    now: (userId: number, result: R) => { readonly record: UserRecordOf[N] | undefined } | undefined,
  ): Promise<R[]> {
    const { space } = place
    const asking = this.#asking()
    let alone: boolean[] = []
    let results: R[]
    try {
      results = await write()
      alone = userIds.map((userId) => !this.#changes.since(asking.changes, userId))
    } finally {
      this.#records.forget(space, userIds)
      this.#invalidation.tell({ space, users: userIds })
    }
    if (userIds.length > FEW) return results
    const learning = userIds.map((userId, n) => {
      const written = alone[n] ? now(userId, results[n]) : undefined
      return written === undefined
        ? undefined
        : this.#records.learn(place, userId, written.record, asking.sent)
    })
    await Promise.all(learning)
    return results
  }

  #forget(change: Change): void {
    if ('users' in change) return this.#records.forget(change.space, change.users)
    this.#changes.all()
    const space = this.#memory.named(change.space)
    if (space !== undefined) this.#memory.forgetLimits(space, change.limitsOf)
  }

  #forgetAll(): void {
    this.#changes.all()
    this.#memory.forgetAll()
  }

  #failed(source: string, thrown: unknown): void {
    this.report({ type: 'storeError', source, error: toError(thrown), at: Date.now() })
  }

  async #connect(): Promise<void> {
    await Promise.all([this.#front.connect(), this.back.connect()])
    this.#invalidation.open((listener) => this.back.openChannel(listener))
  }

  async #close(): Promise<void> {
    const ended = await Promise.allSettled([this.#invalidation.close()])
    ended.push(...(await Promise.allSettled([this.back.close(), this.#front.close()])))
    this.#unobserve()
    this.#memory.forgetAll()
    for (const end of ended) if (end.status === 'rejected') throw end.reason
  }
}

function monotonic(): number {
  return performance.now()
}

function isCached<N extends UserNamespace>(place: RecordPlace<N>): place is RecordPlace<N & CachedNamespace> {
  return place.namespace !== 'members'
}

/**
 * Memory in front of a durable store: what is known to be refused is refused without a trip, so that a flooder costs the
 * store nothing; blocks and registrations are cached, and processes tell one another what has changed through the store's
 * own channel (Redis' pub/sub, PostgreSQL's NOTIFY), where it has one.
 *
 * Nothing that counts is ever decided in the front: who is let pass is let pass by the back, but for an update with no
 * limit, debounce or claim, which known records may let pass for `staleness`. A refusal of the front is one that the back
 * would give too, with the same reason, name and `retryAfter`, unless another process has just
 * - banned or registered the user, or reset a limit, and the channel is lost or has none: seen within `staleness`; where
 *   a message was lost unnoticed, within `recheck`;
 * - set a debounce or claim mark, or filled another limit of this update: it is refused either way, but the reason or the
 *   name may be of the check that refused first, and `retryAfter` too short, never too long.
 * When two limits refuse at once and which of them waits longer cannot be told, the name stays that of the first until
 * both pass. What is left in `limits` is as last seen, and of limits never seen (after a block) there is none. A notice
 * that another process has claimed may come up to ten seconds late; never are there two in a window.
 *
 * Whoever has to be registered is refused by the front only if the back has refused them before: a failover store that lets
 * users pass because its second store may just not know them locks nobody out. What a store answers in another's place for a
 * single call, too slow for that one, is not remembered; when a failover store tells that a store has recovered, all is forgotten.
 *
 * What an album, a user's own limiter, or a limit that counts or blocks by refusing, is leased or in the shadow would
 * refuse is always the back's to say.
 *
 * @param front must answer at once: `'memory'` or `new MemoryStore()`, for this alone. It holds the copies of records.
 * @param back any other store, or a text that names one. Both are connected and closed together.
 * @throws SentinelOptionsError that lists every mistake
 * @example
 * const store = layered('memory', 'redis://localhost:6379', { staleness: '2s' })
 * const sentinel = createSentinel({ store, controllers: [Shop] })
 * process.once('SIGTERM', () => sentinel.close().then(() => store.close()))
 */
export function layered(
  front: string | StorageAdapter,
  back: string | StorageAdapter,
  options: LayeredOptions = {},
): LayeredStore {
  return new LayeredStore(readOptions(front, back, options))
}

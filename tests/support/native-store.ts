import { isBuiltin } from '../../lib/limiters/limiter'
import type { Decision, DecisionRequest, LimitQuery, LimitState } from '../../lib/stores/decision'
import type { MovedBucket } from '../../lib/stores/store'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf } from '../../lib/stores/user-record'
import { MapStore } from './map-store'

/**
 * A store that decides built-in limits by means of its own (here another store), as the Redis or memory store does:
 * users' own limiters are left to the base class.
 */
export class NativeStore extends MapStore {
  /** Told before each native decision. */
  onNative = async (_request: DecisionRequest): Promise<void> => undefined
  readonly engine = new MapStore()

  override decide(request: DecisionRequest): Decision | Promise<Decision> {
    return this.decideWithOwn(request, async (settled) => {
      await this.onNative(settled)
      return this.engine.decide(settled)
    })
  }

  override peek(query: LimitQuery): LimitState | Promise<LimitState> {
    return isBuiltin(query.limit.limiter) ? this.engine.peek(query) : super.peek(query)
  }

  override async reset(query: LimitQuery): Promise<void> {
    await super.reset(query)
    await this.engine.reset(query)
  }

  override async migrateChat(space: string, from: number, to: number, buckets: readonly MovedBucket[]) {
    await super.migrateChat(space, from, to, buckets)
    await this.engine.migrateChat(space, from, to, buckets)
  }

  // Blocks, registrations and members are the engine's, since its decisions read them.

  override findRecord<N extends UserNamespace>(place: RecordPlace<N>, userId: number) {
    return this.engine.findRecord(place, userId)
  }

  override putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ) {
    return this.engine.putRecords(place, records, meeting)
  }

  override dropRecords<N extends UserNamespace>(place: RecordPlace<N>, userIds: readonly number[]) {
    return this.engine.dropRecords(place, userIds)
  }

  override listRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    options: { cursor?: string; limit: number },
  ) {
    return this.engine.listRecords(place, options)
  }
}

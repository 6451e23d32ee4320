import { isBuiltin } from '../../lib/limiters/limiter'
import type { Decision, DecisionRequest, LimitQuery, LimitState } from '../../lib/stores/decision'
import type { MovedBucket, ScanPage, Version } from '../../lib/stores/store'
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

  override async get(key: string) {
    return isRecord(key) ? this.engine.get(key) : super.get(key)
  }

  override async swap(key: string, expected: Version | null, value: unknown, ttl?: number) {
    return isRecord(key) ? this.engine.swap(key, expected, value, ttl) : super.swap(key, expected, value, ttl)
  }

  override async delete(key: string, expected?: Version) {
    return isRecord(key) ? this.engine.delete(key, expected) : super.delete(key, expected)
  }

  override async scan(prefix: string, options: { cursor?: string; limit: number }): Promise<ScanPage> {
    return isRecord(prefix) ? this.engine.scan(prefix, options) : super.scan(prefix, options)
  }
}

/** Blocks, registrations and members are the engine's, since its decisions read them. */
function isRecord(key: string): boolean {
  return /^[^:]*:[^:]*:(blocks|registrations|members):/.test(key)
}

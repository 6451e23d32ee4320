/** Processes with leases over one store, on injected time: what each asks of the store is written down. */
import { setImmediate as tick } from 'node:timers/promises'
import type { Decision, DecisionRequest, LimitCheck, LimitQuery } from '../../../lib/stores/decision'
import { Leases } from '../../../lib/stores/lease/leases'
import type { MovedBucket, StorageAdapter } from '../../../lib/stores/store'
import { limitOf, requestOf, START, type LimitParts } from '../../../lib/testing/contract/requests'
import { NativeStore } from '../../support/native-store'

export const SPACE = 'lease:test'
export const HOT = 'hot'

/** One request to the store. */
export interface Trip {
  readonly request: DecisionRequest
  /** Units of the hot limit that were asked for; 0: it was left alone. */
  readonly units: number
  /** Whether they were taken ahead. */
  readonly ahead: boolean
}

/** One process, hooked as the Redis and the PostgreSQL store are. */
export class LeasedStore extends NativeStore {
  readonly leases = new Leases()
  readonly trips: Trip[] = []
  /** What becomes of a request; by default what the store says. */
  carry: (request: DecisionRequest, decide: () => Promise<Decision>) => Promise<Decision> = (
    _request,
    decide,
  ) => decide()

  constructor(private readonly shared: StorageAdapter = new NativeStore()) {
    super()
  }

  override decide(request: DecisionRequest): Decision | Promise<Decision> {
    return this.leases.decide(request, async (rest) => {
      this.trips.push(tripOf(rest))
      await tick()
      return this.carry(rest, async () => this.shared.decide(rest))
    })
  }

  override peek(query: LimitQuery) {
    return this.shared.peek(query)
  }

  override async reset(query: LimitQuery): Promise<void> {
    await this.shared.reset(query)
    this.leases.drop(query)
  }

  override async migrateChat(space: string, from: number, to: number, buckets: readonly MovedBucket[]) {
    await this.shared.migrateChat(space, from, to, buckets)
    this.leases.dropChat(space, from, buckets)
  }

  /** Requests that touched the hot limit. */
  get hot(): Trip[] {
    return this.trips.filter(({ units }) => units > 0)
  }
}

function tripOf(request: DecisionRequest): Trip {
  const check = request.limits.find(({ bucket, outcome }) => bucket === HOT && outcome === undefined)
  return { request, units: check?.cost ?? 0, ahead: check !== undefined && request.actor === undefined }
}

/** The hot limit: 100 a second for all, of which a process may hold 9 ahead. */
export function hotOf(parts: LimitParts = {}): LimitCheck {
  return limitOf({ bucket: HOT, scope: 'global', limit: 100, window: 1_000, lease: 10, ...parts })
}

/** An update of the hot limit alone; `block` makes sure that it needs a trip of its own. */
export function updateOf(
  at: number,
  parts: Partial<DecisionRequest> = {},
  hot: LimitParts = {},
): DecisionRequest {
  return requestOf(SPACE, { now: START + at, block: true, limits: [hotOf(hot)], ...parts })
}

/**
 * Leases: of a very hot limit that many share, a process takes several units in one trip and spends them on the updates
 * that come next, which then need not touch the limit's row, key or slot.
 *
 * An update that finds no unit in hand is decided by the store itself, as without a lease. Beside it, in the same call, goes
 * a request that takes units ahead, as many as demand shows. What the store counts and no update has used is never more
 * than `lease - 1` per process: units that were too old to be used count against the lease until the store forgets them.
 * So whatever an algorithm admits in a span of time, all processes together admit at most `processes * (lease - 1)` more of it,
 * and, where updates abound, as many fewer.
 */
import { StoreTimeoutError } from '../../errors'
import { limitId } from '../../keys'
import { isBuiltin } from '../../limiters/limiter'
import type { Decision, DecisionRequest, LimitCheck, LimitQuery, Place } from '../decision'
import { judge } from '../judge'
import { placeKey, type Whereabouts } from '../record-keys'
import type { MovedBucket } from '../store'
import { askAhead, clockOf, type Native } from './ahead'
import { giveBack, Holding, spend } from './holding'
import { asksNothing, NOTHING_STORED, partOf, settle, type Part } from './parts'

/** Limits that a process knows about at most, by place: one whose scope is a function may have any number. */
export const MOST_HOLDINGS = 4_096
/** Of those, looked at when room is needed. */
const LOOKED_AT = 16
/** Trips of others that an update waits for at most before it makes its own. */
const MOST_WAITS = 3

/** What one store's users in this process hold of its limits. */
export class Leases {
  readonly #holdings = new Map<string, Holding>()
  /** The store's clock less ours (ms), as last heard. */
  #offset = 0

  /** Has `native` decide all of a request but what units in hand, or the store's last refusal, decide. */
  decide(request: DecisionRequest, native: Native): Decision | Promise<Decision> {
    return request.album === undefined && request.limits.some(mayLease)
      ? this.#decide(request, native)
      : native(request)
  }

  /** Forgets one limit of one subject. */
  drop(query: LimitQuery): void {
    if (query.limit.lease !== undefined) this.#holdings.delete(nameOf(query, query.limit))
  }

  /** Forgets a chat's limits. */
  dropChat(space: string, chat: number, buckets: readonly MovedBucket[]): void {
    for (const { bucket, scope } of buckets) {
      if (scope !== 'chat') continue
      const place = { id: limitId(bucket), scope, key: undefined }
      this.#holdings.delete(nameOf({ space, actor: undefined, chat }, place))
    }
  }

  /** Forgets everything; what was in hand is lost. */
  clear(): void {
    this.#holdings.clear()
  }

  async #decide(request: DecisionRequest, native: Native): Promise<Decision> {
    const holdings = request.limits.map((check) => (mayLease(check) ? this.#find(request, check) : undefined))
    // Without a pause where there is nothing to wait for, so that those who ask in the same tick find this one on its way.
    for (let waits = 0; waits < MOST_WAITS; waits++) {
      const trips = tripsToWaitFor(request, holdings)
      if (trips.length === 0) break
      await Promise.all(trips)
    }
    const since = clockOf(request)
    const parts = request.limits.map((check, i) => partOf(request, check, holdings[i], since))
    const decided = this.#judge(request, parts, since, native)
    // In the same tick, so that it travels in the same call.
    for (const { check, holding, asked } of parts) {
      if (holding !== undefined && asked === check) askAhead(request, check, holding, native, decided)
    }
    return decided
  }

  /** Asks the store about all that is not at hand. */
  async #judge(
    request: DecisionRequest,
    parts: readonly Part[],
    since: number,
    native: Native,
  ): Promise<Decision> {
    const rest = { ...request, limits: parts.flatMap(({ asked }) => asked ?? []) }
    try {
      const decision = await (asksNothing(rest) ? this.#answer(rest) : native(rest))
      if (request.now === undefined) this.#offset = decision.now - performance.now()
      return settle(request, parts, decision, since)
    } catch (error) {
      // After a time-out it is not known whether the update passed: then it has used its units.
      const letGo = error instanceof StoreTimeoutError ? spend : giveBack
      for (const { lot, check } of parts) if (lot !== undefined) letGo(lot, check.cost)
      throw error
    }
  }

  #find(request: DecisionRequest, check: LimitCheck): Holding | undefined {
    const name = nameOf(request, check)
    let holding = this.#holdings.get(name)
    if (holding === undefined) {
      if (this.#holdings.size >= MOST_HOLDINGS && !this.#makeRoom(clockOf(request))) return undefined
      this.#holdings.set(name, (holding = new Holding(check.rule)))
    }
    holding.follow(check.rule)
    return holding
  }

  /** Forgets some of the oldest, but none that holds anything: its units would count, and nobody would know. */
  #makeRoom(now: number): boolean {
    let looked = 0
    for (const [name, holding] of this.#holdings) {
      if (looked++ === LOOKED_AT) break
      this.#holdings.delete(name)
      if (!holding.isIdle(now)) this.#holdings.set(name, holding)
    }
    return this.#holdings.size < MOST_HOLDINGS
  }

  /** Decides here; the store's clock is taken to have gone on as ours. */
  #answer(request: DecisionRequest): Decision {
    const now = request.now ?? Math.floor(performance.now() + this.#offset)
    return judge(request, NOTHING_STORED, now)
  }
}

/** Whether units of a limit may be taken ahead. */
function mayLease({ lease, limiter, rule, scope, cost, shadow, outcome }: LimitCheck): boolean {
  if (lease === undefined || outcome !== undefined || shadow || rule.countRefused) return false
  return isBuiltin(limiter) && scope !== 'actor' && scope !== 'member' && cost > 0 && rule.limit > 0
}

function nameOf(where: Whereabouts, place: Place & Pick<LimitCheck, 'id'>): string {
  return `${placeKey(where, place)}:${place.id}`
}

/** Trips of others under way that may bring what this update needs. */
function tripsToWaitFor(
  request: DecisionRequest,
  holdings: readonly (Holding | undefined)[],
): Promise<void>[] {
  const now = clockOf(request)
  return request.limits.flatMap(({ cost }, i) => holdings[i]?.awaited(cost, now) ?? [])
}

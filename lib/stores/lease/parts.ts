/** A request whose limits are partly decided here: what of it is left to the store, and what the store's decision means. */
import { isBuiltin } from '../../limiters/limiter'
import type { Decision, DecisionRequest, LimitCheck, LimitState } from '../decision'
import type { Ledger } from '../judge'
import { knownWait } from '../meter'
import { clockOf } from './ahead'
import { giveBack, spend, type Holding, type Lot } from './holding'

/** One limit of a request. */
export interface Part {
  readonly check: LimitCheck
  /** Absent: it is the store's alone. */
  readonly holding: Holding | undefined
  /** Where its units are from. */
  readonly lot: Lot | undefined
  /** What is still to be judged: the check, or the refusal that is known. */
  readonly asked: LimitCheck | undefined
}

export function partOf(
  request: DecisionRequest,
  check: LimitCheck,
  holding: Holding | undefined,
  now: number,
): Part {
  if (holding === undefined) return { check, holding, lot: undefined, asked: check }
  const lot = holding.take(check.cost, now)
  if (lot !== undefined) return { check, holding, lot, asked: undefined }
  const outcome = holding.outcome(check.cost, now)
  if (outcome === undefined) return { check, holding, lot, asked: check }
  // It needs no state of its own any more: at the update's home it is in nobody's way.
  const scope = request.actor === undefined ? 'global' : 'actor'
  return { check, holding, lot, asked: { ...check, scope, key: undefined, outcome } }
}

/** What a request is judged by that asks nothing of a store any more. */
export const NOTHING_STORED: Ledger = {
  block: () => undefined,
  setBlock: () => undefined,
  registration: () => undefined,
  mark: () => -Infinity,
  setMark: () => undefined,
  wait: ({ outcome }) => (outcome === undefined ? 0 : knownWait(outcome)),
  charge: () => undefined,
  state: ({ bucket, rule, outcome }) => ({
    name: bucket,
    limit: rule.limit,
    remaining: outcome?.remaining ?? 0,
    resetAfter: outcome?.resetAfter ?? 0,
  }),
}

/** Whether a request is decided without a look at any state. */
export function asksNothing({
  actor,
  duplicate,
  block,
  registration,
  debounces,
  limits,
  notices,
}: DecisionRequest): boolean {
  if (duplicate !== undefined || debounces.length > 0) return false
  if (actor !== undefined && (block || registration !== undefined)) return false
  return limits.every(({ outcome, blockFor, notice }) => {
    return (
      outcome !== undefined && (actor === undefined || (blockFor === 0 && !(notice && notices !== undefined)))
    )
  })
}

/** What a decision means for what is held; and the decision, with all of the request's limits. */
export function settle(
  request: DecisionRequest,
  parts: readonly Part[],
  decision: Decision,
  since: number,
): Decision {
  const passed = decision.reason === undefined && !decision.unasked
  for (const { lot, check } of parts) {
    if (lot !== undefined) (passed ? spend : giveBack)(lot, check.cost)
  }
  if (decision.unasked) return decision
  const now = clockOf(request)
  const told = decision.limits.values()
  const limits = parts.map(({ check, holding, asked }) => {
    if (asked !== undefined || holding === undefined) return told.next().value as LimitState
    return holding.state(check, now)
  })
  for (const [i, { check, holding, asked }] of parts.entries()) {
    if (holding === undefined || asked !== check) continue
    holding.see(limits[i], now)
    if (refusesAlone(check, parts, decision, limits)) {
      holding.refuse(check.cost, decision.retryAfter, since, now)
    }
  }
  return { ...decision, limits }
}

/** Whether a decision's `retryAfter` is this limit's own. */
function refusesAlone(
  check: LimitCheck,
  parts: readonly Part[],
  { reason, name, retryAfter = Infinity }: Decision,
  limits: readonly LimitState[],
): boolean {
  if (reason !== 'limited' || name !== check.bucket || retryAfter <= check.blockFor) return false
  return parts.every(({ check: other, asked }, i) => {
    if (other === check || other.shadow || asked === undefined) return true
    if (asked.outcome !== undefined) return asked.outcome.allowed
    return isBuiltin(other.limiter) && limits[i].remaining >= other.cost
  })
}

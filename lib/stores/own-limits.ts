/**
 * Users' own limiters run in this process, whatever the store decides natively: they are judged on records first,
 * the native call gets their outcomes, and what it refuses is given back.
 */
import { isBuiltin } from '../limiters/limiter'
import type { Decision, DecisionRequest, LimitCheck, LimitState, SettledOutcome } from './decision'
import type { Entries } from './draft'
import { JsonLedger, keysOf } from './json-ledger'
import { judge } from './judge'
import type { StorageAdapter } from './store'
import { transact } from './transaction'

/** One own limit: its outcome, and its state if it is not charged after all. */
interface Tried {
  readonly check: LimitCheck
  readonly outcome: SettledOutcome
  readonly uncharged: LimitState
}

/** Reasons after which nothing is counted, `countRefused` or not. */
export const CLOSING: readonly Decision['reason'][] = ['duplicate', 'blocked', 'unregistered']

/** The limits of a request that no store can decide natively. */
export function ownLimits({ limits }: DecisionRequest): LimitCheck[] {
  return limits.filter(({ limiter, outcome }) => outcome === undefined && !isBuiltin(limiter))
}

/** Decides a request that has own limits. The caller holds the keys of `recordsOf`. */
export async function decideOwn(
  store: StorageAdapter,
  request: DecisionRequest,
  native: (request: DecisionRequest) => Decision | Promise<Decision>,
): Promise<Decision> {
  const keys = recordsOf(request)
  const { value: tried, undo } = await transact(store, keys, request.now, (entries, now) =>
    chargeIfAllPass(request, entries, now),
  )
  let decision: Decision
  try {
    decision = await native(withOutcomes(request, tried))
  } catch (error) {
    await undo()
    throw error
  }
  const closed = decision.unasked || CLOSING.includes(decision.reason)
  if (closed || decision.reason !== undefined) await undo()
  if (!closed) await countRefusals(store, request, tried)
  return decision.reason === undefined
    ? decision
    : { ...decision, limits: givenBack(decision, tried, closed) }
}

/** The records of a request's own limits. */
export function recordsOf(request: DecisionRequest): string[] {
  return keysOf(onlyLimits(request, ownLimits(request)))
}

/** Own limits are charged only if all of them pass; what a refusal counts waits for the native call's reason. */
function chargeIfAllPass(request: DecisionRequest, entries: Entries, now: number) {
  const ledger = new JsonLedger(request, entries, now)
  const tried = ownLimits(request).map((check) => tryOne(request, entries, check, now))
  const allPass = tried.every(({ check, outcome }) => outcome.allowed || check.shadow)
  for (const { check, outcome } of tried) if (allPass && outcome.allowed) consume(request, ledger, check, now)
  return { value: tried, plan: ledger.keep().plan() }
}

/** Charges one limit that passes, unless it belongs to an album that has passed. */
function consume(request: DecisionRequest, ledger: JsonLedger, check: LimitCheck, now: number): void {
  const { reason } = judge(onlyLimits(request, [check]), ledger, now)
  // Only the album is refused: the native store remembers that as well, and then all of this is given back.
  if (reason !== undefined) ledger.charge(check, now)
}

function tryOne(request: DecisionRequest, entries: Entries, check: LimitCheck, now: number): Tried {
  const untouched = new JsonLedger(request, entries, now)
  const judged = new JsonLedger(request, entries, now)
  const { reason, retryAfter, shadowed } = judge(onlyLimits(request, [check]), judged, now)
  const refusal = reason === undefined ? shadowed[0] : { retryAfter }
  const wait = untouched.wait(check, now)
  const passes = refusal === undefined || (wait === 0 && !check.shadow)
  if (passes && refusal !== undefined) judged.charge(check, now)
  const { remaining, resetAfter } = judged.state(check, now)
  return {
    check,
    outcome: {
      allowed: passes,
      retryAfter: passes ? 0 : wait || (refusal?.retryAfter ?? Infinity),
      remaining,
      resetAfter,
      afterCounting: passes || !check.rule.countRefused ? undefined : judged.wait(check, now),
    },
    uncharged: untouched.state(check, now),
  }
}

/** What a refusal by an own limit leaves behind: the hit it counts, the album it remembers. */
async function countRefusals(
  store: StorageAdapter,
  request: DecisionRequest,
  tried: readonly Tried[],
): Promise<void> {
  const refused = tried.filter(({ outcome }) => !outcome.allowed).map(({ check }) => check)
  if (refused.length === 0) return
  const keys = keysOf(onlyLimits(request, refused))
  await transact(store, keys, request.now, (entries, now) => {
    const ledger = new JsonLedger(request, entries, now)
    for (const check of refused) {
      // Another process may have given units back meanwhile: a hit that would now pass is not a refusal to count.
      if (!tryOne(request, entries, check, now).outcome.allowed)
        judge(onlyLimits(request, [check]), ledger, now)
    }
    return { value: undefined, plan: ledger.keep().plan() }
  })
}

function withOutcomes(request: DecisionRequest, tried: readonly Tried[]): DecisionRequest {
  const outcomes = new Map(tried.map(({ check, outcome }) => [check, outcome]))
  return {
    ...request,
    limits: request.limits.map((check) => ({ ...check, outcome: outcomes.get(check) ?? check.outcome })),
  }
}

/** States as they are after a refusal: what passed here was given back, what refused has counted unless closed. */
function givenBack(decision: Decision, tried: readonly Tried[], closed: boolean): LimitState[] {
  const names = new Map(
    tried
      .filter(({ outcome }) => closed || outcome.allowed)
      .map(({ uncharged }) => [uncharged.name, uncharged]),
  )
  return decision.limits.map((state) => names.get(state.name) ?? state)
}

/** The request, but for all that is no such limit. */
export function onlyLimits(request: DecisionRequest, limits: readonly LimitCheck[]): DecisionRequest {
  return {
    ...request,
    duplicate: undefined,
    block: false,
    registration: undefined,
    debounces: [],
    limits: limits.map((check) => ({ ...check, blockFor: 0 })),
    notices: undefined,
  }
}

import type { Decision, DecisionReason, LimitState } from './stores/decision'

/** Why an update was refused. */
export type Reason = DecisionReason | 'store-error'

/** The update goes on to its handler. */
export interface Allowed {
  readonly allowed: true
  /** What is left of each limit that was judged. */
  readonly limits: readonly LimitState[]
}

/** The update stops here. */
export interface Refused {
  readonly allowed: false
  readonly reason: Reason
  /** The bucket whose check failed first. */
  readonly name?: string
  /** ms until the same update would pass, by the store's clock; absent where no wait helps. */
  readonly retryAfter?: number
  readonly limits: readonly LimitState[]
}

/** What a decision came to. */
export type Verdict = Allowed | Refused

/** A decision as its verdict. */
export function verdictOf(decision: Decision): Verdict {
  if (decision.reason === undefined) return { allowed: true, limits: decision.limits }
  return refusedBy(decision.reason, decision.name, decision.retryAfter, decision.limits)
}

/** A refusal without the keys that do not apply. */
export function refusedBy(
  reason: Reason,
  name: string | undefined,
  retryAfter: number | undefined,
  limits: readonly LimitState[],
): Refused {
  return {
    allowed: false,
    reason,
    ...(name === undefined ? undefined : { name }),
    ...(retryAfter === undefined ? undefined : { retryAfter }),
    limits,
  }
}

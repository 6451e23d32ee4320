/**
 * How stores apply a kernel to a limit check: the cases that a kernel never sees (an outcome that is known already,
 * nothing to pay, more than can ever pass), decided in one place for every store.
 */
import { statelessWait, waitOf } from '../limiters/kernel'
import type { Kernel, Outcome, Row } from '../limiters/limiter'
import type { LimitCheck, LimitState } from './decision'

/** ms until a check's cost would pass: 0 now, `Infinity` never. The check's limiter is the kernel's. */
export function waitFor(kernel: Kernel, row: Row, at: number, check: LimitCheck, now: number): number {
  const { outcome, rule, cost } = check
  return outcome === undefined ? waitOf(kernel, row, at, rule, now, cost) : knownWait(outcome)
}

/** The wait of a check whose state need not be looked at, else `undefined`. */
export function settledWait({ outcome, cost, rule }: LimitCheck): number | undefined {
  return outcome === undefined ? statelessWait(rule, cost) : knownWait(outcome)
}

/** The wait of an outcome that is known already. */
export function knownWait(outcome: Outcome): number {
  return outcome.allowed ? 0 : refusedWait(outcome.retryAfter)
}

/** A refusal always waits: what names no positive time is past help. */
export function refusedWait(retryAfter: number): number {
  return retryAfter > 0 ? retryAfter : Infinity
}

/** Whether charging this check changes any state: not if it is free, settled elsewhere, or there is nothing to fill. */
export function isChargeable({ outcome, cost, rule }: LimitCheck): boolean {
  return outcome === undefined && cost > 0 && rule.limit > 0
}

/** What is left of a check's limit. */
export function stateOf(kernel: Kernel, row: Row, at: number, check: LimitCheck, now: number): LimitState {
  const { bucket, rule, outcome } = check
  const { remaining, resetAfter } = outcome ?? {
    remaining: rule.limit === 0 ? 0 : kernel.remaining(row, at, rule, now),
    resetAfter: kernel.resetAfter(row, at, rule, now),
  }
  return { name: bucket, limit: rule.limit, remaining, resetAfter }
}

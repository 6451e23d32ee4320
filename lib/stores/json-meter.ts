/** A limiter over states that come out of JSON, whether it is one of ours or a user's own. */
import { LimiterError, toError } from '../errors'
import { isBuiltin } from '../limiters/limiter'
import type { Kernel, Limiter, Outcome, Row } from '../limiters/limiter'
import type { LimitCheck, LimitState } from './decision'
import { copyJson, jsonProblem } from './json'
import { isChargeable, knownWait, settledWait, stateOf, waitFor } from './meter'

/** A state to be stored and how long it matters (ms, counted from the charge; `Infinity`: for ever). */
export interface Kept {
  readonly state: unknown
  readonly keepFor: number
  /** What a user's own limiter said of this charge. */
  readonly outcome?: Outcome
}

/** `state` is what was stored, `undefined` where nothing is. Nothing here writes to it. */
export interface JsonMeter {
  wait(state: unknown, check: LimitCheck, now: number): number
  /** `undefined`: the charge changes nothing. */
  charge(state: unknown, check: LimitCheck, now: number): Kept | undefined
  refund(state: unknown, check: LimitCheck, when: number): Kept | undefined
  left(state: unknown, check: LimitCheck, now: number): LimitState
}

export function meterOf(limiter: Limiter): JsonMeter {
  return isBuiltin(limiter) ? new RowMeter(limiter.kernel) : OWN_METER
}

class RowMeter implements JsonMeter {
  constructor(private readonly kernel: Kernel) {}

  wait(state: unknown, check: LimitCheck, now: number): number {
    return waitFor(this.kernel, this.#row(state), 0, check, now)
  }

  charge(state: unknown, check: LimitCheck, now: number): Kept | undefined {
    if (!isChargeable(check)) return undefined
    const { rule, cost } = check
    const row = this.#row(state)
    const charged = this.#copy(row, this.kernel.size(row, 0, rule, now, cost))
    this.kernel.charge(charged, 0, rule, now, cost)
    return { state: charged, keepFor: this.kernel.resetAfter(charged, 0, rule, now) }
  }

  refund(state: unknown, check: LimitCheck, when: number): Kept | undefined {
    if (!isRow(state) || !isChargeable(check)) return undefined
    const row = this.#copy(state, state.length)
    this.kernel.refund(row, 0, check.rule, when, check.cost)
    return { state: row, keepFor: this.kernel.resetAfter(row, 0, check.rule, when) }
  }

  left(state: unknown, check: LimitCheck, now: number): LimitState {
    return stateOf(this.kernel, this.#row(state), 0, check, now)
  }

  #row(state: unknown): Row {
    return isRow(state) ? state : this.kernel.fresh
  }

  #copy(row: Row, room: number): number[] {
    const copy = new Array<number>(room).fill(0)
    this.kernel.move(row, 0, copy, 0, room)
    return copy
  }
}

const OWN_METER: JsonMeter = {
  wait(state, check, now) {
    const settled = settledWait(check)
    if (settled !== undefined) return settled
    return knownWait(hit(state, check, now, check.cost).outcome)
  },

  charge(state, check, now) {
    if (!isChargeable(check)) return undefined
    const charged = hit(state, check, now, check.cost)
    // Not every limiter is exact about resetAfter, and a state that goes too soon would let too much through.
    const keepFor = Math.max(charged.outcome.resetAfter, check.rule.window)
    return { ...charged, keepFor }
  },

  refund(state, check, when) {
    const { limiter, rule, cost } = check
    if (state === undefined || limiter.refund === undefined || !isChargeable(check)) return undefined
    const refunded = guarded(check, () => limiter.refund?.(copyJson(state), rule, when, cost))
    return { state: asJson(refunded, check), keepFor: rule.window }
  },

  left(state, check, now) {
    const { bucket: name, rule, outcome } = check
    const { limit } = rule
    if (outcome !== undefined) {
      return { name, limit, remaining: outcome.remaining, resetAfter: outcome.resetAfter }
    }
    if (limit === 0) return { name, limit, remaining: 0, resetAfter: 0 }
    // `hit` is all there is to ask, so one unit is tried, and what it would take is given back.
    const tried = hit(state, check, now, 1).outcome
    const remaining = tried.allowed ? tried.remaining + 1 : tried.remaining
    return {
      name,
      limit,
      remaining: Math.min(remaining, Math.max(limit, rule.burst)),
      resetAfter: state === undefined ? 0 : tried.resetAfter,
    }
  },
}

function hit(state: unknown, check: LimitCheck, now: number, cost: number) {
  const result = guarded(check, () => check.limiter.hit(copyJson(state), check.rule, now, cost))
  const [next, outcome] = Array.isArray(result) ? (result as readonly [unknown, Outcome]) : []
  if (!isOutcome(outcome)) {
    throw failure(check, 'must return [state, { allowed, retryAfter, remaining, resetAfter }]')
  }
  return { state: asJson(next, check), outcome }
}

function asJson(state: unknown, check: LimitCheck): unknown {
  const problem = jsonProblem(state)
  if (problem !== undefined) throw failure(check, `returned a state that is not plain JSON: ${problem}`)
  return copyJson(state)
}

function guarded<T>(check: LimitCheck, call: () => T): T {
  try {
    return call()
  } catch (thrown) {
    throw failure(check, `threw: ${toError(thrown).message}`, thrown)
  }
}

function failure(check: LimitCheck, what: string, cause?: unknown): LimiterError {
  const { limiter, bucket } = check
  return new LimiterError(bucket, `limiter '${limiter.name}' of limit '${bucket}' ${what}`, cause)
}

function isRow(state: unknown): state is number[] {
  return Array.isArray(state) && state.every((cell) => typeof cell === 'number')
}

function isOutcome(outcome: unknown): outcome is Outcome {
  if (typeof outcome !== 'object' || outcome === null) return false
  const { allowed, retryAfter, remaining, resetAfter } = outcome as Record<keyof Outcome, unknown>
  return (
    typeof allowed === 'boolean' &&
    [retryAfter, remaining, resetAfter].every((n) => typeof n === 'number' && !Number.isNaN(n))
  )
}

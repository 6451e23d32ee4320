/**
 * What a limiter is, for users (`Limiter`) and inside (`Kernel`).
 *
 * A limiter never looks at a clock: time is a value. It is a pure function of (state, rule, now, cost).
 */

/** The numbers a limiter goes by. Times are milliseconds. */
export interface Rule {
  /** Units admitted per window; 0 refuses everything. */
  readonly limit: number
  /** Length of the window (ms). */
  readonly window: number
  /** Token bucket and gcra: how much may come at once. Elsewhere equal to `limit`. */
  readonly burst: number
  /** A refused hit counts too. */
  readonly countRefused: boolean
}

/** What one hit came to. */
export interface Outcome {
  readonly allowed: boolean
  /** ms until the same hit would pass: 0 when it passed, `Infinity` when no wait helps. */
  readonly retryAfter: number
  /** Whole units left. */
  readonly remaining: number
  /** ms until the state is as good as new. */
  readonly resetAfter: number
}

/**
 * The seam for a user's own algorithm; the five built-in ones are such objects too.
 *
 * `hit` must be pure and synchronous, and its state plain JSON. When it refuses, the state it returns is kept only
 * if `rule.countRefused` is set.
 *
 * @example
 * // one hit per calendar hour
 * const hourly: Limiter<number> = {
 *   name: 'hourly',
 *   hit(state, rule, now) {
 *     const hour = Math.floor(now / 3_600_000)
 *     const left = (hour + 1) * 3_600_000 - now
 *     return state === hour
 *       ? [state, { allowed: false, retryAfter: left, remaining: 0, resetAfter: left }]
 *       : [hour, { allowed: true, retryAfter: 0, remaining: 0, resetAfter: left }]
 *   },
 * }
 */
export interface Limiter<State = unknown> {
  readonly name: string
  hit(state: State | undefined, rule: Rule, now: number, cost: number): readonly [State, Outcome]
  /** Gives `cost` units back that were charged at `now`; without it a charge that must be undone stays. */
  refund?(state: State, rule: Rule, now: number, cost: number): State
}

/** A limiter's state as a row of numbers, in a plain array or inside a slab of them. */
export type Row = number[] | Float64Array

/**
 * A built-in limiter over rows of numbers, so that one definition serves typed arrays (memory store), JSON
 * (four-primitive stores) and, as a specification, Lua and SQL.
 *
 * Every method reads the row that starts at `at`. Only `charge` and `refund` write, in place. Callers make sure that
 * `0 < cost <= capacity(rule)` before `wait`, and that the row has `size()` numbers before `charge`.
 */
export interface Kernel {
  /** The row of a subject that was never seen. */
  readonly fresh: Row
  /** The most units that can ever pass at once: a greater cost never passes. */
  capacity(rule: Rule): number
  /** How many numbers the row takes once `cost` more units are charged at `now`. */
  size(row: Row, at: number, rule: Rule, now: number, cost: number): number
  /** Copies a row into one that has room for `room` numbers. */
  move(from: Row, fromAt: number, to: Row, toAt: number, room: number): void
  /** ms until `cost` units would pass: 0 when they pass now. */
  wait(row: Row, at: number, rule: Rule, now: number, cost: number): number
  /**
   * Takes `cost` units, whether they pass or (countRefused) not. The state never comes to exceed what `limit` can fill;
   * one that a greater limit has filled further stays as full.
   */
  charge(row: Row, at: number, rule: Rule, now: number, cost: number): void
  /** Gives back `cost` units that were charged at `when`. */
  refund(row: Row, at: number, rule: Rule, when: number, cost: number): void
  /** Whole units left at `now`. */
  remaining(row: Row, at: number, rule: Rule, now: number): number
  /** ms until the row is as good as fresh. */
  resetAfter(row: Row, at: number, rule: Rule, now: number): number
}

/** A built-in limiter: the pure function that users see, and the kernel that it is made of. */
export interface BuiltinLimiter extends Limiter<number[]> {
  readonly kernel: Kernel
}

/** Names of the built-in algorithms. */
export type Algorithm = 'sliding-window' | 'sliding-counter' | 'fixed-window' | 'token-bucket' | 'gcra'

/** Whether a limiter is one of ours, which stores may decide natively. */
export function isBuiltin(limiter: Limiter): limiter is BuiltinLimiter {
  return 'kernel' in limiter
}

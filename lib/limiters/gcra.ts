/**
 * GCRA (generic cell rate algorithm): the token bucket's outcomes from one number, a moment in time.
 *
 * The textbook keeps the theoretical arrival time, TAT, and lets a hit pass when `TAT + cost * interval` is at most
 * `now + burst * interval`. We keep `TAT - burst * interval`, the moment at which the bucket was empty: a hit passes when
 * `empty + cost * interval <= now`. The same arithmetic, but a limit or burst that has changed since can neither be misread
 * nor lock anybody out for longer than it takes to refill.
 *
 * The interval, `window / limit`, is rarely whole, so time is counted in ticks of 1/q ms, q such that the interval is whole:
 * exact where `limit`, or else `limit / gcd(limit, window)`, is at most 2048. Above that q is 2048 and the interval is
 * rounded up, so that never more is admitted than the rule says (at most 1/2048 ms per unit later).
 *
 * Row: `[empty]`, packed as `ms * 2048 + ticks`, a whole number below 2^53 until the year 2109. A change of q thus moves the
 * moment by less than a millisecond.
 *
 * @see https://www.itu.int/rec/T-REC-I.371 the standard; https://brandur.org/rate-limiting for people
 */
import { copyRow, fromKernel, LONG_AGO } from './kernel'
import type { Row, Rule } from './limiter'

const LENGTH = 1
const FINEST = 2048

/** `'gcra'`: `burst` at once, then one unit per `window / limit`; the least memory of all. */
export const gcra = fromKernel('gcra', {
  fresh: [LONG_AGO],
  capacity,
  size,
  move: copyRow,
  wait,
  charge,
  refund,
  remaining,
  resetAfter,
})

function capacity(rule: Rule): number {
  return rule.limit > 0 ? rule.burst : 0
}

function size(): number {
  return LENGTH
}

/** Ticks per ms. */
export function scaleOf(rule: Rule): number {
  return rule.limit <= FINEST ? rule.limit : reduced(rule).scale
}

/** Ticks per unit. */
export function intervalOf(rule: Rule): number {
  return rule.limit <= FINEST ? rule.window : reduced(rule).interval
}

interface Reduced {
  readonly limit: number
  readonly window: number
  readonly scale: number
  readonly interval: number
}

/** Large limits are few in a bot, and a greatest common divisor is slow: the last ones are remembered. */
const memo: Reduced[] = Array.from({ length: 16 }, () => ({ limit: 0, window: 0, scale: 1, interval: 1 }))

function reduced(rule: Rule): Reduced {
  const slot = rule.limit % memo.length
  const known = memo[slot]
  if (known.limit === rule.limit && known.window === rule.window) return known
  return (memo[slot] = reduce(rule.limit, rule.window))
}

function reduce(limit: number, window: number): Reduced {
  const divisor = greatestCommonDivisor(limit, window)
  if (limit / divisor <= FINEST) {
    return { limit, window, scale: limit / divisor, interval: window / divisor }
  }
  return { limit, window, scale: FINEST, interval: Math.ceil((window * FINEST) / limit) }
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b]
  return a
}

/** The stored moment in ticks. Ticks of a finer scale than today's stay within their millisecond. */
function storedTicks(row: Row, at: number, scale: number): number {
  const ms = Math.floor(row[at] / FINEST)
  return ms * scale + Math.min(scale, row[at] - ms * FINEST)
}

function packed(ticks: number, scale: number): number {
  const ms = Math.floor(ticks / scale)
  return ms * FINEST + (ticks - ms * scale)
}

/** When the bucket was empty, in ticks: not before it would have been full by now. */
function emptyAt(row: Row, at: number, rule: Rule, scale: number, now: number): number {
  return Math.max(storedTicks(row, at, scale), now * scale - rule.burst * intervalOf(rule))
}

function wait(row: Row, at: number, rule: Rule, now: number, cost: number): number {
  const scale = scaleOf(rule)
  const due = emptyAt(row, at, rule, scale, now) + cost * intervalOf(rule)
  return due <= now * scale ? 0 : Math.ceil(due / scale) - now
}

function charge(row: Row, at: number, rule: Rule, now: number, cost: number): void {
  if (rule.limit < 1) return
  const scale = scaleOf(rule)
  const empty = emptyAt(row, at, rule, scale, now)
  const next = Math.min(empty + cost * intervalOf(rule), now * scale)
  row[at] = packed(Math.max(empty, next), scale)
}

function refund(row: Row, at: number, rule: Rule, when: number, cost: number): void {
  if (rule.limit < 1) return
  const scale = scaleOf(rule)
  const interval = intervalOf(rule)
  const full = when * scale - rule.burst * interval
  const stored = storedTicks(row, at, scale)
  if (stored > full) row[at] = packed(Math.max(full, stored - cost * interval), scale)
}

function remaining(row: Row, at: number, rule: Rule, now: number): number {
  if (rule.limit < 1) return 0
  const scale = scaleOf(rule)
  return Math.max(0, Math.floor((now * scale - emptyAt(row, at, rule, scale, now)) / intervalOf(rule)))
}

function resetAfter(row: Row, at: number, rule: Rule, now: number): number {
  if (rule.limit < 1) return 0
  const scale = scaleOf(rule)
  const full = storedTicks(row, at, scale) + rule.burst * intervalOf(rule)
  return full <= now * scale ? 0 : Math.ceil(full / scale) - now
}

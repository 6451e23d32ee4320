/**
 * Token bucket: holds up to `burst` tokens, refilled evenly at `limit` per `window`; a unit takes one.
 *
 * Row: `[what is missing, as of when (ms)]`. A token is counted as `window` parts, of which each millisecond brings `limit`
 * back: so all is whole numbers and exact (`burst * window` below 2^53), and what is missing means the same under a
 * limit that has changed since. A clock that goes back refills nothing.
 *
 * @see https://en.wikipedia.org/wiki/Token_bucket
 */
import { copyRow, fromKernel, LONG_AGO } from './kernel'
import type { Row, Rule } from './limiter'

const LENGTH = 2

/** `'token-bucket'`: `burst` at once, then `limit` per `window`, evenly. */
export const tokenBucket = fromKernel('token-bucket', {
  fresh: [0, LONG_AGO],
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

/** Parts missing at `now`. What a greater burst had let be taken is no debt under a smaller one. */
function missingAt(row: Row, at: number, rule: Rule, now: number): number {
  return refilled(Math.min(row[at], rule.burst * rule.window), row[at + 1], rule, now)
}

/** Parts missing at `now`, those beyond this rule's burst too: a charge must not forgive them. */
function owedAt(row: Row, at: number, rule: Rule, now: number): number {
  return refilled(row[at], row[at + 1], rule, now)
}

function refilled(missing: number, since: number, rule: Rule, now: number): number {
  return now > since ? Math.max(0, missing - (now - since) * rule.limit) : missing
}

/** ms until `parts` have come back; none come before the row's own time. */
function refillTime(row: Row, at: number, rule: Rule, now: number, parts: number): number {
  return Math.ceil(parts / rule.limit) + Math.max(0, row[at + 1] - now)
}

function wait(row: Row, at: number, rule: Rule, now: number, cost: number): number {
  const lacking = missingAt(row, at, rule, now) - (rule.burst - cost) * rule.window
  return lacking > 0 ? refillTime(row, at, rule, now, lacking) : 0
}

function charge(row: Row, at: number, rule: Rule, now: number, cost: number): void {
  if (rule.limit < 1) return
  const all = rule.burst * rule.window
  const missing = missingAt(row, at, rule, now) + cost * rule.window
  row[at] = Math.max(Math.min(missing, all), owedAt(row, at, rule, now))
  row[at + 1] = Math.max(row[at + 1], now)
}

function refund(row: Row, at: number, rule: Rule, _when: number, cost: number): void {
  row[at] = Math.max(0, row[at] - cost * rule.window)
}

function remaining(row: Row, at: number, rule: Rule, now: number): number {
  if (rule.limit < 1) return 0
  return Math.floor((rule.burst * rule.window - missingAt(row, at, rule, now)) / rule.window)
}

function resetAfter(row: Row, at: number, rule: Rule, now: number): number {
  const missing = missingAt(row, at, rule, now)
  return missing > 0 && rule.limit > 0 ? refillTime(row, at, rule, now, missing) : 0
}

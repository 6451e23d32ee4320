/**
 * Fixed window: a counter per window of the clock (`12:00:00`–`12:00:59`), aligned to the epoch. The cheapest; lets up
 * to twice the limit through around a boundary.
 *
 * Row: `[start of the counted window (ms), units in it]`. A clock that goes back stays in the counted window. The start is
 * kept rather than the window's number, so that a bucket whose window is reconfigured is not locked for ages.
 */
import { copyRow, fromKernel, LONG_AGO } from './kernel'
import type { Row, Rule } from './limiter'

const LENGTH = 2

/** `'fixed-window'`: up to `limit` units in each window of the clock. */
export const fixedWindow = fromKernel('fixed-window', {
  fresh: [LONG_AGO, 0],
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
  return rule.limit
}

function size(): number {
  return LENGTH
}

/** Number of the window that counts at `now`: never one before the stored. */
function windowAt(row: Row, at: number, window: number, now: number): number {
  return Math.max(Math.floor(row[at] / window), Math.floor(now / window))
}

function countAt(row: Row, at: number, window: number, now: number): number {
  return Math.floor(now / window) > Math.floor(row[at] / window) ? 0 : row[at + 1]
}

function wait(row: Row, at: number, rule: Rule, now: number, cost: number): number {
  const { limit, window } = rule
  // Most hits find room whichever window it is.
  if (row[at + 1] + cost <= limit) return 0
  if (countAt(row, at, window, now) + cost <= limit) return 0
  return (windowAt(row, at, window, now) + 1) * window - now
}

function charge(row: Row, at: number, rule: Rule, now: number, cost: number): void {
  const { limit, window } = rule
  const count = countAt(row, at, window, now)
  row[at] = windowAt(row, at, window, now) * window
  row[at + 1] = Math.max(count, Math.min(limit, count + cost))
}

function refund(row: Row, at: number, rule: Rule, when: number, cost: number): void {
  if (Math.floor(when / rule.window) !== Math.floor(row[at] / rule.window)) return
  row[at + 1] = Math.max(0, row[at + 1] - cost)
}

function remaining(row: Row, at: number, rule: Rule, now: number): number {
  return Math.max(0, rule.limit - countAt(row, at, rule.window, now))
}

function resetAfter(row: Row, at: number, rule: Rule, now: number): number {
  if (countAt(row, at, rule.window, now) === 0) return 0
  return (windowAt(row, at, rule.window, now) + 1) * rule.window - now
}

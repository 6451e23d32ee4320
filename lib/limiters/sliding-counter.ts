/**
 * Sliding counter: two counters instead of a log. The window before counts in proportion to how much of it the
 * sliding window still covers, as if its units had been spread evenly.
 *
 * Row: `[start of the current window (ms), units in the window before it, units in it]`. Windows are aligned to the epoch; a
 * clock that goes back stays at the start of the current one. All comparisons are of whole numbers, multiplied by the
 * window, so no rounding decides (`limit * window` below 2^53).
 *
 * @see https://blog.cloudflare.com/counting-things-a-lot-of-different-things/ where the estimate comes from
 */
import { copyRow, fromKernel, LONG_AGO } from './kernel'
import type { Row, Rule } from './limiter'

const LENGTH = 3

/** `'sliding-counter'`: about `limit` units in any window, in three numbers whatever the limit. */
export const slidingCounter = fromKernel('sliding-counter', {
  fresh: [LONG_AGO, 0, 0],
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

/** How many windows `now` is past the stored one; a clock that went back is still in it. */
function stepsTo(row: Row, at: number, window: number, now: number): number {
  return Math.max(0, Math.floor(now / window) - Math.floor(row[at] / window))
}

function previousAfter(row: Row, at: number, steps: number): number {
  if (steps === 0) return row[at + 1]
  return steps === 1 ? row[at + 2] : 0
}

function currentAfter(row: Row, at: number, steps: number): number {
  return steps === 0 ? row[at + 2] : 0
}

/** Start (ms) of the window that is current at `now`. */
function startAt(row: Row, at: number, window: number, now: number): number {
  return Math.max(Math.floor(row[at] / window), Math.floor(now / window)) * window
}

function wait(row: Row, at: number, rule: Rule, now: number, cost: number): number {
  const { limit, window } = rule
  const steps = stepsTo(row, at, window, now)
  const previous = previousAfter(row, at, steps)
  const current = currentAfter(row, at, steps)
  const room = limit - current - cost
  if (room >= previous) return 0
  const start = startAt(row, at, window, now)
  const elapsed = Math.max(0, now - start)
  if (previous * (window - elapsed) <= room * window) return 0
  // In this window, once enough of the previous one has slid out …
  if (room >= 0) return start + window - Math.floor((room * window) / previous) - now
  // … or in the next, where the current one is what slides out.
  const covered = Math.floor(((limit - cost) * window) / current)
  return start + 2 * window - covered - now
}

function charge(row: Row, at: number, rule: Rule, now: number, cost: number): void {
  const { limit, window } = rule
  const steps = stepsTo(row, at, window, now)
  const start = startAt(row, at, window, now)
  const previous = previousAfter(row, at, steps)
  const current = currentAfter(row, at, steps)
  row[at] = start
  row[at + 1] = previous
  row[at + 2] = Math.max(current, Math.min(limit, current + cost))
}

function refund(row: Row, at: number, rule: Rule, when: number, cost: number): void {
  const steps = Math.floor(row[at] / rule.window) - Math.floor(when / rule.window)
  if (steps === 0) row[at + 2] = Math.max(0, row[at + 2] - cost)
  else if (steps === 1) row[at + 1] = Math.max(0, row[at + 1] - cost)
}

function remaining(row: Row, at: number, rule: Rule, now: number): number {
  const { limit, window } = rule
  const steps = stepsTo(row, at, window, now)
  const elapsed = Math.max(0, now - startAt(row, at, window, now))
  const sliding = Math.ceil((previousAfter(row, at, steps) * (window - elapsed)) / window)
  return Math.max(0, limit - currentAfter(row, at, steps) - sliding)
}

function resetAfter(row: Row, at: number, rule: Rule, now: number): number {
  const { window } = rule
  const steps = stepsTo(row, at, window, now)
  const start = startAt(row, at, window, now)
  if (currentAfter(row, at, steps) > 0) return start + 2 * window - now
  return previousAfter(row, at, steps) > 0 ? start + window - now : 0
}

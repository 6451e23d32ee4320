/**
 * Sliding window: an exact log of when each unit was taken. Never more than `limit` units in any window, wherever it
 * begins; a unit taken at `t` counts while `now < t + window`.
 *
 * Row: `[capacity * 2^26 + head, units, ring of times (ms) …]`, oldest first from `head`. The row starts small and grows with
 * what a subject really uses. The log stays sorted: where the clock went back, a unit is recorded at the newest time.
 * No call walks the log; a charge drops what has expired, each unit once.
 */
import { fromKernel } from './kernel'
import type { Row, Rule } from './limiter'

const HEADER = 2
const BASE = 2 ** 26
const SMALLEST = 4

/** The greatest limit of a `'sliding-window'`: beyond, a log of single units takes too much memory and time. */
export const LONGEST_LOG = 1_000_000

/** `'sliding-window'`, the default: exactly `limit` units in any window. */
export const slidingWindow = fromKernel('sliding-window', {
  fresh: [0, 0],
  capacity,
  size,
  move,
  wait,
  charge,
  refund,
  remaining,
  resetAfter,
})

function capacity(rule: Rule): number {
  return rule.limit
}

function ringOf(row: Row, at: number): number {
  return (row[at] / BASE) | 0
}

function headOf(row: Row, at: number, ring: number): number {
  return (row[at] - ring * BASE) | 0
}

function wrap(index: number, ring: number): number {
  return index < ring ? index : index - ring
}

/** Where the row keeps its unit number `index`, 0 the oldest. */
function slot(row: Row, at: number, index: number): number {
  const ring = ringOf(row, at)
  return at + HEADER + wrap(headOf(row, at, ring) + index, ring)
}

/** How many units were taken before `time`. */
function takenBefore(row: Row, at: number, time: number): number {
  let low = 0
  let high = row[at + 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (row[slot(row, at, middle)] < time) low = middle + 1
    else high = middle
  }
  return low
}

function unitsAt(row: Row, at: number, window: number, now: number): number {
  const units = row[at + 1]
  // Mostly nothing has expired.
  if (units === 0 || row[slot(row, at, 0)] + window > now) return units
  return units - takenBefore(row, at, now - window + 1)
}

function size(row: Row, at: number, rule: Rule, now: number, cost: number): number {
  const ring = ringOf(row, at)
  const taken = Math.min(cost, rule.limit)
  if (row[at + 1] + taken <= ring) return HEADER + ring
  const needed = Math.min(unitsAt(row, at, rule.window, now) + taken, rule.limit)
  if (needed <= ring) return HEADER + ring
  let grown = Math.max(SMALLEST, ring)
  while (grown < needed) grown *= 2
  return HEADER + Math.min(grown, rule.limit)
}

function move(from: Row, fromAt: number, to: Row, toAt: number, room: number): void {
  const units = from[fromAt + 1]
  to[toAt] = (room - HEADER) * BASE
  to[toAt + 1] = units
  for (let i = 0; i < units; i++) to[toAt + HEADER + i] = from[slot(from, fromAt, i)]
}

function wait(row: Row, at: number, rule: Rule, now: number, cost: number): number {
  // So many of the oldest, expired or not, must be out of the window.
  const excess = row[at + 1] + cost - rule.limit
  if (excess <= 0) return 0
  return Math.max(0, row[slot(row, at, excess - 1)] + rule.window - now)
}

function charge(row: Row, at: number, rule: Rule, now: number, cost: number): void {
  if (rule.limit < 1) return
  const ring = ringOf(row, at)
  let head = headOf(row, at, ring)
  let units = row[at + 1] | 0
  const times = at + HEADER
  let time = now
  if (units > 0) {
    const newest = row[times + wrap(head + units - 1, ring)]
    if (newest + rule.window <= now) units = 0
    else if (newest > now) time = newest
    while (units > 0 && row[times + head] + rule.window <= now) {
      head = wrap(head + 1, ring)
      units--
    }
  }
  // A refused hit that counts pushes the oldest out, yet leaves as many: a smaller limit wipes nothing.
  const most = Math.max(rule.limit, units)
  const taken = Math.min(cost, most)
  const surplus = units + taken - most
  if (surplus > 0) {
    head = wrap(head + surplus, ring)
    units -= surplus
  }
  for (let i = 0; i < taken; i++) row[times + wrap(head + units + i, ring)] = time
  row[at] = ring * BASE + head
  row[at + 1] = units + taken
}

/**
 * The units stand at `when`, or later where the clock had gone back. If they may be gone (expired, or pushed out by
 * refused hits that count), only those at `when` itself are surely theirs.
 */
function refund(row: Row, at: number, rule: Rule, when: number, cost: number): void {
  const units = row[at + 1]
  const first = takenBefore(row, at, when)
  const expired = units > 0 && row[slot(row, at, units - 1)] >= when + rule.window
  const unsure = expired || (rule.countRefused && units >= rule.limit)
  let given = 0
  while (given < cost && first + given < units) {
    if (unsure && row[slot(row, at, first + given)] !== when) break
    given++
  }
  for (let i = first; i < units - given; i++) row[slot(row, at, i)] = row[slot(row, at, i + given)]
  row[at + 1] = units - given
}

function remaining(row: Row, at: number, rule: Rule, now: number): number {
  return Math.max(0, rule.limit - unitsAt(row, at, rule.window, now))
}

function resetAfter(row: Row, at: number, rule: Rule, now: number): number {
  const units = row[at + 1]
  return units === 0 ? 0 : Math.max(0, row[slot(row, at, units - 1)] + rule.window - now)
}

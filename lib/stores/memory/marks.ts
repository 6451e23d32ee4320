/**
 * The marks of one subject: pairs [mark, until] in a section. A mark stands at its home or after it, with no empty pair
 * between, and all but always within a few steps, so that looking one up costs the same however many there are.
 */
import { randomInt } from 'node:crypto'
import { MOST_MARKS } from '../ledger-record'

/** The section's bucket number; limits start after it. */
export const MARKS = 1
/** How far from its home a mark may stand, as long as the row need not be much longer than its marks for that. */
const REACH = 8
/** Pairs per mark at most. */
const SPARSEST = 4
/** Secrets of this process: marks are hashes of what users write, who could else choose texts with one home. */
const SEED = randomInt(2 ** 32)
const FACTOR = randomInt(2 ** 31) * 2 + 1

type Mark = readonly [mark: number, until: number]

/** Until when a mark holds, or `-Infinity`. */
export function readMark(numbers: Float64Array, row: number, room: number, mark: number): number {
  const pairs = room / 2
  let pair = homeOf(mark, pairs)
  for (let step = 0; step < pairs; step++) {
    const found = numbers[row + 2 * pair]
    if (found === mark + 1) return numbers[row + 2 * pair + 1]
    if (found === 0) return -Infinity
    if (++pair === pairs) pair = 0
  }
  return -Infinity
}

/** Sets a mark, in the place of one that no longer holds if need be. `false`: there is no room within reach. */
export function writeMark(
  numbers: Float64Array,
  row: number,
  room: number,
  mark: number,
  until: number,
  now: number,
  reach = REACH,
): boolean {
  const pairs = room / 2
  let pair = homeOf(mark, pairs)
  let place = -1
  for (let step = 0; step < pairs; step++) {
    const at = row + 2 * pair
    const found = numbers[at]
    if (found === mark + 1) {
      place = at
      break
    }
    if (place < 0 && step < reach && (found === 0 || numbers[at + 1] <= now)) place = at
    if (found === 0) break
    if (++pair === pairs) pair = 0
  }
  if (place < 0) return false
  // 0 is an empty pair, so marks are stored one up.
  numbers[place] = mark + 1
  numbers[place + 1] = until
  return true
}

/** A greater row with the marks of this one that still hold at `now`, and one more. */
export function rowWithMark(
  numbers: Float64Array,
  row: number,
  room: number,
  mark: number,
  until: number,
  now: number,
): Float64Array {
  const marks: Mark[] = [[mark, until]]
  for (let at = row; at < row + room; at += 2) {
    if (numbers[at] !== 0 && numbers[at + 1] > now) marks.push([numbers[at] - 1, numbers[at + 1]])
  }
  if (marks.length > MOST_MARKS) marks.sort(([, a], [, b]) => b - a).length = MOST_MARKS
  return rowOfMarks(marks)
}

/** A row in which all these marks find a place: exactly theirs while they are few. */
export function rowOfMarks(marks: readonly Mark[]): Float64Array {
  if (marks.length <= REACH) return filledRow(marks, marks.length, REACH) as Float64Array
  const least = Math.ceil(marks.length * 1.6)
  for (let pairs = least; pairs <= SPARSEST * marks.length; pairs = Math.ceil(pairs * 1.25)) {
    const row = filledRow(marks, pairs, REACH)
    if (row !== undefined) return row
  }
  // More marks than the reach have homes that are alike, and a longer row need not help: so they stand further off.
  return filledRow(marks, least, least) as Float64Array
}

/** A row of so many pairs with these marks, each within `reach`; `undefined`: that cannot be. */
function filledRow(marks: readonly Mark[], pairs: number, reach: number): Float64Array | undefined {
  const row = new Float64Array(2 * pairs)
  const fits = ([mark, until]: Mark) => writeMark(row, 0, row.length, mark, until, -Infinity, reach)
  return marks.every(fits) ? row : undefined
}

/** Depends on the mark and the number of pairs alone, since records move. */
function homeOf(mark: number, pairs: number): number {
  // All pairs are within reach.
  if (pairs <= REACH) return 0
  let hash = Math.imul((mark | 0) ^ SEED, FACTOR)
  hash = Math.imul(hash ^ (hash >>> 15) ^ ((mark / 4294967296) | 0), FACTOR)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % pairs
}

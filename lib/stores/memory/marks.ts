/**
 * The marks of one subject: pairs [mark, until] in a section. A mark stands within a few steps of its home, so that
 * looking one up costs the same however many there are.
 */

/** The section's bucket number; limits start after it. */
export const MARKS = 1
/** How far from its home a mark may stand. */
const REACH = 8
/** Marks of one subject at most; beyond it those that end first are forgotten. */
const MOST_MARKS = 4096

type Mark = readonly [mark: number, until: number]

/** Until when a mark holds, or `-Infinity`. */
export function readMark(numbers: Float64Array, row: number, room: number, mark: number): number {
  const pairs = room / 2
  let pair = homeOf(mark, pairs)
  for (let step = Math.min(REACH, pairs); step > 0; step--) {
    const found = numbers[row + 2 * pair]
    if (found === mark + 1) return numbers[row + 2 * pair + 1]
    if (found === 0) return -Infinity
    if (++pair === pairs) pair = 0
  }
  return -Infinity
}

/** Sets a mark, in the place of one that no longer holds if need be. `false`: there is no room. */
export function writeMark(
  numbers: Float64Array,
  row: number,
  room: number,
  mark: number,
  until: number,
  now: number,
): boolean {
  const pairs = room / 2
  let pair = homeOf(mark, pairs)
  let place = -1
  for (let step = Math.min(REACH, pairs); step > 0; step--) {
    const at = row + 2 * pair
    const found = numbers[at]
    if (found === mark + 1) {
      place = at
      break
    }
    if (place < 0 && (found === 0 || numbers[at + 1] <= now)) place = at
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
  let pairs = marks.length <= REACH ? marks.length : Math.ceil(marks.length * 1.6)
  for (; ; pairs = Math.ceil(pairs * 1.25)) {
    const row = new Float64Array(2 * pairs)
    if (marks.every(([mark, until]) => writeMark(row, 0, row.length, mark, until, -Infinity))) return row
  }
}

function homeOf(mark: number, pairs: number): number {
  return pairs === 1 ? 0 : (mark & 0x7fffffff) % pairs
}

/**
 * How a subject's record is laid out. Between bars stands one number; pairs are its two 32-bit words.
 *
 *   id | touch, deadline and length | second id, in paired tables | bucket, room | row … | bucket, room | row … | 0 …
 *
 * A row is a kernel's, or a list of marks.
 */
import type { Page } from './slab'
import type { Table } from './table'

/** Deadlines are counted in this many ms, from an origin that moves along with time. */
export const TICK = 4000
/** The furthest deadline that fits, two years: it never comes. Such a record goes only when it is the idlest. */
const FURTHEST = 0xffffff
/** What is left of a slot and shorter than this is no record: id, state, a section's header and one number. */
export const SHORTEST = 4
/** Bits of the word that hold the length's code. */
const LENGTH_BITS = 8
const LENGTH_MASK = (1 << LENGTH_BITS) - 1
/** Records up to this length have just that; longer ones the next of steps of an eighth. */
const EXACT = 128
const LENGTHS = new Int32Array(1 << LENGTH_BITS)
for (let code = 0; code < LENGTHS.length; code++) {
  LENGTHS[code] = code <= EXACT ? code : Math.ceil(LENGTHS[code - 1] * 1.125)
}

/** The word that holds when the record at `at` was last touched, counted in touches. */
export function touchWord(at: number): number {
  return 2 * at + 2
}

/** The word of a record's deadline and length; 0: there is no record. */
function stateWord(at: number): number {
  return 2 * at + 3
}

/** How many numbers the record at `at` takes, 0 if there is none. */
export function lengthOf(page: Page, at: number): number {
  return LENGTHS[page.words[stateWord(at)] & LENGTH_MASK]
}

/** The length of a record with so many numbers in use. */
export function lengthFor(numbers: number): number {
  return LENGTHS[codeFor(numbers)]
}

export function setLength(page: Page, at: number, numbers: number): void {
  const word = stateWord(at)
  page.words[word] = (page.words[word] & ~LENGTH_MASK) | codeFor(numbers)
}

/** Whether the record at `at` is garbage at `tick`. */
export function isOver(page: Page, at: number, tick: number): boolean {
  const deadline = deadlineOf(page, at)
  return deadline <= tick && deadline !== FURTHEST
}

/** When the record at `at` becomes garbage, in ticks. */
export function deadlineOf(page: Page, at: number): number {
  return page.words[stateWord(at)] >>> LENGTH_BITS
}

/** Keeps the record at `at` until `deadline` (ticks) at least. */
export function keepUntil(page: Page, at: number, deadline: number): void {
  if (deadline > deadlineOf(page, at)) setDeadline(page, at, Math.min(deadline, FURTHEST))
}

/** Counts the deadline of the record at `at` from `ticks` later on. It comes then as before: never only if it never did. */
export function shiftDeadline(page: Page, at: number, ticks: number): void {
  const deadline = deadlineOf(page, at)
  if (deadline === FURTHEST) return
  setDeadline(page, at, Math.min(Math.max(deadline - ticks, 1), FURTHEST - 1))
}

function setDeadline(page: Page, at: number, deadline: number): void {
  const word = stateWord(at)
  page.words[word] = (deadline << LENGTH_BITS) | (page.words[word] & LENGTH_MASK)
}

/** Where a bucket's row starts in the record at `at`, or -1. */
export function rowOf(page: Page, at: number, bucket: number): number {
  const { words } = page
  const end = at + lengthOf(page, at)
  for (let section = at + page.table.header; section < end; section += 1 + words[2 * section + 1]) {
    const found = words[2 * section]
    if (found === bucket) return section + 1
    if (found === 0) return -1
  }
  return -1
}

/** How many numbers a row has room for. */
export function roomOf(page: Page, row: number): number {
  return page.words[2 * row - 1]
}

/** How many of a record's numbers are in use. */
export function usedOf(page: Page, at: number): number {
  const { words } = page
  const end = at + lengthOf(page, at)
  let section = at + page.table.header
  while (section < end && words[2 * section] !== 0) section += 1 + words[2 * section + 1]
  return section - at
}

export function writeSection(
  page: Page,
  section: number,
  bucket: number,
  row: Float64Array,
  room: number,
): void {
  page.words[2 * section] = bucket
  page.words[2 * section + 1] = room
  for (let i = 0; i < room; i++) page.numbers[section + 1 + i] = row[i]
}

/** Copies as words: taken for a number, a pair might be a NaN, and come out different. */
export function copyWords(from: Page, fromAt: number, to: Page, toAt: number, length: number): void {
  for (let i = 0; i < 2 * length; i++) to.words[2 * toAt + i] = from.words[2 * fromAt + i]
}

/** How many numbers the records of the bin that starts at `start` take. */
export function filledOf(page: Page, start: number): number {
  const last = start + page.size - SHORTEST
  let at = start
  for (let length = 1; at <= last && length > 0; at += length) length = lengthOf(page, at)
  return at - start
}

/** A 32-bit hash of a subject. */
export function hashOf({ seed, paired }: Table, id: number, second: number): number {
  let hash = Math.imul((id | 0) ^ seed, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 15) ^ ((id / 4294967296) | 0), 0x85ebca6b)
  if (paired) {
    hash = Math.imul(hash ^ (hash >>> 13) ^ (second | 0), 0xc2b2ae35)
    hash = Math.imul(hash ^ (hash >>> 15) ^ ((second / 4294967296) | 0), 0x9e3779b1)
  }
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** The hash of the subject whose record starts at `at`. */
export function hashAt({ table, numbers }: Page, at: number): number {
  return hashOf(table, numbers[at], table.paired ? numbers[at + table.header - 1] : 0)
}

function codeFor(numbers: number): number {
  if (numbers <= EXACT) return numbers
  let code = EXACT
  while (LENGTHS[code] < numbers) code++
  return code
}

/**
 * The counters and marks of every subject: one record each, found by id, made of sections.
 *
 *   id | touch, deadline | second id, in paired tables | bucket, room | row … | bucket, room | row … | 0
 *
 * What stands between bars is one number; pairs are its two 32-bit words. A row is a kernel's, or a list of marks.
 */
import { HashIndex, hashOf } from './hash-index'
import { Page, Slab, Table, deadlineWord, handleOf, offsetOf, touchWord } from './slab'

/** The furthest deadline that a word holds (s): more than a hundred years. */
const FURTHEST = 0xffffffff

export class Subjects {
  readonly slab = new Slab()
  readonly index = new HashIndex(this.slab)
  /** The record that the last call came to: its page, and where in it it starts; -1: there is none. */
  page = new Page(new Table(0, false), { pages: 0, open: [] }, 0, 0, 0)
  at = -1
  /** Counts touches. It wraps, after which a subject that was idle for 2^32 touches looks fresh for a while. */
  touches = 0

  /** `dropped` is told of each section that goes, so that what its row refers to can go too. */
  constructor(private readonly dropped: (bucket: number, numbers: Float64Array, row: number) => void) {}

  get size(): number {
    return this.index.size
  }

  /** Goes to a subject's record. */
  find(table: Table, id: number, second: number): void {
    const handle = this.index.find(table, id, second, hashOf(table, id, second))
    if (handle === 0) this.at = -1
    else this.goTo(handle)
  }

  /** Notes that the record is in use. */
  touch(): void {
    if (this.at >= 0) this.page.words[touchWord(this.at)] = ++this.touches
  }

  /** Makes a record with one section, that holds the first `room` numbers of `row`. */
  create(table: Table, id: number, second: number, bucket: number, row: Float64Array, room: number): void {
    const handle = this.slab.take(table, table.header + 1 + room)
    this.goTo(handle)
    const { page, at } = this
    page.numbers[at] = id
    page.words[deadlineWord(at)] = 1
    this.touch()
    if (table.paired) page.numbers[at + table.header - 1] = second
    writeSection(page, at + table.header, bucket, row, room)
    this.index.add(hashOf(table, id, second), handle)
  }

  /** Writes a section anew with `room` numbers of `row`, or drops it (0), by moving the record. It then comes last. */
  replace(bucket: number, row: Float64Array, room: number): void {
    const { page, at } = this
    const old = rowOf(page, at, bucket)
    const end = endOf(page, at)
    const cutFrom = old < 0 ? end : old - 1
    const cutTo = old < 0 ? end : old + roomOf(page, old)
    const kept = end - at - (cutTo - cutFrom)
    const handle = this.slab.take(page.table, kept + (room > 0 ? 1 + room : 0))
    this.goTo(handle)
    copyWords(page, at, cutFrom, this.page, this.at)
    copyWords(page, cutTo, end, this.page, this.at + cutFrom - at)
    if (room > 0) writeSection(this.page, this.at + kept, bucket, row, room)
    this.index.replace(hashAt(page, at), handleOf(page, at), handle)
    this.slab.give(page, at)
  }

  /** Forgets a section, and the record with its last one. */
  cut(bucket: number): void {
    const { page, at } = this
    const row = rowOf(page, at, bucket)
    if (row < 0) return
    if (endOf(page, at) - at === page.table.header + 1 + roomOf(page, row)) return this.free(page, at)
    this.dropped(bucket, page.numbers, row)
    this.replace(bucket, page.numbers, 0)
  }

  /** Forgets a record and all that its sections refer to. */
  free(page: Page, at: number): void {
    const { table, words, numbers } = page
    const end = endOf(page, at)
    for (let section = at + table.header; section < end; section += 1 + words[2 * section + 1]) {
      this.dropped(words[2 * section], numbers, section + 1)
    }
    this.index.remove(hashAt(page, at), handleOf(page, at))
    table.names?.release(numbers[at])
    this.slab.give(page, at)
    this.at = -1
  }

  private goTo(handle: number): void {
    this.page = this.slab.pageOf(handle)
    this.at = offsetOf(this.page, handle)
  }
}

/** Where a bucket's row starts in the record at `at`, or -1. */
export function rowOf(page: Page, at: number, bucket: number): number {
  const { words } = page
  const end = at + page.size
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

/** Keeps the record at `at` until `second` at least. */
export function keepUntil(page: Page, at: number, second: number): void {
  const word = deadlineWord(at)
  if (second > page.words[word]) page.words[word] = Math.min(second, FURTHEST)
}

/** Where a record's last section ends. */
function endOf(page: Page, at: number): number {
  const { words } = page
  const end = at + page.size
  let section = at + page.table.header
  while (section < end && words[2 * section] !== 0) section += 1 + words[2 * section + 1]
  return section
}

function writeSection(page: Page, section: number, bucket: number, row: Float64Array, room: number): void {
  page.words[2 * section] = bucket
  page.words[2 * section + 1] = room
  for (let i = 0; i < room; i++) page.numbers[section + 1 + i] = row[i]
}

/** Copies as words: taken for a number, a header might be a NaN, and come out different. */
function copyWords(from: Page, start: number, end: number, to: Page, at: number): void {
  for (let i = 2 * start, j = 2 * at; i < 2 * end; i++, j++) to.words[j] = from.words[i]
}

function hashAt({ table, numbers }: Page, at: number): number {
  return hashOf(table, numbers[at], table.paired ? numbers[at + table.header - 1] : 0)
}

/**
 * The counters and marks of every subject: one record each, found by id, made of sections.
 *
 *   id | touch, deadline | (second id) | bucket, room | row … | bucket, room | row … | 0
 *
 * A section's header is one number used as two 32-bit words; its row is a kernel's, or pairs of marks.
 */
import { HashIndex, hashOf } from './hash-index'
import { Slab, deadlineWord, handleOf, offsetOf, touchWord, type Page, type Table } from './slab'

/** Fills a section's new room from its old row (`fromAt` -1: it is new). */
export type Carry = (from: Float64Array, fromAt: number, to: Float64Array, toAt: number, room: number) => void

/** The furthest deadline that a word holds: more than a hundred years. */
const FURTHEST = 0xffffffff

export class Subjects {
  readonly slab = new Slab()
  readonly index = new HashIndex(this.slab)
  /** The record that `find`, `create` or `resize` came to, and where it starts. */
  page: Page | undefined = undefined
  at = 0
  /** Counts touches. It wraps, after which a subject untouched for 2^32 touches looks fresh for a while. */
  touches = 0

  /** Told of every section that goes, so that what its row refers to can go too. */
  constructor(private readonly dropped: (bucket: number, numbers: Float64Array, row: number) => void) {}

  get size(): number {
    return this.index.size
  }

  /** Looks a subject up and touches it. */
  find(table: Table, id: number, second: number): boolean {
    const handle = this.index.find(table, id, second, hashOf(table, id, second))
    if (handle === 0) {
      this.page = undefined
      return false
    }
    const page = this.slab.pageOf(handle)
    const at = offsetOf(page, handle)
    page.words[touchWord(at)] = ++this.touches
    this.page = page
    this.at = at
    return true
  }

  /** A new subject with one section, all 0. */
  create(table: Table, id: number, second: number, bucket: number, room: number): Page {
    const handle = this.slab.take(table, table.header + 1 + room)
    const page = this.slab.pageOf(handle)
    const at = offsetOf(page, handle)
    page.numbers[at] = id
    if (table.paired) page.numbers[at + table.header - 1] = second
    page.words[touchWord(at)] = ++this.touches
    page.words[deadlineWord(at)] = 1
    openSection(page, at + table.header, bucket, room)
    this.index.add(hashOf(table, id, second), handle)
    this.page = page
    this.at = at
    return page
  }

  /** Gives a section `room` numbers, or drops it (0), by moving the record. The section then comes last. */
  resize(page: Page, at: number, bucket: number, room: number, carry: Carry): Page {
    const { table } = page
    const row = rowOf(page, at, bucket)
    const old = row < 0 ? 0 : 1 + roomOf(page, row)
    const length = endOf(page, at) - at - old + (room > 0 ? 1 + room : 0)
    const handle = this.slab.take(table, length)
    const to = this.slab.pageOf(handle)
    const start = offsetOf(to, handle)
    const firstPart = row < 0 ? endOf(page, at) - at : row - 1 - at
    copyWords(page, at, to, start, firstPart)
    copyWords(page, at + firstPart + old, to, start + firstPart, endOf(page, at) - at - firstPart - old)
    if (room > 0) {
      const header = start + length - room - 1
      openSection(to, header, bucket, room)
      carry(page.numbers, row, to.numbers, header + 1, room)
    }
    this.index.replace(hashAt(page, at), handleOf(page, at), handle)
    this.slab.give(page, at)
    this.page = to
    this.at = start
    return to
  }

  /** Forgets one section, and the record with its last one. */
  cut(page: Page, at: number, bucket: number): void {
    const row = rowOf(page, at, bucket)
    if (row < 0) return
    if (endOf(page, at) - at === page.table.header + 1 + roomOf(page, row)) return this.free(page, at)
    this.dropped(bucket, page.numbers, row)
    this.resize(page, at, bucket, 0, nothing)
  }

  /** Forgets a record and all that its sections refer to. */
  free(page: Page, at: number): void {
    const end = endOf(page, at)
    for (let section = at + page.table.header; section < end; section += 1 + page.words[2 * section + 1]) {
      this.dropped(page.words[2 * section], page.numbers, section + 1)
    }
    this.index.remove(hashAt(page, at), handleOf(page, at))
    page.table.names?.release(page.numbers[at])
    this.slab.give(page, at)
    this.page = undefined
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

/** Keeps a record until `second` at least. */
export function keepUntil(page: Page, at: number, second: number): void {
  const word = deadlineWord(at)
  if (second > page.words[word]) page.words[word] = Math.min(second, FURTHEST)
}

/** The end of a record's last section. */
function endOf(page: Page, at: number): number {
  const { words } = page
  const end = at + page.size
  let section = at + page.table.header
  while (section < end && words[2 * section] !== 0) section += 1 + words[2 * section + 1]
  return section
}

function openSection(page: Page, section: number, bucket: number, room: number): void {
  page.words[2 * section] = bucket
  page.words[2 * section + 1] = room
}

/** Copies as words: as numbers, a header might look like a NaN and change on the way. */
function copyWords(from: Page, fromAt: number, to: Page, toAt: number, length: number): void {
  for (let i = 0; i < 2 * length; i++) to.words[2 * toAt + i] = from.words[2 * fromAt + i]
}

function hashAt(page: Page, at: number): number {
  const { table, numbers } = page
  return hashOf(table, numbers[at], table.paired ? numbers[at + table.header - 1] : 0)
}

function nothing(): void {
  return undefined
}

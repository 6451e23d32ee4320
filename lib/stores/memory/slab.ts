import type { Table } from './table'

/**
 * Room for millions of small runs of numbers: pages of equal slots with free lists, and nothing in them that the garbage
 * collector has to trace.
 */

/** Slots up to this size are made for exactly what is to go in; greater ones for up to a quarter more. */
const EXACT = 32
/** Low bits of a handle: the slot's place in its page. */
const SLOT_BITS = 12
const SLOT_MASK = (1 << SLOT_BITS) - 1
const MOST_SLOTS = 1 << SLOT_BITS
/** A page of large slots has so many numbers, or a single slot. */
const PAGE_NUMBERS = 32_768
/** Bytes before the first slot. Large blocks come 16 bytes past a cache line: so small slots lie in one and not in two. */
const LEAD = 48
/** The first page of a size is small, so that a bot with ten users does not pay for a thousand; the next ones are not. */
const FIRST_PAGE = 16

/** The pages of one table with slots of one size. */
export interface Pool {
  pages: number
  /** Those with room. */
  readonly open: Page[]
}

export class Page {
  readonly numbers: Float64Array
  /** The same memory as 32-bit words. */
  readonly words: Uint32Array
  /** Slots from here on were never in use. */
  used = 0
  live = 0
  /** Place among all pages, and among the open ones of its pool (-1: full). */
  position = 0
  openAt = 0
  /** Head of the free list plus 1; each free slot names the next. */
  private free = 0

  constructor(
    readonly table: Table,
    readonly pool: Pool,
    readonly number: number,
    readonly size: number,
    readonly room: number,
  ) {
    const buffer = new ArrayBuffer(LEAD + 8 * size * room)
    this.numbers = new Float64Array(buffer, LEAD)
    this.words = new Uint32Array(buffer, LEAD)
  }

  /** Takes a slot; all its numbers are 0. */
  take(): number {
    this.live++
    if (this.free === 0) return this.used++
    const slot = this.free - 1
    const link = linkWord(slot * this.size)
    this.free = this.words[link]
    this.words[link] = 0
    return slot
  }

  give(slot: number): void {
    const at = slot * this.size
    this.numbers.fill(0, at, at + this.size)
    this.words[linkWord(at)] = this.free
    this.free = slot + 1
    this.live--
  }
}

/** The word of a free slot that names the next; the one behind it, which a record never leaves 0, stays 0. */
function linkWord(at: number): number {
  return 2 * at + 2
}

export class Slab {
  /** Every page, in no order. */
  readonly pages: Page[] = []
  /** By page number; 0 is never used, so that no handle is 0. */
  private readonly byNumber: (Page | undefined)[] = [undefined]
  private readonly freeNumbers: number[] = []

  pageOf(handle: number): Page {
    return this.byNumber[handle >>> SLOT_BITS] as Page
  }

  /** A handle to a slot of at least `size` numbers, all 0. */
  take(table: Table, size: number): number {
    const room = roomFor(size)
    const pool = table.poolOf(room)
    const page = pool.open[pool.open.length - 1] ?? this.addPage(table, pool, room)
    const handle = handleOf(page, page.take() * page.size)
    if (page.live === page.room) {
      pool.open.pop()
      page.openAt = -1
    }
    return handle
  }

  /** Frees a slot. An empty page goes, unless it is the only one with room: the next slot is often wanted at once. */
  give(page: Page, at: number): void {
    page.give(at / page.size)
    if (page.openAt < 0) page.openAt = page.pool.open.push(page) - 1
    if (page.live === 0 && page.pool.open.length > 1) this.drop(page)
  }

  private addPage(table: Table, pool: Pool, size: number): Page {
    const most = Math.max(1, Math.min(MOST_SLOTS, Math.floor(PAGE_NUMBERS / size)))
    const room = Math.min(most, FIRST_PAGE * 4 ** Math.min(pool.pages++, 5))
    const page = new Page(table, pool, this.freeNumbers.pop() ?? this.byNumber.length, size, room)
    this.byNumber[page.number] = page
    page.position = this.pages.push(page) - 1
    page.openAt = pool.open.push(page) - 1
    return page
  }

  /** Gives an empty page back to the system. The last page takes its position. */
  drop(page: Page): void {
    const { pool, number } = page
    pool.pages--
    const lastOpen = pool.open.pop() as Page
    if (lastOpen !== page) {
      pool.open[page.openAt] = lastOpen
      lastOpen.openAt = page.openAt
    }
    const last = this.pages.pop() as Page
    if (last !== page) {
      this.pages[page.position] = last
      last.position = page.position
    }
    this.byNumber[number] = undefined
    this.freeNumbers.push(number)
    if (this.pages.length > 0) return
    this.byNumber.length = 1
    this.freeNumbers.length = 0
  }
}

/** Where a slot starts in its page. */
export function offsetOf(page: Page, handle: number): number {
  return (handle & SLOT_MASK) * page.size
}

export function handleOf(page: Page, at: number): number {
  return (page.number << SLOT_BITS) | (at / page.size)
}

/** The size of the slot for so many numbers. */
export function roomFor(size: number): number {
  let room = Math.min(size, EXACT)
  while (room < size) room = Math.ceil(room * 1.25)
  return room
}

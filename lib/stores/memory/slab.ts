/**
 * Room for millions of small records of numbers: pages of equal records, free lists, nothing that the garbage
 * collector has to trace one by one.
 *
 * A record starts with its subject's id, then one number that is used as two 32-bit words: when it was last touched and
 * when it becomes garbage (0 marks a free slot). What follows is its table's business.
 */

/** Records up to this size get exactly the room they ask for; greater ones the next step of a quarter. */
const EXACT = 32
/** Low bits of a handle: the record's place in its page. */
const SLOT_BITS = 14
const SLOT_MASK = (1 << SLOT_BITS) - 1
const MOST_PER_PAGE = 1 << SLOT_BITS
/** A page of large records holds few of them (this many numbers, or one record). */
const PAGE_NUMBERS = 131_072
/** The first page of a size is small, so that a bot with ten users does not pay for a thousand. */
const FIRST_PAGE = 16

/** Numbers before a record's sections: id, and touch with deadline. */
const HEADER = 2

/** One kind of subject in one space. Its records have pages of their own, so a record need not say whose it is. */
export class Table {
  /** Numbers before the first section. */
  readonly header: number
  private readonly pools = new Map<number, Pool>()

  /**
   * `seed` goes into every hash, so that tables do not collide slot by slot; records of a `paired` table carry a second id after the
   * header; `names` are the strings behind the ids where subjects are named by strings.
   */
  constructor(
    readonly seed: number,
    readonly paired: boolean,
    readonly names?: Names,
  ) {
    this.header = paired ? HEADER + 1 : HEADER
  }

  /** The pages for records of `size` numbers. */
  poolOf(size: number): Pool {
    let pool = this.pools.get(size)
    if (pool === undefined) this.pools.set(size, (pool = { pages: 0, open: [] }))
    return pool
  }
}

/** Strings that stand for ids, kept as long as a record needs them. */
export interface Names {
  release(id: number): void
}

/** The pages of one table for one record size. */
interface Pool {
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
  /** Head of the free list plus 1; each free slot has the next in its touch word. */
  private free = 0

  constructor(
    readonly table: Table,
    readonly pool: Pool,
    readonly number: number,
    readonly size: number,
    readonly room: number,
  ) {
    this.numbers = new Float64Array(size * room)
    this.words = new Uint32Array(this.numbers.buffer)
  }

  /** Takes a slot; all its numbers are 0. */
  take(): number {
    this.live++
    if (this.free === 0) return this.used++
    const slot = this.free - 1
    const link = touchWord(slot * this.size)
    this.free = this.words[link]
    this.words[link] = 0
    return slot
  }

  give(slot: number): void {
    const at = slot * this.size
    this.numbers.fill(0, at, at + this.size)
    this.words[touchWord(at)] = this.free
    this.free = slot + 1
    this.live--
  }
}

/** The word that holds when the record at `at` was last touched, counted in touches. */
export function touchWord(at: number): number {
  return 2 * at + 2
}

/** The word that holds the second from which the record at `at` is garbage; 0: the slot is free. */
export function deadlineWord(at: number): number {
  return 2 * at + 3
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

  /** A handle to a new record with room for at least `size` numbers, all 0. */
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

  /** Frees a record. Its page goes with its last one. */
  give(page: Page, at: number): void {
    page.give(at / page.size)
    if (page.openAt < 0) page.openAt = page.pool.open.push(page) - 1
    if (page.live === 0) this.dropPage(page)
  }

  private addPage(table: Table, pool: Pool, size: number): Page {
    const most = Math.max(1, Math.min(MOST_PER_PAGE, Math.floor(PAGE_NUMBERS / size)))
    const room = Math.min(most, FIRST_PAGE * 4 ** Math.min(pool.pages++, 5))
    const page = new Page(table, pool, this.freeNumbers.pop() ?? this.byNumber.length, size, room)
    this.byNumber[page.number] = page
    page.position = this.pages.push(page) - 1
    page.openAt = pool.open.push(page) - 1
    return page
  }

  private dropPage(page: Page): void {
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

/** Where a record starts in its page. */
export function offsetOf(page: Page, handle: number): number {
  return (handle & SLOT_MASK) * page.size
}

export function handleOf(page: Page, at: number): number {
  return (page.number << SLOT_BITS) | (at / page.size)
}

function roomFor(size: number): number {
  let room = Math.min(size, EXACT)
  while (room < size) room = Math.ceil(room * 1.25)
  return room
}

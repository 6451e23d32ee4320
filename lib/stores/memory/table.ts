import { Bins } from './bins'
import { copyWords, filledOf, hashAt, lengthOf } from './records'
import { offsetOf, roomFor, type Page, type Pool, type Slab } from './slab'

/** Strings that stand for ids, kept as long as a record needs them. */
export interface Names {
  release(id: number): void
}

/** Numbers before a record's sections: id, and touch with deadline and length. */
const HEADER = 2

/**
 * The records of one kind of subject in one space. Those whose hashes are alike lie side by side in a bin, so that finding
 * one takes a look into a small directory and one at the place itself. A bin fills its slot exactly while it is small,
 * and moves when it changes.
 */
export class Table {
  readonly bins = new Bins()
  /** How many records there are. */
  size = 0
  /** Numbers before a record's first section. */
  readonly header: number
  private readonly pools = new Map<number, Pool>()

  /**
   * `seed` goes into every hash; records of a `paired` table carry a second id after the header; `names` are the strings
   * behind the ids where subjects are named by strings.
   */
  constructor(
    private readonly slab: Slab,
    readonly seed: number,
    readonly paired: boolean,
    readonly names?: Names,
  ) {
    this.header = paired ? HEADER + 1 : HEADER
  }

  /** The pages with slots of `size` numbers. */
  poolOf(size: number): Pool {
    let pool = this.pools.get(size)
    if (pool === undefined) this.pools.set(size, (pool = { pages: 0, open: [] }))
    return pool
  }

  /** Counts one more record, and makes room for it. */
  grow(): void {
    this.size++
    if (this.bins.areTooFew(this.size)) this.split()
  }

  /** Counts one record less. */
  shrink(): void {
    this.size--
    if (this.bins.areTooMany(this.size)) this.merge()
  }

  /** Replaces `cut` numbers of a bin, from `offset` on, by `added` zeros. */
  splice(bin: number, offset: number, cut: number, added: number): void {
    const handle = this.bins.get(bin)
    if (handle === 0) {
      this.bins.set(bin, this.slab.take(this, added))
      return
    }
    const page = this.slab.pageOf(handle)
    const start = offsetOf(page, handle)
    const filled = filledOf(page, start)
    const rest = filled - offset - cut
    const size = offset + added + rest
    if (size > 0 && roomFor(size) === page.size) {
      page.numbers.copyWithin(start + offset + added, start + offset + cut, start + filled)
      page.numbers.fill(0, start + offset, start + offset + added)
      page.numbers.fill(0, start + size, start + Math.max(size, filled))
      return
    }
    const moved = size > 0 ? this.slab.take(this, size) : 0
    if (moved !== 0) {
      const to = this.slab.pageOf(moved)
      const toStart = offsetOf(to, moved)
      copyWords(page, start, to, toStart, offset)
      copyWords(page, start + offset + cut, to, toStart + offset + added, rest)
    }
    this.slab.give(page, start)
    this.bins.set(bin, moved)
  }

  /** Adds a bin, and moves into it what belongs there. */
  private split(): void {
    const partner = this.bins.add()
    const handle = this.bins.get(partner)
    if (handle === 0) return
    const page = this.slab.pageOf(handle)
    const start = offsetOf(page, handle)
    const added = this.bins.count - 1
    const isIn = (bin: number) => (at: number) => this.bins.of(hashAt(page, at)) === bin
    this.bins.set(added, this.gather(page, start, isIn(added)))
    this.rewrite(partner, page, start, isIn(partner))
  }

  /** Keeps only those records of a bin that are wanted. */
  rewrite(bin: number, page: Page, start: number, wanted: (at: number) => boolean): void {
    this.bins.set(bin, this.gather(page, start, wanted))
    this.slab.give(page, start)
  }

  /** A handle to copies of the records that are wanted, side by side; 0 if none is. */
  private gather(page: Page, start: number, wanted: (at: number) => boolean): number {
    const end = start + filledOf(page, start)
    let size = 0
    for (let at = start; at < end; at += lengthOf(page, at)) if (wanted(at)) size += lengthOf(page, at)
    if (size === 0) return 0
    const handle = this.slab.take(this, size)
    const to = this.slab.pageOf(handle)
    let toAt = offsetOf(to, handle)
    for (let at = start; at < end; at += lengthOf(page, at)) {
      if (!wanted(at)) continue
      copyWords(page, at, to, toAt, lengthOf(page, at))
      toAt += lengthOf(page, at)
    }
    return handle
  }

  /** Takes the last bin away, and moves its records to where they belong now. */
  private merge(): void {
    const { bins, slab } = this
    const handle = bins.get(bins.count - 1)
    const bin = bins.remove()
    if (handle === 0) return
    const page = slab.pageOf(handle)
    const start = offsetOf(page, handle)
    const filled = filledOf(page, start)
    const partner = bins.get(bin)
    if (partner === 0) {
      bins.set(bin, handle)
      return
    }
    const partnerPage = slab.pageOf(partner)
    const offset = filledOf(partnerPage, offsetOf(partnerPage, partner))
    this.splice(bin, offset, 0, filled)
    const merged = bins.get(bin)
    const to = slab.pageOf(merged)
    copyWords(page, start, to, offsetOf(to, merged) + offset, filled)
    slab.give(page, start)
  }
}

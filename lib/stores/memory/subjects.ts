import {
  SHORTEST,
  filledOf,
  hashAt,
  hashOf,
  isOver,
  keepUntil,
  lengthFor,
  lengthOf,
  roomOf,
  rowOf,
  setLength,
  touchWord,
  usedOf,
  writeSection,
} from './records'
import { Page, Slab, offsetOf } from './slab'
import { Table } from './table'

/** The records of all subjects: found by id, made, grown and forgotten. */
export class Subjects {
  readonly slab = new Slab()
  size = 0
  /** The record that the last call came to: its page, and where in it it starts; -1: there is none. */
  page = new Page(new Table(this.slab, 0, false), { pages: 0, open: [] }, 0, 0, 0)
  at = -1
  /** Counts touches. It wraps, after which a subject that was idle for 2^32 touches looks fresh for a while. */
  touches = 0
  /** The bin of that record, and where in the page it starts. */
  private bin = 0
  private start = 0

  /** `dropped` is told of each section that goes, so that what its row refers to can go too. */
  constructor(private readonly dropped: (bucket: number, numbers: Float64Array, row: number) => void) {}

  /** Goes to a subject's record. */
  find(table: Table, id: number, second: number): void {
    this.goTo(table, table.bins.of(hashOf(table, id, second)), 0)
    if (this.at < 0) return
    const { page, start } = this
    const last = start + page.size - SHORTEST
    for (let at = start, length = 1; at <= last && length > 0; at += length) {
      length = lengthOf(page, at)
      if (page.numbers[at] !== id || length === 0) continue
      if (table.paired && page.numbers[at + table.header - 1] !== second) continue
      this.at = at
      return
    }
    this.at = -1
  }

  /** Notes that the record is in use. */
  touch(): void {
    if (this.at >= 0) this.page.words[touchWord(this.at)] = ++this.touches
  }

  /** Makes a record with one section, that holds the first `room` numbers of `row`, and room for `expected` in all. */
  create(
    table: Table,
    id: number,
    second: number,
    bucket: number,
    row: Float64Array,
    room: number,
    expected = 0,
  ): void {
    this.size++
    table.grow()
    const bin = table.bins.of(hashOf(table, id, second))
    this.goTo(table, bin, 0)
    const offset = this.at < 0 ? 0 : filledOf(this.page, this.start)
    const numbers = table.header + Math.max(1 + room, expected)
    table.splice(bin, offset, 0, lengthFor(numbers))
    this.goTo(table, bin, offset)
    const { page, at } = this
    page.numbers[at] = id
    if (table.paired) page.numbers[at + table.header - 1] = second
    setLength(page, at, numbers)
    keepUntil(page, at, 1)
    writeSection(page, at + table.header, bucket, row, room)
    this.touch()
  }

  /** Writes a section anew, with `room` numbers of `row`, or drops it (0). It then comes last. */
  replace(bucket: number, row: Float64Array, room: number): void {
    const { page, at, bin } = this
    const { table } = page
    const offset = at - this.start
    const old = rowOf(page, at, bucket)
    const length = lengthOf(page, at)
    let used = usedOf(page, at)
    if (old >= 0) {
      const taken = 1 + roomOf(page, old)
      page.numbers.copyWithin(old - 1, old - 1 + taken, at + used)
      used -= taken
    }
    const numbers = room > 0 ? used + 1 + room : used
    if (numbers > length) {
      table.splice(bin, offset + used, length - used, lengthFor(numbers) - used)
      this.goTo(table, bin, offset)
      setLength(this.page, this.at, numbers)
    } else page.numbers.fill(0, at + used, at + length)
    if (room > 0) writeSection(this.page, this.at + used, bucket, row, room)
  }

  /** Forgets a section, and the record with its last one. */
  cut(bucket: number): void {
    const { page, at } = this
    const row = rowOf(page, at, bucket)
    if (row < 0) return
    if (usedOf(page, at) === page.table.header + 1 + roomOf(page, row)) return this.free()
    this.dropped(bucket, page.numbers, row)
    this.replace(bucket, page.numbers, 0)
  }

  /** Forgets the record and all that its sections refer to. */
  free(): void {
    const { page, at, start, bin } = this
    this.dropAll(page, at)
    page.table.splice(bin, at - start, lengthOf(page, at), 0)
    page.table.shrink()
    this.size--
    this.at = -1
  }

  /** Goes to a record by where it is, and where its bin starts. */
  goToRecord(page: Page, start: number, at: number): void {
    this.page = page
    this.bin = page.table.bins.of(hashAt(page, start))
    this.start = start
    this.at = at
  }

  /** Forgets the records of the bin at `start` whose deadline has come at `tick`. Returns how many. */
  expire(page: Page, start: number, tick: number): number {
    const { table } = page
    const end = start + filledOf(page, start)
    let expired = 0
    for (let at = start; at < end; at += lengthOf(page, at)) {
      if (!isOver(page, at, tick)) continue
      expired++
      this.dropAll(page, at)
    }
    if (expired === 0) return 0
    table.rewrite(table.bins.of(hashAt(page, start)), page, start, (at) => !isOver(page, at, tick))
    for (let i = 0; i < expired; i++) table.shrink()
    this.size -= expired
    this.at = -1
    return expired
  }

  /** Goes to what starts at `offset` of a bin. */
  private goTo(table: Table, bin: number, offset: number): void {
    const handle = table.bins.get(bin)
    this.bin = bin
    if (handle === 0) {
      this.at = -1
      return
    }
    this.page = this.slab.pageOf(handle)
    this.start = offsetOf(this.page, handle)
    this.at = this.start + offset
  }

  /** Lets go of all that a record's sections refer to. */
  private dropAll(page: Page, at: number): void {
    const { table, words, numbers } = page
    const end = at + usedOf(page, at)
    for (let section = at + table.header; section < end; section += 1 + words[2 * section + 1]) {
      this.dropped(words[2 * section], numbers, section + 1)
    }
    table.names?.release(numbers[at])
  }
}

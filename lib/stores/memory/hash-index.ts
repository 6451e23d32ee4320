/**
 * Finds records by hash: open addressing with linear probing, in many small partitions, each of which grows and
 * shrinks on its own. So the index never stops the process to rehash a whole table.
 *
 * A partition is a run of pairs [hash, handle]; handle 0 is an empty slot. A pair's home is in the order of its hash,
 * so a partition of any length will do and copying one into another runs straight through both.
 */
import { offsetOf, type Page, type Slab, type Table } from './slab'

const PARTITION_BITS = 8
const PARTITIONS = 1 << PARTITION_BITS
/** A partition is copied into one fit for it when it is fuller or emptier than this. */
const FULLEST = 0.8
const EMPTIEST = 0.4
const GROWTH = 1.3
const SMALLEST = 4

/** From the bits of a hash that do not choose the partition to a fraction of it. */
const HOME_SCALE = 2 ** -(32 - PARTITION_BITS)

const NOTHING = new Int32Array(2)

export class HashIndex {
  /** How many records there are. */
  size = 0
  private readonly partitions = new Array<Int32Array>(PARTITIONS).fill(NOTHING)
  private readonly counts = new Int32Array(PARTITIONS)

  constructor(private readonly slab: Slab) {}

  /** The handle of a table's record, or 0. */
  find(table: Table, id: number, second: number, hash: number): number {
    const pairs = this.partitions[hash & (PARTITIONS - 1)]
    const { length } = pairs
    let slot = homeOf(hash, length)
    for (;;) {
      const handle = pairs[slot + 1]
      if (handle === 0) return 0
      if (pairs[slot] === hash) {
        const page = this.slab.pageOf(handle)
        if (page.table === table && holds(page, offsetOf(page, handle), id, second)) return handle
      }
      slot += 2
      if (slot === length) slot = 0
    }
  }

  add(hash: number, handle: number): void {
    const part = hash & (PARTITIONS - 1)
    const count = ++this.counts[part]
    let pairs = this.partitions[part]
    if (2 * count > pairs.length * FULLEST) {
      const room = Math.max(SMALLEST, Math.ceil((pairs.length / 2) * GROWTH))
      this.partitions[part] = pairs = copyInto(new Int32Array(2 * room), pairs)
    }
    place(pairs, hash, handle)
    this.size++
  }

  /** The record has moved. */
  replace(hash: number, handle: number, by: number): void {
    const pairs = this.partitions[hash & (PARTITIONS - 1)]
    pairs[slotOf(pairs, hash, handle) + 1] = by
  }

  remove(hash: number, handle: number): void {
    const part = hash & (PARTITIONS - 1)
    const count = --this.counts[part]
    const pairs = this.partitions[part]
    this.size--
    closeGap(pairs, slotOf(pairs, hash, handle))
    if (count === 0) this.partitions[part] = NOTHING
    else if (pairs.length > 2 * SMALLEST && 2 * count < pairs.length * EMPTIEST) {
      const room = Math.max(SMALLEST, Math.ceil((count / FULLEST) * 1.2))
      this.partitions[part] = copyInto(new Int32Array(2 * room), pairs)
    }
  }
}

/** A 32-bit hash of a subject. */
export function hashOf(table: Table, id: number, second: number): number {
  let hash = Math.imul((id | 0) ^ table.seed, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 15) ^ ((id / 4294967296) | 0), 0x85ebca6b)
  if (table.paired) {
    hash = Math.imul(hash ^ (hash >>> 13) ^ (second | 0), 0xc2b2ae35)
    hash = Math.imul(hash ^ (hash >>> 15) ^ ((second / 4294967296) | 0), 0x9e3779b1)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

function holds(page: Page, at: number, id: number, second: number): boolean {
  return (
    page.numbers[at] === id && (!page.table.paired || page.numbers[at + page.table.header - 1] === second)
  )
}

/** The even position where a hash would like to stand: by the bits that did not choose the partition. */
function homeOf(hash: number, length: number): number {
  return ((hash >>> PARTITION_BITS) * length * HOME_SCALE) & -2
}

function place(pairs: Int32Array, hash: number, handle: number): void {
  let slot = homeOf(hash, pairs.length)
  while (pairs[slot + 1] !== 0) {
    slot += 2
    if (slot === pairs.length) slot = 0
  }
  pairs[slot] = hash
  pairs[slot + 1] = handle
}

function slotOf(pairs: Int32Array, hash: number, handle: number): number {
  let slot = homeOf(hash, pairs.length)
  while (pairs[slot + 1] !== handle) {
    slot += 2
    if (slot === pairs.length) slot = 0
  }
  return slot
}

/** Empties a slot and moves back what was displaced past it, so that no search stops too early. */
function closeGap(pairs: Int32Array, gap: number): void {
  const { length } = pairs
  let next = gap
  for (;;) {
    next += 2
    if (next === length) next = 0
    if (pairs[next + 1] === 0) break
    const home = homeOf(pairs[next], length)
    const stays = gap < next ? gap < home && home <= next : gap < home || home <= next
    if (stays) continue
    pairs[gap] = pairs[next]
    pairs[gap + 1] = pairs[next + 1]
    gap = next
  }
  pairs[gap + 1] = 0
}

function copyInto(to: Int32Array, from: Int32Array): Int32Array {
  for (let slot = 0; slot < from.length; slot += 2) {
    if (from[slot + 1] !== 0) place(to, from[slot], from[slot + 1])
  }
  return to
}

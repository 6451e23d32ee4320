import { ShardedMap } from './sharded-map'

/** Items per chunk of a shelf's order. */
const CHUNK = 512

/** One record. `name` is what follows its shelf's name in the key. */
export class Item {
  gone = false

  constructor(
    readonly name: string | number,
    /** Tells in which order records were made. */
    readonly serial: number,
    public value: unknown,
    public version: number,
    public expiresAt: number,
  ) {}
}

/** A stretch of a shelf's order. */
interface Chunk {
  readonly first: number
  items: Item[]
  gone: number
}

/**
 * Records whose keys start alike, in the order in which they were made. Finding the one after a given serial takes two
 * binary searches, and forgetting one never moves more than its chunk.
 */
export class Shelf {
  /** How many of the records expire. */
  mortal = 0
  private readonly items = new ShardedMap<string | number, Item>()
  private readonly chunks: Chunk[] = []

  constructor(readonly name: string) {}

  get size(): number {
    return this.items.size
  }

  /** A record that has not expired at `real` (ms). */
  find(name: string | number, real: number): Item | undefined {
    const item = this.items.get(name)
    return item === undefined || item.expiresAt <= real ? undefined : item
  }

  /** Writes a record; `serial` is greater than any before, and becomes its version. `expiresAt` may be `Infinity`. */
  write(name: string | number, value: unknown, expiresAt: number, serial: number, real: number): void {
    const known = this.items.get(name)
    if (known !== undefined && known.expiresAt > real) {
      this.mortal += Number(expiresAt < Infinity) - Number(known.expiresAt < Infinity)
      known.value = value
      known.version = serial
      known.expiresAt = expiresAt
      return
    }
    if (known !== undefined) this.remove(known)
    this.append(new Item(name, serial, value, serial, expiresAt))
  }

  remove(item: Item): void {
    this.items.delete(item.name)
    if (item.expiresAt < Infinity) this.mortal--
    item.gone = true
    const position = this.chunkOf(item.serial)
    const chunk = this.chunks[position]
    chunk.gone++
    if (chunk.gone === chunk.items.length) this.chunks.splice(position, 1)
    else if (2 * chunk.gone > chunk.items.length) {
      chunk.items = chunk.items.filter(({ gone }) => !gone)
      chunk.gone = 0
    }
  }

  /** The records made after the one with this serial, oldest first; they may be removed on the way. */
  *after(serial: number): Generator<Item> {
    let last = serial
    for (;;) {
      const item = this.nextAfter(last)
      if (item === undefined) return
      last = item.serial
      if (!item.gone) yield item
    }
  }

  private append(item: Item): void {
    this.items.set(item.name, item)
    if (item.expiresAt < Infinity) this.mortal++
    const chunk = this.chunks.at(-1)
    if (chunk !== undefined && chunk.items.length < CHUNK) chunk.items.push(item)
    else this.chunks.push({ first: item.serial, items: [item], gone: 0 })
  }

  private nextAfter(serial: number): Item | undefined {
    const position = Math.max(0, this.chunkOf(serial))
    const items = this.chunks[position]?.items ?? []
    const index = firstFrom(items.length, (i) => items[i].serial > serial)
    return items[index] ?? this.chunks[position + 1]?.items[0]
  }

  /** Position of the chunk that a serial belongs to; -1: before all. */
  private chunkOf(serial: number): number {
    return firstFrom(this.chunks.length, (i) => this.chunks[i].first > serial) - 1
  }
}

/** The first of `length` positions for which `holds`, given that it holds from there on. */
function firstFrom(length: number, holds: (position: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

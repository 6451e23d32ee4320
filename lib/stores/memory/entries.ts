/**
 * What the four primitives read and write: blocks, registrations, members, and whatever else is put under a key. It
 * stays until it is deleted or its own time is over.
 */
import { copyJson } from '../json'
import type { Entry, KeyedEntry, ScanPage, Version } from '../store'
import { badCursor } from '../user-record'
import { Shelf, type Item } from './shelf'

/** Records that one slice of the sweep looks at. */
const LOOKS = 2048

export class Entries {
  private readonly shelves = new Map<string, Shelf>()
  private lastSerial = 0
  /** Where the sweep is: shelf and serial. */
  private readonly queue: Shelf[] = []
  private swept = 0

  /** Whether anything expires. */
  get mortal(): boolean {
    for (const shelf of this.shelves.values()) if (shelf.mortal > 0) return true
    return false
  }

  /** The shelf of all keys that start with `name`, which has three colons and ends with the third. */
  shelf(name: string): Shelf {
    let shelf = this.shelves.get(name)
    if (shelf === undefined) this.shelves.set(name, (shelf = new Shelf(name)))
    return shelf
  }

  get(key: string, real: number): Entry | undefined {
    const item = this.find(key, real)
    return item && entryOf(item)
  }

  swap(
    key: string,
    expected: Version | null,
    value: unknown,
    ttl: number | undefined,
    real: number,
  ): number | null {
    if ((this.find(key, real)?.version ?? null) !== expected) return null
    const [name, rest] = split(key)
    return this.write(this.shelf(name), nameOf(rest), copyJson(value), real + (ttl ?? Infinity), real)
  }

  delete(key: string, expected: Version | undefined, real: number): boolean {
    const item = this.find(key, real)
    if (item === undefined || (expected !== undefined && item.version !== expected)) return false
    this.shelves.get(split(key)[0])?.remove(item)
    return true
  }

  /** Writes without a copy or a comparison. */
  write(shelf: Shelf, name: string | number, value: unknown, expiresAt: number, real: number): number {
    shelf.write(name, value, expiresAt, ++this.lastSerial, real)
    return this.lastSerial
  }

  /** Entries in order of creation; the cursor is the serial of the last one, so it outlives any change. */
  scan(prefix: string, cursor: string | undefined, limit: number, real: number): ScanPage {
    if (cursor !== undefined && !/^\d{1,16}$/.test(cursor)) throw badCursor(cursor)
    const found: { serial: number; entry: KeyedEntry }[] = []
    for (const shelf of this.shelves.values()) {
      if (!shelf.name.startsWith(prefix) && !prefix.startsWith(shelf.name)) continue
      let room = limit + 1
      for (const item of shelf.after(Number(cursor ?? 0))) {
        const key = keyOf(shelf, item)
        if (item.expiresAt <= real || !key.startsWith(prefix)) continue
        found.push({ serial: item.serial, entry: { key, ...entryOf(item) } })
        if (--room === 0) break
      }
    }
    found.sort((a, b) => a.serial - b.serial)
    const page = found.slice(0, limit)
    const last = page.at(-1)
    return {
      entries: page.map(({ entry }) => entry),
      ...(found.length > limit && last !== undefined && { cursor: String(last.serial) }),
    }
  }

  /** One slice: forgets records whose time is over. Returns whether it found any. */
  sweep(real: number): boolean {
    if (this.queue.length === 0) {
      for (const shelf of this.shelves.values()) if (shelf.mortal > 0) this.queue.push(shelf)
    }
    const [shelf] = this.queue
    if (shelf === undefined) return false
    const before = shelf.size
    let looks = LOOKS
    for (const item of shelf.after(this.swept)) {
      if (looks-- === 0) return shelf.size < before
      this.swept = item.serial
      if (item.expiresAt <= real) shelf.remove(item)
    }
    this.queue.shift()
    this.swept = 0
    return shelf.size < before
  }

  private find(key: string, real: number): Item | undefined {
    const [name, rest] = split(key)
    return this.shelves.get(name)?.find(nameOf(rest), real)
  }
}

/** A key cut behind its third colon. */
function split(key: string): [shelf: string, rest: string] {
  let end = 0
  for (let colons = 0; colons < 3; colons++) {
    const colon = key.indexOf(':', end)
    if (colon < 0) return ['', key]
    end = colon + 1
  }
  return [key.slice(0, end), key.slice(end)]
}

/** `:<integer>` as the number, so that a decision can look an actor up without making a string. */
function nameOf(rest: string): string | number {
  const id = rest.startsWith(':') ? Number(rest.slice(1)) : NaN
  return Number.isSafeInteger(id) && `:${id}` === rest ? id : rest
}

function keyOf({ name: shelf }: Shelf, { name }: Item): string {
  return typeof name === 'number' ? `${shelf}:${name}` : shelf + name
}

function entryOf({ value, version, expiresAt }: Item): Entry {
  return { value: copyJson(value), version, ...(expiresAt < Infinity && { expiresAt }) }
}

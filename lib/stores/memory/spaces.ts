/** Numbers for names: which table and which id a subject has, which number a bucket. */
import { createHash } from 'node:crypto'
import { isBuiltin, type Kernel, type Limiter } from '../../limiters/limiter'
import type { LimitCheck } from '../decision'
import { userPrefix } from '../record-keys'
import type { Entries } from './entries'
import { MARKS } from './marks'
import { ShardedMap } from './sharded-map'
import type { Shelf } from './shelf'
import type { Slab } from './slab'
import { Table, type Names } from './table'

/** Longer keys are kept as their hash, which is longer than any key kept as it is. */
const LONGEST_KEY = 96
/** How many buckets are found by one look; must be a power of two. */
const REMEMBERED = 64

/** Buckets are numbered after the section of marks. */
const FIRST_NUMBER = MARKS + 1

/** One bot's part of a store. */
export class Space {
  readonly blocks: Shelf
  readonly registrations: Shelf
  readonly actors: Table
  readonly chats: Table
  readonly members: Table
  readonly keys = new KeyNames()
  /** Subjects named by a key; 0 is the whole bot. */
  readonly own: Table

  constructor(
    readonly name: string,
    number: number,
    slab: Slab,
    entries: Entries,
  ) {
    this.blocks = entries.shelf(userPrefix(name, 'blocks').slice(0, -1))
    this.registrations = entries.shelf(userPrefix(name, 'registrations').slice(0, -1))
    this.actors = new Table(slab, 4 * number, false)
    this.chats = new Table(slab, 4 * number + 1, false)
    this.members = new Table(slab, 4 * number + 2, true)
    this.own = new Table(slab, 4 * number + 3, false, this.keys)
  }
}

/** Ids for the strings that users' scope functions return, as long as a record needs them. */
class KeyNames implements Names {
  private readonly ids = new ShardedMap<string, number>()
  private readonly names = new ShardedMap<number, string>()
  private last = 0

  get size(): number {
    return this.ids.size
  }

  /** The id of a key, or -1. */
  find(key: string): number {
    return this.ids.get(shortened(key)) ?? -1
  }

  add(key: string): number {
    const name = shortened(key)
    const known = this.ids.get(name)
    if (known !== undefined) return known
    const id = ++this.last
    this.ids.set(name, id)
    this.names.set(id, name)
    return id
  }

  release(id: number): void {
    const name = this.names.get(id)
    if (name === undefined) return
    this.names.delete(id)
    this.ids.delete(name)
  }
}

function shortened(key: string): string {
  return key.length <= LONGEST_KEY ? key : createHash('sha512').update(key, 'utf16le').digest('hex')
}

/** One bucket as one algorithm keeps it. */
export interface Bucket {
  /** What sections call it. */
  readonly number: number
  readonly id: number
  readonly name: string
  readonly limiter: Limiter
  /** `undefined`: a user's own limiter, whose states are kept apart. */
  readonly kernel: Kernel | undefined
  readonly fresh: Float64Array
}

export class Buckets {
  private readonly all: Bucket[] = []
  private readonly byId = new Map<number, Bucket[]>()
  private readonly recent = new Array<Bucket | undefined>(REMEMBERED).fill(undefined)

  /** The bucket of a check. */
  of(check: LimitCheck): Bucket {
    const recent = this.recent[check.id & (REMEMBERED - 1)]
    if (recent !== undefined && recent.id === check.id && recent.limiter === check.limiter) return recent
    return (this.recent[check.id & (REMEMBERED - 1)] = this.find(check) ?? this.add(check))
  }

  /** The bucket that a section's number means. */
  numbered(number: number): Bucket {
    return this.all[number - FIRST_NUMBER]
  }

  /** Every bucket of these names. */
  named(names: ReadonlySet<string>): Bucket[] {
    return this.all.filter((bucket) => names.has(bucket.name))
  }

  private find({ id, limiter }: LimitCheck): Bucket | undefined {
    return this.byId.get(id)?.find((bucket) => isSame(bucket.limiter, limiter))
  }

  private add({ id, bucket: name, limiter }: LimitCheck): Bucket {
    const kernel = isBuiltin(limiter) ? limiter.kernel : undefined
    const number = FIRST_NUMBER + this.all.length
    const fresh = Float64Array.from(kernel?.fresh ?? [0])
    const bucket: Bucket = { number, id, name, limiter, kernel, fresh }
    this.all.push(bucket)
    const same = this.byId.get(id)
    if (same === undefined) this.byId.set(id, [bucket])
    else same.push(bucket)
    return bucket
  }
}

/** Whether two limiters read each other's states: as elsewhere, those of one name do. */
function isSame(a: Limiter, b: Limiter): boolean {
  return a === b || (a.name === b.name && isBuiltin(a) === isBuiltin(b))
}

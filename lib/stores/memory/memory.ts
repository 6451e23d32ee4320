import { Collector } from './collector'
import { Entries } from './entries'
import { TICK } from './records'
import { ShardedMap } from './sharded-map'
import { MARKS } from './marks'
import { Buckets, Space } from './spaces'
import { Subjects } from './subjects'
import type { Sweep } from './sweeper'

/** Ticks that may pass before they are counted from a later origin: a hundred days, so that windows of 1.8 years fit. */
const MOST_TICKS = 0x200000

/** All that a memory store holds. */
export class Memory {
  readonly entries = new Entries()
  readonly buckets = new Buckets()
  /** States of users' own limiters, by the number in their rows. */
  readonly states = new ShardedMap<number, unknown>()
  readonly subjects = new Subjects((bucket, numbers, row) => this.release(bucket, numbers[row]))
  private readonly collector = new Collector(this.subjects)
  private readonly spaces = new Map<string, Space>()
  private lastSpace = this.addSpace('')
  private lastState = 0
  /** Ticks are counted from here (ms), since they must fit into 24 bits. It moves along with time. */
  private origin = Date.now()

  space(name: string): Space {
    if (name === this.lastSpace.name) return this.lastSpace
    return (this.lastSpace = this.spaces.get(name) ?? this.addSpace(name))
  }

  /** A number for the state of a user's own limiter. */
  newState(): number {
    return ++this.lastState
  }

  /** The first tick after `time` (real, ms). */
  tickAfter(time: number): number {
    return Math.max(1, Math.floor((time - this.origin) / TICK) + 1)
  }

  /** To be told the time (real, ms) before anything is done at it, so that ticks stay in range even if the clock leaps. */
  turnTo(real: number): void {
    const ticks = Math.floor((real - this.origin) / TICK)
    if (ticks >= 0 && ticks < MOST_TICKS) return
    this.collector.shift(ticks)
    this.origin += ticks * TICK
  }

  /** Keeps no more than `most` subjects. */
  trim(most: number): void {
    if (this.subjects.size > most) this.collector.trim(most)
  }

  /** A slice of collecting what nobody can ask for any more at `real` (ms). */
  sweep(real: number): Sweep {
    this.turnTo(real)
    const subjects = this.collector.sweep(Math.floor((real - this.origin) / TICK))
    const entries = this.entries.sweep(real)
    if (subjects || entries) return 'more'
    return this.subjects.slab.pages.length > 0 || this.entries.mortal ? 'later' : 'done'
  }

  private addSpace(name: string): Space {
    const space = new Space(name, this.spaces.size, this.subjects.slab, this.entries)
    this.spaces.set(name, space)
    return space
  }

  private release(bucket: number, value: number): void {
    if (bucket !== MARKS && this.buckets.numbered(bucket).kernel === undefined) this.states.delete(value)
  }
}

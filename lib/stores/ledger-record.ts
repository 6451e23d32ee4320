import { bucketKey } from './record-keys'
import { membersOf, ownMember } from './json'
import type { Block } from './decision'
import type { Entry } from './store'
import type { Change } from './update'

/** Marks that a record keeps at most; beyond it those that expire first are forgotten. */
export const MOST_MARKS = 4096
const MINUTE = 60_000
const DAY = 86_400_000

/** A moment, by the clock that decides and by the one that collects garbage. */
export interface Moment {
  /** ms: what everything is judged by. */
  readonly now: number
  /** ms, real time. */
  readonly real: number
  /** ms that anything is kept beyond its use. */
  readonly grace: number
  /** ms: marks that ended by then are forgotten. */
  readonly horizon: number
}

/** An injected clock may stand still or jump, so under it everything is kept a day longer than it matters. */
export function momentOf(injected: number | undefined, now: number): Moment {
  if (injected === undefined) return { now, real: now, grace: 0, horizon: now }
  return { now, real: Date.now(), grace: DAY, horizon: now - DAY }
}

/** For a writer that does not know by which clock a record is judged: it forgets no mark. */
export function momentOfUnknownClock(now: number): Moment {
  return { now, real: Date.now(), grace: DAY, horizon: -Infinity }
}

/** The moment by which nothing goes that either of the two would keep. */
export function widest(a: Moment, b: Moment): Moment {
  return {
    now: Math.min(a.now, b.now),
    real: Math.min(a.real, b.real),
    grace: Math.max(a.grace, b.grace),
    horizon: Math.min(a.horizon, b.horizon),
  }
}

/** A block's record, kept for a day beyond its end. */
export function blockChange(block: Block, { now }: { readonly now: number }): Change {
  return { value: block, ttl: block.until === undefined ? undefined : Math.max(block.until - now, 0) + DAY }
}

/** Limiter, real time (ms) from which the state is as good as none (`null`: never), state. */
type StoredState = readonly [limiter: string, deadline: number | null, state: unknown]

/**
 * One place's record, `{ s: { [bucket]: [limiter, deadline, state] }, m: { [mark]: until } }`: reads what the store
 * holds, and keeps changes apart until they are encoded.
 */
export class LedgerRecord {
  readonly #states: Map<string, StoredState | undefined>
  readonly #marks: Map<string, number | undefined>

  /** `former`: what else the same transaction has changed already; it stays as it is. */
  constructor(
    readonly entry: Entry | undefined,
    former?: LedgerRecord,
  ) {
    this.#states = new Map(former === undefined ? [] : former.#states)
    this.#marks = new Map(former === undefined ? [] : former.#marks)
  }

  get changed(): boolean {
    return this.#states.size > 0 || this.#marks.size > 0
  }

  /** A bucket's state, unless another algorithm left it there. */
  state(bucket: string, limiter: string): unknown {
    const stored = this.stored(bucket)
    return stored?.[0] === limiter ? stored[2] : undefined
  }

  setState(bucket: string, limiter: string, state: unknown, deadline: number): void {
    this.put(bucket, [limiter, deadline === Infinity ? null : Math.ceil(deadline), state])
  }

  /** A bucket as it is stored, for moving it to another record. */
  stored(bucket: string): StoredState | undefined {
    const name = bucketKey(bucket)
    return this.#states.has(name) ? this.#states.get(name) : asStored(ownMember(this.#raw('s'), name))
  }

  /** Takes a stored bucket over; `undefined` drops it. */
  put(bucket: string, stored: StoredState | undefined): void {
    this.#states.set(bucketKey(bucket), stored)
  }

  mark(id: number): number {
    const name = String(id)
    const until = this.#marks.has(name) ? this.#marks.get(name) : ownMember(this.#raw('m'), name)
    return typeof until === 'number' ? until : -Infinity
  }

  /** `-Infinity` drops the mark. */
  setMark(id: number, until: number): void {
    this.#marks.set(String(id), until === -Infinity ? undefined : until)
  }

  /** What is to be written, without anything that no longer matters. */
  change(moment: Moment): Change {
    return this.changed ? this.encode(moment) : 'keep'
  }

  /** The record in full, whether it changed or not. */
  encode(moment: Moment): Change {
    const states = this.#liveStates(moment)
    const marks = this.#liveMarks(moment)
    if (states.length === 0 && marks.length === 0) return 'delete'
    return {
      value: {
        ...(states.length > 0 && { s: Object.fromEntries(states) }),
        ...(marks.length > 0 && { m: Object.fromEntries(marks) }),
      },
      ttl: lifetime(states, marks, moment),
    }
  }

  #raw(part: 's' | 'm'): unknown {
    return ownMember(this.entry?.value, part)
  }

  #liveStates({ real }: Moment): [string, StoredState][] {
    const live: [string, StoredState][] = []
    for (const [name, raw] of membersOf(this.#raw('s'))) {
      const stored = this.#states.has(name) ? undefined : asStored(raw)
      if (stored !== undefined && outlives(stored, real)) live.push([name, stored])
    }
    for (const [name, stored] of this.#states) {
      if (stored !== undefined && outlives(stored, real)) live.push([name, stored])
    }
    return live
  }

  #liveMarks({ horizon }: Moment): [string, number][] {
    const live: [string, number][] = []
    for (const [name, until] of membersOf(this.#raw('m'))) {
      if (typeof until === 'number' && until > horizon && !this.#marks.has(name)) live.push([name, until])
    }
    for (const [name, until] of this.#marks) {
      if (until !== undefined && until > horizon) live.push([name, until])
    }
    if (live.length <= MOST_MARKS) return live
    return live.sort(([, a], [, b]) => b - a).slice(0, MOST_MARKS)
  }
}

function outlives([, deadline]: StoredState, real: number): boolean {
  return deadline === null || deadline > real
}

/** ms of real time that the record can matter, and a minute more; `undefined`: for ever. */
function lifetime(
  states: readonly [string, StoredState][],
  marks: readonly [string, number][],
  { now, real, grace }: Moment,
): number | undefined {
  let longest = 0
  for (const [, [, deadline]] of states) {
    if (deadline === null) return undefined
    longest = Math.max(longest, deadline - real)
  }
  for (const [, until] of marks) longest = Math.max(longest, Math.max(until - now, 0) + grace)
  return Math.ceil(longest) + MINUTE
}

function asStored(raw: unknown): StoredState | undefined {
  if (!Array.isArray(raw) || raw.length !== 3) return undefined
  const [limiter, deadline] = raw as unknown[]
  const sound = typeof limiter === 'string' && (deadline === null || typeof deadline === 'number')
  return sound ? (raw as unknown as StoredState) : undefined
}

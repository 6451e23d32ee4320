/** What `judge` reads and writes in a memory store: rows of numbers in the subjects' records. */
import { SentinelUsageError } from '../../errors'
import type { Block, LimitCheck, LimitState, Registration, Scope } from '../decision'
import { copyJson } from '../json'
import { meterOf, type Kept } from '../json-meter'
import type { Ledger } from '../judge'
import { isChargeable, stateOf, waitFor } from '../meter'
import type { Whereabouts } from '../record-keys'
import { MARKS, liveMarks, readMark, rowOfMarks, writeMark } from './marks'
import type { Memory } from './memory'
import type { Page, Table } from './slab'
import type { Bucket, Space } from './spaces'
import { keepUntil, roomOf, rowOf } from './subjects'

const DAY = 86_400_000

export class MemoryLedger implements Ledger {
  private space: Space
  private actor: number | undefined = undefined
  private chat: number | undefined = undefined
  /** Real time (ms), and how long anything is kept beyond its use. */
  private real = 0
  private grace = 0
  /** The place looked up last: its address, and its record if it has one. */
  private scope: Scope | undefined = undefined
  private key: string | undefined = undefined
  private table: Table
  private id = 0
  private second = 0
  private page: Page | undefined = undefined
  private at = 0
  /** What users' own limiters said of the charges of this decision. */
  private charged: Map<LimitCheck, LimitState> | undefined = undefined

  constructor(private readonly memory: Memory) {
    this.space = memory.space('')
    this.table = this.space.actors
  }

  /** Turns to a request. `injected`: it brought its own clock, which may stand still or jump. */
  turnTo(whereabouts: Whereabouts, real: number, injected: boolean): void {
    this.space = this.memory.space(whereabouts.space)
    this.actor = whereabouts.actor
    this.chat = whereabouts.chat
    this.real = real
    this.grace = injected ? DAY : 0
    this.scope = undefined
    this.charged = undefined
  }

  block(actor: number): Block | undefined {
    return this.space.blocks.find(actor, this.real)?.value as Block | undefined
  }

  setBlock(block: Block, now: number): void {
    const { until = Infinity } = block
    const expiresAt = this.real + Math.max(0, until - now) + DAY
    this.memory.entries.write(this.space.blocks, block.userId, block, expiresAt, this.real)
  }

  registration(actor: number): Registration | undefined {
    const registration = this.space.registrations.find(actor, this.real)?.value as Registration | undefined
    const { profile } = registration ?? {}
    // The profile goes to handlers, which may change it.
    return typeof profile === 'object' ? copyJson(registration) : registration
  }

  mark(scope: Scope, key: string | undefined, id: number): number {
    const page = this.recordOf(scope, key)
    if (page === undefined) return -Infinity
    const row = rowOf(page, this.at, MARKS)
    return row < 0 ? -Infinity : readMark(page.numbers, row, roomOf(page, row), id)
  }

  setMark(scope: Scope, key: string | undefined, id: number, until: number, now: number): void {
    const page = this.recordOf(scope, key)
    const row = page === undefined ? -1 : rowOf(page, this.at, MARKS)
    const dead = now - this.grace
    if (page === undefined || row < 0) this.makeRoom(MARKS, rowOfMarks([[id, until]]))
    else if (!writeMark(page.numbers, row, roomOf(page, row), id, until, dead)) {
      const marks = liveMarks(page.numbers, row, roomOf(page, row), dead)
      this.makeRoom(MARKS, rowOfMarks([...marks, [id, until]]))
    }
    this.keepFor(until - now)
  }

  wait(check: LimitCheck, now: number): number {
    const bucket = this.memory.buckets.of(check)
    const row = this.rowIn(bucket, check)
    if (bucket.kernel === undefined) return meterOf(check.limiter).wait(this.ownState(row), check, now)
    return waitFor(bucket.kernel, this.numbersOf(bucket, row), Math.max(row, 0), check, now)
  }

  charge(check: LimitCheck, now: number): void {
    if (!isChargeable(check)) return
    const bucket = this.memory.buckets.of(check)
    const { kernel } = bucket
    if (kernel === undefined) return this.chargeOwn(check, bucket, now)
    const { rule, cost } = check
    let row = this.rowIn(bucket, check)
    const room = kernel.size(this.numbersOf(bucket, row), Math.max(row, 0), rule, now, cost)
    if (row < 0 || room > roomOf(this.page as Page, row)) row = this.grow(bucket, kernel, row, room)
    const { numbers } = this.page as Page
    kernel.charge(numbers, row, rule, now, cost)
    this.keepFor(kernel.resetAfter(numbers, row, rule, now))
  }

  state(check: LimitCheck, now: number): LimitState {
    const bucket = this.memory.buckets.of(check)
    const row = this.rowIn(bucket, check)
    if (bucket.kernel !== undefined) {
      return stateOf(bucket.kernel, this.numbersOf(bucket, row), Math.max(row, 0), check, now)
    }
    return this.charged?.get(check) ?? meterOf(check.limiter).left(this.ownState(row), check, now)
  }

  /** Forgets what a bucket has counted. */
  forget(check: LimitCheck): void {
    const page = this.recordOf(check.scope, check.key)
    if (page === undefined) return
    this.memory.subjects.cut(page, this.at, this.memory.buckets.of(check).number)
    this.scope = undefined
  }

  private chargeOwn(check: LimitCheck, bucket: Bucket, now: number): void {
    let row = this.rowIn(bucket, check)
    const kept = meterOf(check.limiter).charge(this.ownState(row), check, now)
    if (kept === undefined) return
    if (row < 0) row = this.makeRoom(bucket.number, new Float64Array(1).fill(this.memory.newState()))
    this.memory.states.set((this.page as Page).numbers[row], kept.state)
    this.keepFor(kept.keepFor)
    if (kept.outcome === undefined) return
    const { remaining, resetAfter } = kept.outcome
    const state = { name: check.bucket, limit: check.rule.limit, remaining, resetAfter }
    this.charged = (this.charged ?? new Map<LimitCheck, LimitState>()).set(check, state)
  }

  private ownState(row: number): unknown {
    return row < 0 ? undefined : this.memory.states.get((this.page as Page).numbers[row])
  }

  /** A copy of a bucket's row with room for `room` numbers, put in its place. */
  private grow(bucket: Bucket, kernel: Kernel, row: number, room: number): number {
    const grown = new Float64Array(room)
    kernel.move(this.numbersOf(bucket, row), Math.max(row, 0), grown, 0, room)
    return this.makeRoom(bucket.number, grown)
  }

  /** Puts a row into the place looked up last, with a new record if it has none. Returns where it starts. */
  private makeRoom(bucket: number, row: Float64Array): number {
    const { subjects } = this.memory
    if (this.page === undefined) {
      if (this.scope === 'own') this.id = this.space.keys.add(this.key as string)
      subjects.create(this.table, this.id, this.second, bucket, row)
    } else subjects.replace(this.page, this.at, bucket, row)
    this.page = subjects.page
    this.at = subjects.at
    return rowOf(this.page as Page, this.at, bucket)
  }

  private rowIn(bucket: Bucket, check: LimitCheck): number {
    const page = this.recordOf(check.scope, check.key)
    return page === undefined ? -1 : rowOf(page, this.at, bucket.number)
  }

  /** Where a row is to be read: in the record, or what a new one would be. */
  private numbersOf(bucket: Bucket, row: number): Float64Array {
    return row < 0 ? bucket.fresh : (this.page as Page).numbers
  }
}

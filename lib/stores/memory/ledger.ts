/** What `judge` reads and writes in a memory store: rows of numbers in the subjects' records. */
import { SentinelUsageError } from '../../errors'
import type { Kernel } from '../../limiters/limiter'
import type { Block, LimitCheck, LimitState, Registration, Scope } from '../decision'
import { copyJson } from '../json'
import { meterOf } from '../json-meter'
import type { Ledger } from '../judge'
import { isChargeable, stateOf, waitFor } from '../meter'
import type { Whereabouts } from '../record-keys'
import { MARKS, liveMarks, readMark, rowOfMarks, writeMark } from './marks'
import type { Memory } from './memory'
import type { Table } from './slab'
import type { Bucket, Buckets, Space } from './spaces'
import { keepUntil, roomOf, rowOf, type Subjects } from './subjects'

const DAY = 86_400_000

export class MemoryLedger implements Ledger {
  private readonly subjects: Subjects
  private readonly buckets: Buckets
  private space: Space
  private actor: number | undefined = undefined
  private chat: number | undefined = undefined
  /** Real time (ms), and how long anything is kept beyond its use. */
  private real = 0
  private grace = 0
  /** The place that `subjects` is at, and its address. */
  private scope: Scope | undefined = undefined
  private key: string | undefined = undefined
  private table: Table
  private id = 0
  private second = 0
  /** What users' own limiters said when they were charged. */
  private charged: Map<LimitCheck, LimitState> | undefined = undefined
  /** A row on its way into a record. */
  private scratch = new Float64Array(16)

  constructor(private readonly memory: Memory) {
    this.subjects = memory.subjects
    this.buckets = memory.buckets
    this.space = memory.space('')
    this.table = this.space.own
  }

  /** Turns to a request. `real`: the time that collects garbage; `now`: the request's own, if it has one. */
  turnTo(whereabouts: Whereabouts, real: number, now: number | undefined): void {
    this.space = this.memory.space(whereabouts.space)
    this.actor = whereabouts.actor
    this.chat = whereabouts.chat
    this.real = real
    // The request's clock may stand still or jump.
    this.grace = now === undefined ? 0 : DAY
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
    // A profile goes to handlers, which may change it.
    return typeof registration?.profile === 'object' ? copyJson(registration) : registration
  }

  mark(scope: Scope, key: string | undefined, id: number): number {
    const row = this.rowAt(scope, key, MARKS)
    this.subjects.touch()
    if (row < 0) return -Infinity
    const { page } = this.subjects
    return readMark(page.numbers, row, roomOf(page, row), id)
  }

  setMark(scope: Scope, key: string | undefined, id: number, until: number, now: number): void {
    const row = this.rowAt(scope, key, MARKS)
    const { page } = this.subjects
    const dead = now - this.grace
    if (row < 0) this.put(MARKS, rowOfMarks([[id, until]]))
    else if (!writeMark(page.numbers, row, roomOf(page, row), id, until, dead)) {
      const marks = liveMarks(page.numbers, row, roomOf(page, row), dead)
      this.put(MARKS, rowOfMarks([...marks, [id, until]]))
    }
    this.keepFor(until - now)
  }

  wait(check: LimitCheck, now: number): number {
    const bucket = this.buckets.of(check)
    const row = this.rowAt(check.scope, check.key, bucket.number)
    this.subjects.touch()
    if (bucket.kernel === undefined) return meterOf(check.limiter).wait(this.ownState(row), check, now)
    if (row < 0) return waitFor(bucket.kernel, bucket.fresh, 0, check, now)
    return waitFor(bucket.kernel, this.subjects.page.numbers, row, check, now)
  }

  charge(check: LimitCheck, now: number): void {
    if (!isChargeable(check)) return
    const bucket = this.buckets.of(check)
    const { kernel } = bucket
    if (kernel === undefined) return this.chargeOwn(bucket, check, now)
    const { rule, cost } = check
    let row = this.rowAt(check.scope, check.key, bucket.number)
    const room =
      row < 0
        ? kernel.size(bucket.fresh, 0, rule, now, cost)
        : kernel.size(this.subjects.page.numbers, row, rule, now, cost)
    if (row < 0 || room > roomOf(this.subjects.page, row)) row = this.grow(bucket, kernel, row, room)
    const { numbers } = this.subjects.page
    kernel.charge(numbers, row, rule, now, cost)
    this.keepFor(kernel.resetAfter(numbers, row, rule, now))
  }

  state(check: LimitCheck, now: number): LimitState {
    const bucket = this.buckets.of(check)
    const row = this.rowAt(check.scope, check.key, bucket.number)
    if (bucket.kernel === undefined) {
      return this.charged?.get(check) ?? meterOf(check.limiter).left(this.ownState(row), check, now)
    }
    if (row < 0) return stateOf(bucket.kernel, bucket.fresh, 0, check, now)
    return stateOf(bucket.kernel, this.subjects.page.numbers, row, check, now)
  }

  /** Forgets what a bucket has counted. */
  forget(check: LimitCheck): void {
    const { number } = this.buckets.of(check)
    if (this.rowAt(check.scope, check.key, number) >= 0) this.subjects.cut(number)
    this.scope = undefined
  }

  private chargeOwn(bucket: Bucket, check: LimitCheck, now: number): void {
    let row = this.rowAt(check.scope, check.key, bucket.number)
    const kept = meterOf(check.limiter).charge(this.ownState(row), check, now)
    if (kept === undefined) return
    if (row < 0) row = this.put(bucket.number, Float64Array.of(this.memory.newState()))
    this.memory.states.set(this.subjects.page.numbers[row], kept.state)
    this.keepFor(kept.keepFor)
    if (kept.outcome === undefined) return
    const { remaining, resetAfter } = kept.outcome
    this.charged ??= new Map()
    this.charged.set(check, { name: check.bucket, limit: check.rule.limit, remaining, resetAfter })
  }

  private ownState(row: number): unknown {
    return row < 0 ? undefined : this.memory.states.get(this.subjects.page.numbers[row])
  }

  /** Moves a bucket's row to where it has room for `room` numbers. */
  private grow(bucket: Bucket, kernel: Kernel, row: number, room: number): number {
    if (room > this.scratch.length) this.scratch = new Float64Array(room)
    if (row < 0) kernel.move(bucket.fresh, 0, this.scratch, 0, room)
    else kernel.move(this.subjects.page.numbers, row, this.scratch, 0, room)
    return this.put(bucket.number, this.scratch, room)
  }

  /** Puts a row into the record of the place that `subjects` is at, made for it if need be. Returns where it starts. */
  private put(bucket: number, row: Float64Array, room = row.length): number {
    const { subjects } = this
    if (subjects.at >= 0) subjects.replace(bucket, row, room)
    else {
      if (this.scope === 'own') this.id = this.space.keys.add(this.ownKey())
      subjects.create(this.table, this.id, this.second, bucket, row, room)
    }
    return rowOf(subjects.page, subjects.at, bucket)
  }

  private keepFor(ms: number): void {
    const { page, at } = this.subjects
    keepUntil(page, at, this.memory.secondAfter(this.real + Math.max(0, ms) + this.grace))
  }

  /** Goes to a place. Where a bucket's row starts in its record, or -1. */
  private rowAt(scope: Scope, key: string | undefined, bucket: number): number {
    if (scope !== this.scope || key !== this.key) this.goTo(scope, key)
    const { page, at } = this.subjects
    return at < 0 ? -1 : rowOf(page, at, bucket)
  }

  private goTo(scope: Scope, key: string | undefined): void {
    this.scope = scope
    this.key = key
    this.second = 0
    switch (scope) {
      case 'actor':
        this.table = this.space.actors
        this.id = known(this.actor, 'actor', scope)
        break
      case 'chat':
        this.table = this.space.chats
        this.id = known(this.chat, 'chat', scope)
        break
      case 'member':
        this.table = this.space.members
        this.id = known(this.actor, 'actor', scope)
        this.second = known(this.chat, 'chat', scope)
        break
      case 'global':
        this.table = this.space.own
        this.id = 0
        break
      case 'own':
        this.table = this.space.own
        this.id = this.space.keys.find(this.ownKey())
        break
    }
    this.subjects.find(this.table, this.id, this.second)
  }

  private ownKey(): string {
    return known(this.key, 'key', 'own')
  }
}

function known<T>(id: T | undefined, what: string, scope: Scope): T {
  if (id === undefined) throw new SentinelUsageError(`a check of scope '${scope}' needs the update's ${what}`)
  return id
}

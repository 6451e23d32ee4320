/** What `judge` reads and writes in a memory store: rows of numbers in the subjects' records. */
import { SentinelUsageError } from '../../errors'
import { gcra } from '../../limiters/gcra'
import type { Kernel } from '../../limiters/limiter'
import type { Block, DecisionRequest, LimitCheck, LimitState, Registration, Scope } from '../decision'
import { copyJson } from '../json'
import { meterOf } from '../json-meter'
import type { Ledger } from '../judge'
import { isChargeable, stateOf, waitFor } from '../meter'
import type { Whereabouts } from '../record-keys'
import { MARKS, readMark, rowOfMarks, rowWithMark, writeMark } from './marks'
import type { Memory } from './memory'
import { keepUntil, roomOf, rowOf } from './records'
import type { Bucket, Buckets, Space } from './spaces'
import type { Subjects } from './subjects'
import type { Table } from './table'

const DAY = 86_400_000

/** Whose state, and (of a decision) which checks. */
type Asked = Whereabouts & Partial<Pick<DecisionRequest, 'limits' | 'debounces'>>

const NO_CHECKS: readonly never[] = []
const NOTHING_ASKED: Asked = { space: '', actor: undefined, chat: undefined }

export class MemoryLedger implements Ledger {
  private readonly subjects: Subjects
  private readonly buckets: Buckets
  private space: Space
  private asked: Asked = NOTHING_ASKED
  /** NaN: there is none. As plain doubles, storing them costs no allocation and no write barrier. */
  private actor = NaN
  private chat = NaN
  /** Real time (ms), and how long anything is kept beyond its use. */
  private real = 0
  private grace = 0
  /** The place that `subjects` is at, and its address. */
  private scope: Scope | undefined = undefined
  private key: string | undefined = undefined
  private table: Table
  private id = 0
  private second = 0
  /** The check whose row was looked up last: its bucket, and where the row is; new, if in no record yet. */
  private check: LimitCheck | undefined = undefined
  private bucket: Bucket = {
    number: 0,
    id: 0,
    name: '',
    limiter: gcra,
    kernel: undefined,
    fresh: new Float64Array(1),
  }
  private numbers = this.bucket.fresh
  private row = 0
  private isNew = true
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
  turnTo(asked: Asked, real: number, now: number | undefined): void {
    this.asked = asked
    this.memory.turnTo(real)
    this.space = this.memory.space(asked.space)
    this.actor = asked.actor ?? NaN
    this.chat = asked.chat ?? NaN
    this.real = real
    // The request's clock may stand still or jump.
    this.grace = now === undefined ? 0 : DAY
    this.scope = undefined
    this.check = undefined
    this.charged = undefined
  }

  block(actor: number): Block | undefined {
    return this.space.blocks.find(actor, this.real)?.value as Block | undefined
  }

  setBlock(block: Block, now: number): void {
    const { until = Infinity } = block
    const expiresAt = this.real + Math.max(0, until - now) + DAY
    // The decision tells of this very object, and whoever listens may change it.
    this.memory.entries.write(this.space.blocks, block.userId, { ...block }, expiresAt, this.real)
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
    if (row < 0) this.put(MARKS, rowOfMarks([[id, until]]))
    else if (!writeMark(page.numbers, row, roomOf(page, row), id, until, now - this.grace)) {
      this.put(MARKS, rowWithMark(page.numbers, row, roomOf(page, row), id, until, now - this.grace))
    }
    this.keepFor(until - now)
  }

  wait(check: LimitCheck, now: number): number {
    this.goToRow(check)
    this.subjects.touch()
    const { kernel } = this.bucket
    if (kernel === undefined) return meterOf(check.limiter).wait(this.ownState(), check, now)
    return waitFor(kernel, this.numbers, this.row, check, now)
  }

  charge(check: LimitCheck, now: number): void {
    if (!isChargeable(check)) return
    this.goToRow(check)
    const { kernel } = this.bucket
    if (kernel === undefined) return this.chargeOwn(check, now)
    const { rule, cost } = check
    const room = kernel.size(this.numbers, this.row, rule, now, cost)
    if (this.isNew || room > roomOf(this.subjects.page, this.row)) this.grow(check, kernel, room)
    kernel.charge(this.numbers, this.row, rule, now, cost)
    this.keepFor(kernel.resetAfter(this.numbers, this.row, rule, now))
  }

  state(check: LimitCheck, now: number): LimitState {
    this.goToRow(check)
    const { kernel } = this.bucket
    if (kernel !== undefined) return stateOf(kernel, this.numbers, this.row, check, now)
    return this.charged?.get(check) ?? meterOf(check.limiter).left(this.ownState(), check, now)
  }

  /** Forgets what a bucket has counted. */
  forget(check: LimitCheck): void {
    this.goToRow(check)
    if (!this.isNew) this.subjects.cut(this.bucket.number)
    this.scope = undefined
    this.check = undefined
  }

  private chargeOwn(check: LimitCheck, now: number): void {
    const kept = meterOf(check.limiter).charge(this.ownState(), check, now)
    if (kept === undefined) return
    if (this.isNew) {
      this.put(this.bucket.number, Float64Array.of(this.memory.newState()))
      this.goToRow(check)
    }
    this.memory.states.set(this.numbers[this.row], kept.state)
    this.keepFor(kept.keepFor)
    if (kept.outcome === undefined) return
    const { remaining, resetAfter } = kept.outcome
    this.charged ??= new Map()
    this.charged.set(check, { name: check.bucket, limit: check.rule.limit, remaining, resetAfter })
  }

  private ownState(): unknown {
    return this.isNew ? undefined : this.memory.states.get(this.numbers[this.row])
  }

  /** Moves a check's row to where it has room for `room` numbers, and goes there. */
  private grow(check: LimitCheck, kernel: Kernel, room: number): void {
    if (room > this.scratch.length) this.scratch = new Float64Array(room)
    kernel.move(this.numbers, this.row, this.scratch, 0, room)
    this.put(this.bucket.number, this.scratch, room)
    this.goToRow(check)
  }

  /** Puts a row into the record of the place that `subjects` is at, made for it if need be. */
  private put(bucket: number, row: Float64Array, room = row.length): void {
    const { subjects } = this
    this.check = undefined
    if (subjects.at >= 0) return subjects.replace(bucket, row, room)
    if (this.scope === 'own') this.id = this.space.keys.add(this.ownKey())
    subjects.create(this.table, this.id, this.second, bucket, row, room, this.expected())
  }

  /** How many numbers the sections of a new record will take once all that was asked is in it: it moves less often. */
  private expected(): number {
    const { limits = NO_CHECKS, debounces = NO_CHECKS } = this.asked
    let numbers = 0
    for (const check of limits) {
      if (check.scope !== this.scope || check.key !== this.key) continue
      const { kernel, fresh } = this.buckets.of(check)
      numbers += 1 + (kernel === undefined ? 1 : kernel.size(fresh, 0, check.rule, 0, check.cost))
    }
    let marks = 0
    for (const check of debounces) if (check.scope === this.scope && check.key === this.key) marks++
    return marks === 0 ? numbers : numbers + 1 + 2 * marks
  }

  private keepFor(ms: number): void {
    const { page, at } = this.subjects
    keepUntil(page, at, this.memory.tickAfter(this.real + Math.max(0, ms) + this.grace))
  }

  /** Goes to the row of a check: to its place in a record, or to what it would be there. */
  private goToRow(check: LimitCheck): void {
    if (check === this.check) return
    this.bucket = this.buckets.of(check)
    const row = this.rowAt(check.scope, check.key, this.bucket.number)
    this.check = check
    this.isNew = row < 0
    this.row = row < 0 ? 0 : row
    this.numbers = row < 0 ? this.bucket.fresh : this.subjects.page.numbers
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
    this.check = undefined
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
    if (this.key === undefined) throw missing('key', 'own')
    return this.key
  }
}

function known(id: number, what: string, scope: Scope): number {
  if (Number.isNaN(id)) throw missing(what, scope)
  return id
}

function missing(what: string, scope: Scope): SentinelUsageError {
  return new SentinelUsageError(`a check of scope '${scope}' needs the update's ${what}`)
}

/** The ledger that `judge` uses on a four-primitive store: JSON records, changed in copies, written afterwards. */
import type { Block, DecisionRequest, LimitCheck, LimitState, Place, Registration, Scope } from './decision'
import { meterOf } from './json-meter'
import type { Ledger } from './judge'
import { LedgerRecord, momentOf } from './ledger-record'
import type { Moment } from './ledger-record'
import { placeKey, userKey } from './record-keys'
import type { Entry } from './store'
import type { Change } from './update'

const DAY = 86_400_000

/** One thing that a decision did to a record, so that it can be taken back. */
type Step =
  | { readonly check: LimitCheck; readonly when: number }
  | { readonly mark: number; readonly until: number; readonly before: number }

/** A record that is to be written, and how to take that back. */
export interface Planned {
  readonly key: string
  readonly entry: Entry | undefined
  readonly change: Change
  /** Writes what was there before; right only while nobody else has written. */
  readonly restore: Change
  /** Takes only this decision's doing out of what the record has become since. */
  withdraw(entry: Entry | undefined): Change
}

/** The keys of all records that a decision reads, in order, each once. */
export function keysOf(request: DecisionRequest): string[] {
  const keys = new Set<string>()
  const add = (place: Place): unknown => keys.add(placeKey(request, place))
  const { space, actor, duplicate, notices } = request
  if (actor !== undefined) {
    if (readsBlock(request)) keys.add(userKey(space, 'blocks', actor))
    if (request.registration !== undefined) keys.add(userKey(space, 'registrations', actor))
    if (notices !== undefined) add({ scope: 'actor', key: undefined })
  }
  if (duplicate !== undefined) add({ scope: actor === undefined ? 'global' : 'actor', key: undefined })
  request.debounces.forEach(add)
  request.limits.forEach(add)
  return [...keys].sort()
}

function readsBlock({ block, limits }: DecisionRequest): boolean {
  return block || limits.some(({ blockFor }) => blockFor > 0)
}

export class JsonLedger implements Ledger {
  readonly #moment: Moment
  readonly #entries: ReadonlyMap<string, Entry | undefined>
  readonly #records = new Map<string, LedgerRecord>()
  readonly #places = new Map<string, string>()
  readonly #steps = new Map<string, Step[]>()
  readonly #charged = new Map<LimitCheck, LimitState>()
  #block: Block | undefined

  constructor(
    private readonly request: Pick<DecisionRequest, 'space' | 'actor' | 'chat' | 'now'>,
    entries: ReadonlyMap<string, Entry | undefined>,
    now: number,
  ) {
    this.#entries = entries
    this.#moment = momentOf(request.now, now)
  }

  block(actor: number): Block | undefined {
    return this.#block ?? (this.#value(userKey(this.request.space, 'blocks', actor)) as Block | undefined)
  }

  setBlock(block: Block): void {
    this.#block = block
  }

  registration(actor: number): Registration | undefined {
    return this.#value(userKey(this.request.space, 'registrations', actor)) as Registration | undefined
  }

  mark(scope: Scope, key: string | undefined, id: number): number {
    return this.#record(this.#place(scope, key)).mark(id)
  }

  setMark(scope: Scope, key: string | undefined, id: number, until: number): void {
    const place = this.#place(scope, key)
    const record = this.#record(place)
    this.#note(place, { mark: id, until, before: record.mark(id) })
    record.setMark(id, until)
  }

  wait(check: LimitCheck, now: number): number {
    return meterOf(check.limiter).wait(this.#state(check), check, now)
  }

  charge(check: LimitCheck, now: number): void {
    const kept = meterOf(check.limiter).charge(this.#state(check), check, now)
    if (kept === undefined) return
    const place = this.#place(check.scope, check.key)
    const { real, grace } = this.#moment
    const deadline = real + kept.keepFor + grace
    this.#record(place).setState(check.bucket, check.limiter.name, kept.state, deadline)
    this.#note(place, { check, when: now })
    if (kept.outcome === undefined) return
    const { remaining, resetAfter } = kept.outcome
    this.#charged.set(check, { name: check.bucket, limit: check.rule.limit, remaining, resetAfter })
  }

  state(check: LimitCheck, now: number): LimitState {
    return this.#charged.get(check) ?? meterOf(check.limiter).left(this.#state(check), check, now)
  }

  /** Every record that changed, in key order. */
  plan(): Planned[] {
    const plans = [...this.#records]
      .filter(([, record]) => record.changed)
      .map((pair) => this.#planOf(...pair))
    if (this.#block !== undefined) plans.push(this.#planOfBlock(this.#block))
    return plans.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  #planOf(key: string, record: LedgerRecord): Planned {
    const moment = this.#moment
    const steps = this.#steps.get(key) ?? []
    return {
      key,
      entry: record.entry,
      change: record.change(moment),
      restore: new LedgerRecord(record.entry).encode(moment),
      withdraw: (entry) => withdraw(steps, entry, moment),
    }
  }

  #planOfBlock(block: Block): Planned {
    const key = userKey(this.request.space, 'blocks', block.userId)
    const entry = this.#entries.get(key)
    const before = entry?.value as Block | undefined
    return {
      key,
      entry,
      change: blockChange(block, this.#moment),
      restore: before === undefined ? 'delete' : blockChange(before, this.#moment),
      // Somebody else has blocked or unblocked the user since: that stands.
      withdraw: () => 'keep',
    }
  }

  #state(check: LimitCheck): unknown {
    return this.#record(this.#place(check.scope, check.key)).state(check.bucket, check.limiter.name)
  }

  #value(key: string): unknown {
    return this.#entries.get(key)?.value
  }

  #place(scope: Scope, key: string | undefined): string {
    const name = key === undefined ? scope : `${scope}:${key}`
    let place = this.#places.get(name)
    if (place === undefined) this.#places.set(name, (place = placeKey(this.request, { scope, key })))
    return place
  }

  #record(place: string): LedgerRecord {
    let record = this.#records.get(place)
    if (record === undefined) this.#records.set(place, (record = new LedgerRecord(this.#entries.get(place))))
    return record
  }

  #note(place: string, step: Step): void {
    const steps = this.#steps.get(place)
    if (steps === undefined) this.#steps.set(place, [step])
    else steps.push(step)
  }
}

/** A block's record, kept for a day beyond its end. */
export function blockChange(block: Block, { now }: { readonly now: number }): Change {
  return { value: block, ttl: block.until === undefined ? undefined : Math.max(block.until - now, 0) + DAY }
}

function withdraw(steps: readonly Step[], entry: Entry | undefined, moment: Moment): Change {
  const record = new LedgerRecord(entry)
  for (const step of [...steps].reverse()) {
    if ('mark' in step) {
      if (record.mark(step.mark) === step.until) record.setMark(step.mark, step.before)
    } else refund(record, step.check, step.when, moment)
  }
  return record.change(moment)
}

function refund(record: LedgerRecord, check: LimitCheck, when: number, { real, grace }: Moment): void {
  const { bucket, limiter } = check
  const kept = meterOf(limiter).refund(record.state(bucket, limiter.name), check, when)
  if (kept === undefined) return
  if (kept.keepFor <= 0) record.put(bucket, undefined)
  else record.setState(bucket, limiter.name, kept.state, real + kept.keepFor + grace)
}

/** What a transaction is going to write: the decisions of a batch are judged one after another on the same draft. */
import type { Block, LimitCheck } from './decision'
import { meterOf } from './json-meter'
import { blockChange, LedgerRecord, widest } from './ledger-record'
import type { Moment } from './ledger-record'
import type { Entry } from './store'
import type { Change } from './update'

/** What was read, by key. */
export type Entries = ReadonlyMap<string, Entry | undefined>

/** One thing that a decision did to a record, so that it can be taken back. */
export type Step =
  | { readonly check: LimitCheck; readonly when: number }
  | { readonly mark: number; readonly until: number; readonly before: number }

/** A record that is to be written, and how to take that back. */
export interface Planned {
  readonly key: string
  readonly entry: Entry | undefined
  readonly change: Change
  /** Writes what was there before; right only while nobody else has written. */
  readonly restore: Change
  /** Takes only this transaction's doing out of what the record has become since. */
  withdraw(entry: Entry | undefined): Change
}

/** Waves are written one after another, the records of one wave at the same time. */
export type Plan = readonly (readonly Planned[])[]

interface Drafted<T> {
  readonly value: T
  readonly moment: Moment
  /** Decisions that changed it. */
  readonly by: number
}

export class Draft {
  readonly #records = new Map<string, Drafted<LedgerRecord>>()
  readonly #blocks = new Map<string, Drafted<Block>>()
  readonly #steps = new Map<string, Step[]>()
  #decisions = 0

  constructor(readonly entries: Entries) {}

  /** A record as the decisions so far leave it, to be changed at will: nothing counts until it is put back. */
  record(key: string): LedgerRecord {
    return new LedgerRecord(this.entries.get(key), this.#records.get(key)?.value)
  }

  block(key: string): Block | undefined {
    return this.#blocks.get(key)?.value
  }

  /** Takes over all that one decision changed. */
  put(
    records: readonly (readonly [key: string, record: LedgerRecord, steps: readonly Step[]])[],
    block: readonly [key: string, block: Block] | undefined,
    moment: Moment,
  ): void {
    if (records.length > 0 || block !== undefined) this.#decisions++
    for (const [key, record, steps] of records) {
      this.#records.set(key, drafted(this.#records.get(key), record, moment))
      this.#steps.set(key, [...(this.#steps.get(key) ?? []), ...steps])
    }
    if (block === undefined) return
    const [key, value] = block
    this.#blocks.set(key, drafted(this.#blocks.get(key), value, moment))
  }

  /**
   * Every record that changed. What most of the decisions share goes first, one by one in key order: that is where
   * another process is met, and there is little to take back then. The rest goes all at once.
   */
  plan(): Plan {
    const shared: Planned[] = []
    const rest: Planned[] = []
    const add = (by: number, planned: Planned): unknown =>
      (2 * by > this.#decisions ? shared : rest).push(planned)
    for (const [key, { value, moment, by }] of this.#records) add(by, this.#planOf(key, value, moment))
    for (const [key, { value, moment, by }] of this.#blocks) add(by, this.#planOfBlock(key, value, moment))
    const waves = shared.sort((a, b) => (a.key < b.key ? -1 : 1)).map((planned) => [planned])
    return rest.length === 0 ? waves : [...waves, rest]
  }

  #planOf(key: string, record: LedgerRecord, moment: Moment): Planned {
    const steps = this.#steps.get(key) ?? []
    return {
      key,
      entry: record.entry,
      change: record.change(moment),
      restore: new LedgerRecord(record.entry).encode(moment),
      withdraw: (entry) => withdraw(steps, entry, moment),
    }
  }

  #planOfBlock(key: string, block: Block, moment: Moment): Planned {
    const entry = this.entries.get(key)
    const before = entry?.value as Block | undefined
    return {
      key,
      entry,
      change: blockChange(block, moment),
      restore: before === undefined ? 'delete' : blockChange(before, moment),
      // Somebody else has blocked or unblocked the user since: that stands.
      withdraw: () => 'keep',
    }
  }
}

function drafted<T>(former: Drafted<T> | undefined, value: T, moment: Moment): Drafted<T> {
  if (former === undefined) return { value, moment, by: 1 }
  return { value, moment: widest(former.moment, moment), by: former.by + 1 }
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

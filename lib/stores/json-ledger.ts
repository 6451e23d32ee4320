/** The ledger that `judge` uses on a four-primitive store: JSON records, changed in copies, put on a draft afterwards. */
import type { Block, DecisionRequest, LimitCheck, LimitState, Place, Registration, Scope } from './decision'
import { Draft } from './draft'
import type { Entries, Step } from './draft'
import { meterOf } from './json-meter'
import type { Ledger } from './judge'
import { momentOf } from './ledger-record'
import type { LedgerRecord, Moment } from './ledger-record'
import { placeKey, userKey } from './record-keys'

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
  readonly #draft: Draft
  readonly #records = new Map<string, LedgerRecord>()
  readonly #places = new Map<string, string>()
  readonly #steps = new Map<string, Step[]>()
  readonly #charged = new Map<LimitCheck, LimitState>()
  #block: Block | undefined

  constructor(
    private readonly request: Pick<DecisionRequest, 'space' | 'actor' | 'chat' | 'now'>,
    entries: Entries,
    now: number,
    /** What earlier decisions of the same transaction have changed. */
    draft = new Draft(entries),
  ) {
    this.#draft = draft
    this.#moment = momentOf(request.now, now)
  }

  block(actor: number): Block | undefined {
    const key = this.#blockKey(actor)
    return this.#block ?? this.#draft.block(key) ?? (this.#value(key) as Block | undefined)
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

  /** Puts all that changed on the draft, for the decisions after this one to see and for the store to keep. */
  keep(): Draft {
    const changed = [...this.#steps].map(([place, steps]) => [place, this.#record(place), steps] as const)
    const block = this.#block
    this.#draft.put(changed, block && [this.#blockKey(block.userId), block], this.#moment)
    return this.#draft
  }

  #state(check: LimitCheck): unknown {
    return this.#record(this.#place(check.scope, check.key)).state(check.bucket, check.limiter.name)
  }

  #value(key: string): unknown {
    return this.#draft.entries.get(key)?.value
  }

  #blockKey(actor: number): string {
    return userKey(this.request.space, 'blocks', actor)
  }

  #place(scope: Scope, key: string | undefined): string {
    const name = key === undefined ? scope : `${scope}:${key}`
    let place = this.#places.get(name)
    if (place === undefined) this.#places.set(name, (place = placeKey(this.request, { scope, key })))
    return place
  }

  #record(place: string): LedgerRecord {
    let record = this.#records.get(place)
    if (record === undefined) this.#records.set(place, (record = this.#draft.record(place)))
    return record
  }

  #note(place: string, step: Step): void {
    const steps = this.#steps.get(place)
    if (steps === undefined) this.#steps.set(place, [step])
    else steps.push(step)
  }
}

/** What is known of blocks and registrations. */
import type { Block, Decision, DecisionRequest } from '../decision'
import { CLOSING } from '../own-limits'
import type { RecordPlace, UserRecordOf } from '../user-record'
import type { Changes } from './changes'
import type { Copies } from './copies'
import { ACTOR, type CachedNamespace, type Facts, type RecordFact } from './facts'
import type { Memory } from './memory'
import type { Times } from './times'

/** What the front has of a record: `{ known: false }`, it has to be asked for. */
export type Found<T> = { readonly known: false } | { readonly known: true; readonly record: T | undefined }

export class Records {
  constructor(
    private readonly memory: Memory,
    private readonly copies: Copies,
    private readonly times: Times,
    private readonly changes: Changes,
  ) {}

  /** What a decision says of its actor's records. */
  decided(facts: Facts, request: DecisionRequest, decision: Decision, sent: number): void {
    const { reason, blockAdded, registration } = decision
    const { space } = request
    if (blockAdded !== undefined) {
      void this.#know({ space, namespace: 'blocks' }, facts, { ...blockAdded }, sent)
    } else if (request.block && reason !== 'duplicate' && reason !== 'blocked') {
      facts.block = { until: -Infinity, from: decision.now, learnt: sent }
    } else if (
      !request.block &&
      !CLOSING.includes(reason) &&
      request.limits.some(({ blockFor }) => blockFor > 0)
    ) {
      facts.block = undefined
    }
    if (request.registration === undefined) return
    // A copy that is fresh enough is not made anew with each decision.
    const known = facts.records.registrations
    const isFresh = known !== undefined && this.times.mayAllow(known.learnt, this.times.local())
    if (registration !== undefined && known?.exists === true && isFresh) return
    void this.#know({ space, namespace: 'registrations' }, facts, registration, sent)
  }

  /** A user's record, or that there is none, as the back has said. Resolves once the copy can be read. */
  async learn<N extends CachedNamespace>(
    place: RecordPlace<N>,
    userId: number,
    record: UserRecordOf[N] | undefined,
    sent: number,
  ): Promise<void> {
    const facts = this.memory.spaceForRecords(place.space).make(ACTOR, { actor: userId, chat: undefined })
    if (facts === undefined) return
    const copied = this.#know(place, facts, record, sent)
    this.memory.noted(facts, sent)
    this.memory.collect()
    await copied
  }

  async find<N extends CachedNamespace>(
    place: RecordPlace<N>,
    userId: number,
  ): Promise<Found<UserRecordOf[N]>> {
    const fact = this.memory.named(place.space)?.actors.get(userId)?.records[place.namespace]
    if (fact === undefined || !this.times.mayAllow(fact.learnt, this.times.local())) return { known: false }
    if (!fact.exists) return { known: true, record: undefined }
    const count = this.changes.count
    const record = fact.ready ? await this.copies.find(place, userId) : undefined
    const isKnown = record !== undefined && !this.changes.since(count, userId)
    return isKnown ? { known: true, record } : { known: false }
  }

  /** Users' records have changed, or may have. */
  forget(space: string, userIds: readonly number[]): void {
    const actors = this.memory.named(space)?.actors
    for (const userId of userIds) {
      this.changes.user(userId)
      const facts = actors?.get(userId)
      if (facts === undefined) continue
      facts.block = undefined
      this.memory.setRecord(facts, 'blocks', undefined)
      this.memory.setRecord(facts, 'registrations', undefined)
    }
  }

  #know<N extends CachedNamespace>(
    place: RecordPlace<N>,
    facts: Facts,
    record: UserRecordOf[N] | undefined,
    learnt: number,
  ): Promise<void> | undefined {
    const fact: RecordFact = { exists: record !== undefined, ready: false, learnt }
    this.memory.setRecord(facts, place.namespace, fact)
    if (place.namespace === 'blocks')
      facts.block = { until: endOf(record as Block | undefined), from: -Infinity, learnt }
    return record === undefined ? undefined : this.copies.keep(place, record, fact)
  }
}

/** When (ms) a block ends. */
function endOf(block: Block | undefined): number {
  return block === undefined ? -Infinity : (block.until ?? Infinity)
}

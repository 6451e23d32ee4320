/** What is known of blocks and registrations. */
import type { Block, Decision, DecisionRequest, Registration } from '../decision'
import { CLOSING } from '../own-limits'
import type { RecordPlace, UserRecordOf } from '../user-record'
import type { Changes } from './changes'
import type { Copies } from './copies'
import { ACTOR, isThere, type CachedNamespace, type Facts, type Missing, type RecordFact } from './facts'
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
    const { reason, blockAdded } = decision
    const { space } = request
    if (blockAdded !== undefined) {
      void this.#has({ space, namespace: 'blocks' }, facts, { ...blockAdded }, sent)
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
    if (decision.registration !== undefined) this.#registered(space, facts, decision.registration, sent)
    else this.#unregistered(facts, request, decision, sent)
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
    const copied =
      record === undefined
        ? this.#lacks(place.namespace, facts, 'found', sent)
        : this.#has(place, facts, record, sent)
    this.memory.noted(facts, sent)
    this.memory.collect()
    await copied
  }

  async find<N extends CachedNamespace>(
    place: RecordPlace<N>,
    userId: number,
  ): Promise<Found<UserRecordOf[N]>> {
    const facts = this.memory.named(place.space)?.actors.get(userId)
    const fact = facts?.records[place.namespace]
    if (facts === undefined || fact === undefined) return { known: false }
    if (!this.times.mayAllow(fact.learnt, this.times.local())) return { known: false }
    this.memory.used(facts)
    if (!isThere(fact)) return { known: true, record: undefined }
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

  #registered(space: string, facts: Facts, registration: Registration, sent: number): void {
    const known = facts.records.registrations
    const isFresh = known !== undefined && this.times.mayAllow(known.learnt, this.times.local())
    // A copy that is fresh enough is not made anew with each decision.
    if (isFresh && isThere(known)) return
    void this.#has({ space, namespace: 'registrations' }, facts, registration, sent)
  }

  /**
   * A request that requires a registration, has none, and was decided for another reason says nothing: it may have been
   * asked of copies that are not whole, as if the user were vouched for.
   */
  #unregistered(facts: Facts, request: DecisionRequest, { reason }: Decision, sent: number): void {
    if (request.registration !== 'required') this.#lacks('registrations', facts, 'asked', sent)
    else if (reason === 'unregistered') this.#lacks('registrations', facts, 'refused', sent)
    else this.memory.setRecord(facts, 'registrations', undefined)
  }

  #has<N extends CachedNamespace>(
    place: RecordPlace<N>,
    facts: Facts,
    record: UserRecordOf[N],
    learnt: number,
  ): Promise<void> {
    const fact: RecordFact = { missing: undefined, ready: false, learnt }
    this.memory.setRecord(facts, place.namespace, fact)
    if (place.namespace === 'blocks') {
      const { until = Infinity } = record as Block
      facts.block = { until, from: -Infinity, learnt }
    }
    return this.copies.keep(place, record, fact)
  }

  #lacks(namespace: CachedNamespace, facts: Facts, missing: Missing, learnt: number): void {
    this.memory.setRecord(facts, namespace, { missing, ready: false, learnt })
    if (namespace === 'blocks') facts.block = { until: -Infinity, from: -Infinity, learnt }
  }
}

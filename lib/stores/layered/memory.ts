/** All that is remembered, within bounds. */
import type { DecisionRequest, Place } from '../decision'
import type { Copies } from './copies'
import { Order } from './order'
import { isThere, Space, type CachedNamespace, type Facts, type RecordFact, type Where } from './facts'
import type { Times } from './times'

/** Worthless facts that are collected with each note: more than one, so that they do not pile up. */
const COLLECTED = 4

export class Memory {
  readonly #spaces = new Map<string, Space>()
  /** The one asked for last: mostly there is one. */
  #last: Space | undefined
  /** The longest untouched first. */
  readonly #order = new Order<Facts>()
  #size = 0

  constructor(
    private readonly times: Times,
    private readonly copies: Copies,
    private readonly maxKeys: number,
  ) {}

  /** Facts, limits and marks that are remembered. */
  get size(): number {
    return this.#size
  }

  /** What is known where a request is about, by the clock that it goes by. */
  space({ space: name, now }: Pick<DecisionRequest, 'space' | 'now'>): Space | undefined {
    const space = this.named(name)
    return space?.injected === (now === undefined) ? undefined : space
  }

  /** The same, made where there is none. */
  openSpace({ space: name, now }: Pick<DecisionRequest, 'space' | 'now'>): Space {
    const injected = now !== undefined
    const known = this.spaceForRecords(name)
    if (known.injected === !injected) {
      this.forgetSpace(known)
      return this.openSpace({ space: name, now })
    }
    known.injected = injected
    return known
  }

  /** Of a name, whichever its clock. */
  named(name: string): Space | undefined {
    if (this.#last?.name === name) return this.#last
    const space = this.#spaces.get(name)
    if (space !== undefined) this.#last = space
    return space
  }

  /** A space, whichever its clock; made where there is none. */
  spaceForRecords(name: string): Space {
    const known = this.named(name)
    if (known !== undefined) return known
    const space = new Space(name)
    this.#spaces.set(name, space)
    this.#last = space
    return space
  }

  /** Facts were changed: they are the last to go. When all are told, `collect` keeps the bound. */
  noted(facts: Facts, learnt: number): void {
    if (facts.gone) return
    facts.noted = Math.max(facts.noted, learnt)
    this.#order.touch(facts)
    this.#size += facts.size - facts.counted
    facts.counted = facts.size
  }

  /** Facts were of use: what refuses a flooder must not make room for those who come but once. */
  used(facts: Facts): void {
    if (facts.listed) this.#order.touch(facts)
  }

  /** No timer: whoever notes something clears away a little of what is over. */
  collect(): void {
    let left = COLLECTED
    const worthless = this.times.local() - this.times.longest
    for (let facts = this.#order.oldest; facts !== undefined; facts = this.#order.oldest) {
      const over = this.#size > this.maxKeys
      if (!over && (facts.noted > worthless || left-- === 0)) return
      this.forget(facts)
    }
  }

  setRecord(facts: Facts, namespace: CachedNamespace, record: RecordFact | undefined): void {
    const former = facts.records[namespace]
    facts.records[namespace] = record
    if (isThere(former) && !isThere(record)) {
      this.copies.drop({ space: facts.space.name, namespace }, facts.id as number)
    }
  }

  forget(facts: Facts): void {
    if (!this.#order.delete(facts)) return
    this.setRecord(facts, 'blocks', undefined)
    this.setRecord(facts, 'registrations', undefined)
    facts.space.drop(facts)
    facts.gone = true
    this.#size -= facts.counted
    facts.counted = 0
  }

  /** Forgets the limits of one place, or of a whole space. */
  forgetLimits(space: Space, of?: Place & Where): void {
    const there = of === undefined ? this.#order : [space.at(of, of)]
    for (const facts of there) {
      if (facts === undefined || facts.space !== space || facts.gone) continue
      facts.limits = []
      this.#size += facts.size - facts.counted
      facts.counted = facts.size
    }
  }

  forgetSpace(space: Space): void {
    for (const facts of this.#order) if (facts.space === space) this.forget(facts)
    this.#spaces.delete(space.name)
    if (this.#last === space) this.#last = undefined
  }

  forgetAll(): void {
    for (const facts of this.#order) this.forget(facts)
    this.#spaces.clear()
    this.#last = undefined
  }
}

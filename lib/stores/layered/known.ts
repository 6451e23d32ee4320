/**
 * What is known to refuse: judged by `judge` itself, over what the front remembers instead of a store. Whatever it would
 * write, and whatever it asks that is not known, makes the answer uncertain: then the back is asked.
 */
import { isBuiltin } from '../../limiters/limiter'
import type {
  Block,
  DebounceCheck,
  Decision,
  DecisionRequest,
  LimitCheck,
  LimitState,
  Registration,
  RegistrationMode,
  Scope,
} from '../decision'
import { judge, type Ledger } from '../judge'
import { knownWait, settledWait } from '../meter'
import type { Copies } from './copies'
import type { Facts, Group, LimitFact, RecordFact, Space, Wait } from './facts'
import type { Memory } from './memory'
import type { Times } from './times'

/** Stands for the state of a limit that is not known. */
const UNKNOWN: LimitState = { name: '', limit: 0, remaining: 0, resetAfter: 0 }

export class Known implements Ledger {
  #space: Space | undefined
  #facts: Facts | undefined
  #chat: number | undefined
  #actor: number | undefined
  #mode: RegistrationMode | undefined
  #local = 0
  #now = 0
  /** Counts requests, for groups. */
  #run = 0
  /** A duplicate, a block or a missing registration refuses: what follows adds to the wait only. */
  #closed = false
  #certain = true
  /** A limit refuses. */
  #failed = false
  /** A limit before it may refuse too: which one names the verdict is not known. */
  #doubt = false
  /** ms: a check of which nothing is known but this may wait so long. */
  #beyond = 0
  /** Local time of the oldest knowledge that lets pass. */
  #oldest = Infinity

  constructor(
    private readonly memory: Memory,
    private readonly copies: Copies,
    private readonly times: Times,
  ) {}

  /** The decision that the back would make as well; `undefined`: ask it. */
  answer(request: DecisionRequest): Decision | undefined {
    const { actor } = request
    if (request.album !== undefined) return undefined
    const space = this.memory.space(request)
    if (space === undefined) return undefined
    const facts = actor === undefined ? undefined : space.actors.get(actor)
    const asksOfActor = actor !== undefined && (request.block || request.registration !== undefined)
    if (facts === undefined && asksOfActor) return undefined
    const local = this.times.local()
    const now = request.now ?? this.times.atStore(local)
    if (Number.isNaN(now)) return undefined
    this.#turnTo(request, space, facts, local, now)
    const decision = this.#maySay(request) ? this.#sure(judge(request, this, now)) : undefined
    if (decision !== undefined) this.#use(request)
    return decision
  }

  block(actor: number): Block | undefined {
    const known = this.#facts?.block
    if (known === undefined || this.#now < known.from || !this.times.mayRefuse(known.learnt, this.#local)) {
      this.#certain = false
      return undefined
    }
    // Another one may have begun since.
    if (known.until <= this.#now) {
      this.#oldest = Math.min(this.#oldest, known.learnt)
      return undefined
    }
    return { userId: actor, since: 0, until: known.until }
  }

  registration(actor: number): Registration | undefined {
    const known = this.#facts?.records.registrations
    if (known === undefined || !this.times.mayRefuse(known.learnt, this.#local)) {
      this.#certain = false
      return undefined
    }
    this.#oldest = Math.min(this.#oldest, known.learnt)
    if (known.missing !== undefined) {
      if (!this.#isMissing(known)) this.#certain = false
      return undefined
    }
    const copy = known.ready ? this.copies.registration(this.#space?.name ?? '', actor, 0) : undefined
    if (copy === undefined) this.#certain = false
    return copy
  }

  /** A mark that this process has neither set nor met counts as not set. */
  mark(scope: Scope, key: string | undefined, id: number): number {
    const mark = this.#at({ scope, key })?.mark(scope, id, this.#chat)
    if (mark === undefined) return -Infinity
    if (mark.until > this.#now && !this.times.mayRefuse(mark.learnt, this.#local)) this.#certain = false
    return mark.until
  }

  wait(check: LimitCheck, now: number): number {
    const wait = this.#wait(check, now)
    if (wait > 0 && !check.shadow) this.#failed = true
    return wait
  }

  state(check: LimitCheck, now: number): LimitState {
    const { bucket: name, rule, outcome } = check
    const { limit } = rule
    if (outcome !== undefined) {
      return { name, limit, remaining: outcome.remaining, resetAfter: outcome.resetAfter }
    }
    const fact = this.#fact(check)
    if (fact === undefined || !isBuiltin(check.limiter)) return UNKNOWN
    const isFull = now >= fact.resetAt && now >= fact.at
    const remaining = isFull ? check.limiter.kernel.capacity(rule) : fact.remaining
    return { name, limit, remaining, resetAfter: Math.max(0, fact.resetAt - now) }
  }

  // Only the back can.
  setBlock(): void {
    this.#certain = false
  }

  setMark(): void {
    this.#certain = false
  }

  charge(): void {
    this.#certain = false
  }

  #turnTo(
    request: DecisionRequest,
    space: Space,
    facts: Facts | undefined,
    local: number,
    now: number,
  ): void {
    this.#space = space
    this.#facts = facts
    this.#actor = request.actor
    this.#chat = request.chat
    this.#mode = request.registration
    this.#local = local
    this.#now = now
    this.#run++
    this.#certain = true
    this.#failed = false
    this.#doubt = false
    this.#beyond = 0
    this.#oldest = Infinity
  }

  /** Whether anything at all is known that would refuse, or there is nothing that would have to be counted. */
  #maySay(request: DecisionRequest): boolean {
    const { duplicate, debounces, limits, registration } = request
    const unregistered = this.#isMissing(this.#facts?.records.registrations)
    this.#closed =
      (duplicate !== undefined && this.#holds(this.#home(request), duplicate.mark)) ||
      (request.block && (this.#facts?.block?.until ?? -Infinity) > this.#now) ||
      (registration === 'required' && unregistered)
    // Groups are counted before anything is asked.
    const limited = this.#anyLimit(limits)
    return (
      this.#closed ||
      limited ||
      (registration === 'ask' && unregistered) ||
      this.#anyDebounce(debounces) ||
      (duplicate === undefined && debounces.length === 0 && limits.length === 0)
    )
  }

  /** Whether the lack of a registration is known well enough for this request. */
  #isMissing(fact: RecordFact | undefined): boolean {
    return fact?.missing === 'refused' || (fact?.missing === 'asked' && this.#mode !== 'required')
  }

  /** What has answered is not to be forgotten before what has not. */
  #use({ debounces, limits }: DecisionRequest): void {
    for (const check of debounces) this.#touch(this.#at(check))
    for (const check of limits) this.#touch(this.#at(check))
    this.#touch(this.#actor === undefined ? this.#space?.global : this.#facts)
  }

  #touch(facts: Facts | undefined): void {
    if (facts !== undefined) this.memory.used(facts)
  }

  #anyDebounce(debounces: readonly DebounceCheck[]): boolean {
    for (const check of debounces) {
      if (this.#holds(this.#at(check), check.mark, check.scope)) return true
    }
    return false
  }

  #anyLimit(limits: readonly LimitCheck[]): boolean {
    let any = false
    for (const check of limits) {
      const wait = waitOf(this.#fact(check), check.cost)
      if (wait === undefined) continue
      const { group } = wait
      if (group === undefined) any ||= wait.until > this.#now
      else if (countIn(group, this.#run) === group.size) any ||= group.until > this.#now
    }
    return any
  }

  #holds(facts: Facts | undefined, id: number, scope: Scope = 'actor'): boolean {
    return (facts?.mark(scope, id, this.#chat)?.until ?? -Infinity) > this.#now
  }

  #home({ actor }: DecisionRequest): Facts | undefined {
    return actor === undefined ? this.#space?.global : this.#facts
  }

  #at(place: { readonly scope: Scope; readonly key: string | undefined }): Facts | undefined {
    if (place.scope === 'actor' || place.scope === 'member') return this.#facts
    return this.#space?.at(place, { actor: this.#actor, chat: this.#chat })
  }

  /** What is known of a limit under the very rule that the check has. */
  #fact(check: LimitCheck): LimitFact | undefined {
    const fact = this.#at(check)?.limit(check, this.#chat)
    if (fact === undefined || !isSameRule(fact.check, check)) return undefined
    return this.times.mayRefuse(fact.learnt, this.#local) ? fact : undefined
  }

  #wait(check: LimitCheck, now: number): number {
    const { outcome, limiter, rule, cost } = check
    if (outcome !== undefined) {
      this.#certain &&= this.#closed
      return knownWait(outcome)
    }
    const fact = this.#fact(check)
    if (!isBuiltin(limiter) || fact === undefined) return this.#unsure(check, Infinity)
    const settled = settledWait(check)
    if (settled !== undefined) return settled
    if (cost > limiter.kernel.capacity(rule)) return Infinity
    const wait = waitOf(fact, cost)
    if (wait !== undefined && this.times.mayRefuse(wait.learnt, this.#local)) {
      if (!Number.isNaN(wait.until)) return Math.max(0, wait.until - now)
      const { group } = wait
      if (group !== undefined && group.run === this.#run && group.seen === group.size) {
        return Math.max(0, group.until - now)
      }
    }
    if (fact.remaining >= cost && now >= fact.at) return 0
    // Units that were taken ahead may come back, or go, at any time.
    if (check.lease !== undefined) return this.#unsure(check, Infinity, fact)
    const upper = wait?.upper ?? fact.resetAt
    return upper <= now ? 0 : this.#unsure(check, upper - now, fact)
  }

  /** It may refuse, or not; if it does, it waits so long at most. */
  #unsure(check: LimitCheck, most: number, fact?: LimitFact): number {
    this.#beyond = Math.max(this.#beyond, most)
    if (this.#closed) return 0
    // It would count, block, or be told of; and what is not known at all has no state to tell either.
    if (fact === undefined || check.rule.countRefused || check.blockFor > 0 || check.shadow) {
      this.#certain = false
    }
    this.#doubt ||= !this.#failed
    return 0
  }

  /** The decision, if nothing in it depends on what is not known. */
  #sure(decision: Decision): Decision | undefined {
    if (!this.#certain || decision.shadowed.length > 0) return undefined
    if (decision.unasked) return decision
    const { reason, retryAfter = Infinity, limits } = decision
    if (reason === undefined) {
      return this.times.mayAllow(this.#oldest, this.#local) ? decision : undefined
    }
    if (reason === 'limited' && this.#doubt) return undefined
    if (this.#beyond > retryAfter) return undefined
    return limits.includes(UNKNOWN)
      ? { ...decision, limits: limits.filter((state) => state !== UNKNOWN) }
      : decision
  }
}

/** Whether both checks go by the same algorithm and numbers. */
export function isSameRule(a: LimitCheck, b: LimitCheck): boolean {
  if (a.limiter !== b.limiter) return false
  const { limit, window, burst } = a.rule
  return a.rule === b.rule || (limit === b.rule.limit && window === b.rule.window && burst === b.rule.burst)
}

export function waitOf(fact: LimitFact | undefined, cost: number): Wait | undefined {
  if (fact === undefined) return undefined
  for (const wait of fact.waits) if (wait.cost === cost) return wait
  return undefined
}

/** Counts one more member of a group for this request. */
function countIn(group: Group, run: number): number {
  if (group.run !== run) {
    group.run = run
    group.seen = 0
  }
  return ++group.seen
}

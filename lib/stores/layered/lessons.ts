/** What a decision of the back tells, beyond itself. */
import { mix53 } from '../../keys'
import type { Decision, DecisionRequest, LimitCheck, LimitState } from '../decision'
import { NOTICE_CODE, NOTICE_MEMORY } from '../judge'
import { CLOSING } from '../own-limits'
import { clear } from './clues'
import { ACTOR, GLOBAL, type Facts, type Mark } from './facts'
import { isSameRule } from './known'
import type { Memory } from './memory'
import type { Records } from './records'
import { factOf, isJudgedHere, leastWait, seen, suspectsOf, type Lesson } from './suspects'
import type { Times } from './times'

/** ms that a notice is taken to silence further ones where another process has claimed it: it may come late by that. */
const SILENT_ELSEWHERE = 10_000

export class Lessons {
  constructor(
    private readonly memory: Memory,
    private readonly records: Records,
    private readonly times: Times,
  ) {}

  learn(request: DecisionRequest, decision: Decision, sent: number, isCurrent: boolean): void {
    this.times.passed(decision.now)
    if (request.now === undefined) this.times.saw(decision.now, sent)
    if (decision.reason === undefined && !decision.unasked) {
      return this.#allowed(request, decision, sent, isCurrent)
    }
    const lesson = { request, decision, sent, isCurrent, space: this.memory.openSpace(request) }
    if (isCurrent && !decision.unasked) this.#refused(lesson)
    else if (!decision.unasked) this.#unknown(lesson)
    this.#keepRecords(lesson)
    this.#noted(lesson)
  }

  /** Nobody knows what has become of a decision: its limits may have counted, its actor may be blocked. */
  lost(request: DecisionRequest): void {
    const space = this.memory.space(request)
    if (space === undefined) return
    for (const check of request.limits) {
      const facts = space.at(check, request)
      const fact = facts?.limit(check, request.chat)
      if (fact !== undefined) facts?.dropLimit(fact)
    }
    const facts = space.at(ACTOR, request)
    if (facts !== undefined && request.limits.some(({ blockFor }) => blockFor > 0)) facts.block = undefined
  }

  /** Most updates end here, and leave nothing behind: what is unknown of a good user stays unknown. */
  #allowed(request: DecisionRequest, decision: Decision, sent: number, isCurrent: boolean): void {
    const { duplicate, debounces, limits, actor } = request
    const marks = duplicate !== undefined || debounces.length > 0
    const isKept = marks || (limits.length === 0 && actor !== undefined)
    const space = isKept ? this.memory.openSpace(request) : this.memory.space(request)
    if (space === undefined) return
    for (let n = 0; n < limits.length; n++) {
      const facts = marks ? space.make(limits[n], request) : space.at(limits[n], request)
      if (facts !== undefined)
        charged(facts, request, limits[n], decision.limits[n], decision.now, sent, isCurrent, marks)
    }
    if (!isKept && (actor === undefined || !space.actors.has(actor))) return
    const lesson = { request, decision, sent, isCurrent, space }
    if (marks) setMarks(lesson)
    this.#keepRecords(lesson)
    this.#noted(lesson)
  }

  #keepRecords(lesson: Lesson): void {
    const { request, decision, sent, isCurrent, space } = lesson
    const facts = space.make(ACTOR, request)
    if (facts !== undefined && isCurrent) this.records.decided(facts, request, decision, sent)
  }

  #refused(lesson: Lesson): void {
    const { request, decision, space, sent } = lesson
    const { now, retryAfter: longest = Infinity } = decision
    if (request.album !== undefined) return this.#unknown(lesson)
    clear(suspectsOf(lesson, this.times), longest, leastWait(lesson), now)
    const facts = space.make(ACTOR, request)
    if (facts !== undefined) noteNotice(facts, request, decision, sent)
  }

  /** What may have been counted by a refusal that tells too little. */
  #unknown({ request, decision, space }: Lesson): void {
    if (CLOSING.includes(decision.reason)) return
    for (const check of request.limits) {
      const facts = check.rule.countRefused ? space.at(check, request) : undefined
      const fact = facts?.limit(check, request.chat)
      if (fact !== undefined) facts?.dropLimit(fact)
    }
  }

  /** The actor's last: of one update's facts the others go first. */
  #noted({ request, space, sent }: Lesson): void {
    const actors = space.at(ACTOR, request)
    for (const check of [...request.debounces, ...request.limits, GLOBAL]) {
      const facts = space.at(check, request)
      if (facts !== undefined && facts !== actors) this.memory.noted(facts, sent)
    }
    if (actors !== undefined) this.memory.noted(actors, sent)
    this.memory.collect()
  }
}

/** A limit has counted, as its state says. */
function charged(
  facts: Facts,
  request: DecisionRequest,
  check: LimitCheck,
  state: LimitState | undefined,
  now: number,
  sent: number,
  isCurrent: boolean,
  isKept: boolean,
): void {
  const former = facts.limit(check, request.chat)
  if (former === undefined && !isKept) return
  const isSure = isCurrent && isJudgedHere(check) && state !== undefined
  if (former !== undefined) {
    if (isSure && sent >= former.learnt && isSameRule(former.check, check)) {
      seen(former, state, now, sent)
      if (former.waits.length > 0) former.waits = []
      return
    }
    facts.dropLimit(former)
    // An answer that was overtaken does not tell in which order the two have counted.
    if (sent < former.learnt) return
  }
  if (isSure && isKept) facts.addLimit(factOf(request, check, state, now, sent))
}

function setMarks({ request, decision: { now }, sent, space }: Lesson): void {
  const { duplicate, debounces, album, chat } = request
  for (const check of debounces) {
    const facts = space.make(check, request)
    const until = now + check.window
    if (album === undefined) facts?.setMark(check.scope, check.mark, chat, { until, learnt: sent })
    else {
      // The rest of an album passes without setting it anew: whether it was is not told.
      const former = facts?.mark(check.scope, check.mark, chat)?.until ?? until
      facts?.setMark(check.scope, check.mark, chat, { until: Math.max(until, former), learnt: -Infinity })
    }
  }
  if (duplicate === undefined) return
  const home = request.actor === undefined ? GLOBAL : ACTOR
  const claim: Mark = { until: now + duplicate.window, learnt: sent }
  space.make(home, request)?.setMark(home.scope, duplicate.mark, chat, claim)
}

/** The next notice of this kind is due when this one's time is over: until then there is none to claim. */
function noteNotice(facts: Facts, request: DecisionRequest, decision: Decision, sent: number): void {
  const { reason, name, now, notice } = decision
  if (request.notices === undefined || reason === undefined || reason === 'duplicate') return
  const limit = reason === 'limited' ? request.limits.find((check) => isNamed(check, name)) : undefined
  const by = reason === 'debounced' ? request.debounces.find(({ bucket }) => bucket === name) : limit
  const wanted =
    by?.notice ?? (reason === 'blocked' || reason === 'unregistered' ? request.notices[reason] : false)
  if (!wanted) return
  const mark = mix53(NOTICE_CODE[reason], by?.id ?? 0)
  const known = facts.mark('actor', mark, undefined)?.until ?? -Infinity
  const claimed = now + (limit?.rule.window ?? NOTICE_MEMORY)
  const until = notice ? claimed : known > now ? known : now + SILENT_ELSEWHERE
  facts.setMark('actor', mark, undefined, { until, learnt: sent })
}

function isNamed({ bucket, shadow }: LimitCheck, name: string | undefined): boolean {
  return bucket === name && !shadow
}

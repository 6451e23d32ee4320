/** The checks that may have refused an update, and what is to be remembered of each. */
import { fixedWindow } from '../../limiters/fixed-window'
import { isBuiltin } from '../../limiters/limiter'
import type { Decision, DecisionRequest, LimitCheck, LimitState, Scope } from '../decision'
import { settledWait } from '../meter'
import { CLOSING } from '../own-limits'
import type { Suspect } from './clues'
import { ACTOR, GLOBAL, type Facts, type Group, type LimitFact, type Space, type Wait } from './facts'
import { isSameRule, waitOf } from './known'
import type { Times } from './times'

/** Costs of one limit that are told apart. */
const MOST_COSTS = 8

/** One decision, and when it was asked for (local). `isCurrent`: nothing has changed since that it may not know of. */
export interface Lesson {
  readonly request: DecisionRequest
  readonly decision: Decision
  readonly sent: number
  readonly isCurrent: boolean
  readonly space: Space
}

/** Everything that can account for a refusal's wait. */
export function suspectsOf(lesson: Lesson, times: Times): Suspect[] {
  const { request, decision } = lesson
  return [
    ...duplicateSuspects(lesson, times),
    ...blockSuspects(lesson, times),
    ...debounceSuspects(lesson, times),
    ...request.limits.flatMap((check, n) => limitSuspects(lesson, check, decision.limits[n])),
  ]
}

function duplicateSuspects({ request, decision, space, sent }: Lesson, times: Times): Suspect[] {
  const { duplicate, chat } = request
  if (decision.reason !== 'duplicate' || duplicate === undefined) return []
  const home = request.actor === undefined ? GLOBAL : ACTOR
  return [
    markSuspect(
      space.make(home, request),
      home.scope,
      duplicate.mark,
      chat,
      duplicate.window + times.setBack(decision.now),
      decision,
      sent,
    ),
  ]
}

/** A debounce that fails: until when is known of a mark that was set here. One that was set elsewhere may hold as well. */
function debounceSuspects({ request, decision, space, sent }: Lesson, times: Times): Suspect[] {
  if (decision.reason === 'limited') return []
  return request.debounces.map((check) =>
    markSuspect(
      space.make(check, request),
      check.scope,
      check.mark,
      request.chat,
      check.window + times.setBack(decision.now),
      decision,
      sent,
    ),
  )
}

function markSuspect(
  facts: Facts | undefined,
  scope: Scope,
  id: number,
  chat: number | undefined,
  upper: number,
  { now, retryAfter: longest = Infinity }: Decision,
  sent: number,
): Suspect {
  const known = facts?.mark(scope, id, chat)
  const set = (wait: number): void => facts?.setMark(scope, id, chat, { until: now + wait, learnt: sent })
  const exact = known === undefined || known.learnt === -Infinity ? 0 : known.until - now
  // Where none is known to hold, another process may have set it.
  if (exact <= 0) return { upper, isIt: set }
  if (exact <= longest) set(exact)
  return { exact, upper: exact }
}

function blockSuspects({ request, decision, space, sent }: Lesson, times: Times): Suspect[] {
  const { reason, now, registration, retryAfter } = decision
  if (reason !== 'duplicate' && reason !== 'blocked' && reason !== 'unregistered') return []
  const suspects: Suspect[] = []
  // A wait that ends is not that of a missing registration: the store has judged as if the user were vouched for.
  if (request.registration === 'required' && registration === undefined && retryAfter === undefined) {
    suspects.push({ exact: Infinity, upper: Infinity })
  }
  const facts = space.make(ACTOR, request)
  if (!request.block || facts === undefined || reason === 'unregistered') return suspects
  const known = facts.block
  const isUsable = known !== undefined && times.mayRefuse(known.learnt, sent)
  const set = (wait: number): void => {
    facts.block = { until: now + wait, from: -Infinity, learnt: sent }
  }
  const former = isUsable ? Math.max(0, known.until - now) : undefined
  // A block that nobody here knows of yet is what the decision says.
  if (reason === 'blocked' && former === 0) facts.block = undefined
  suspects.push({
    former: reason === 'blocked' && former === 0 ? undefined : former,
    upper: Infinity,
    isIt: (wait) => (reason === 'blocked' ? set(wait) : undefined),
    isStill: (wait) => (reason === 'blocked' ? set(wait) : undefined),
  })
  return suspects
}

/** A limit that fails, and what is now known of it whether it does or not. */
function limitSuspects(
  { request, decision, space, sent }: Lesson,
  check: LimitCheck,
  state: LimitState | undefined,
): Suspect[] {
  const { now, reason, retryAfter: longest = Infinity } = decision
  const { cost, rule, limiter } = check
  const facts = space.make(check, request)
  if (!isJudgedHere(check) || !isBuiltin(limiter) || state === undefined || facts === undefined) {
    return check.shadow || check.cost === 0 ? [] : [{ upper: Infinity }]
  }
  const fails = state.remaining < cost
  const counted = rule.countRefused && fails && !CLOSING.includes(reason)
  const fact = noted(facts, request, check, state, now, sent, counted)
  if (!fails || check.shadow) return []
  const settled = settledWait(check) ?? (cost > limiter.kernel.capacity(rule) ? Infinity : undefined)
  if (settled !== undefined) {
    const until = now + settled
    if (fact !== undefined) setWait(fact, { cost, until, upper: until, group: undefined, learnt: sent })
    return [{ exact: settled, upper: settled }]
  }
  if (fact === undefined || check.lease !== undefined) return [{ upper: Infinity }]
  const upper = Math.min(state.resetAfter, longest)
  const known = waitOf(fact, cost)
  const former = known === undefined || Number.isNaN(known.until) ? undefined : known.until - now
  const put = (until: number, group?: Group): void =>
    setWait(fact, { cost, until, upper: now + upper, group, learnt: sent })
  // All that it has counted must be out before so much passes: that time is told.
  const exact =
    limiter === fixedWindow || cost === limiter.kernel.capacity(rule) ? state.resetAfter : undefined
  if (exact !== undefined) put(now + exact)
  else if (former === undefined || former <= 0 || former > longest) put(NaN)
  return [
    {
      exact,
      former: former !== undefined && former > 0 ? former : undefined,
      upper: exact ?? state.resetAfter,
      isIt: (wait) => put(now + wait),
      isStill: (wait) => put(now + wait),
      isAmong: (group) => put(NaN, group),
    },
  ]
}

/** The state of a limit after a refusal; `undefined` where a later one is known already. */
function noted(
  facts: Facts,
  request: DecisionRequest,
  check: LimitCheck,
  state: LimitState,
  now: number,
  sent: number,
  counted: boolean,
): LimitFact | undefined {
  const former = facts.limit(check, request.chat)
  if (former !== undefined && isSameRule(former.check, check)) {
    if (sent < former.learnt) return undefined
    seen(former, state, now, sent)
    if (counted) former.waits = []
    return former
  }
  if (former !== undefined) facts.dropLimit(former)
  const fact = factOf(request, check, state, now, sent)
  facts.addLimit(fact)
  return fact
}

export function factOf(
  { chat }: DecisionRequest,
  check: LimitCheck,
  { remaining, resetAfter }: LimitState,
  now: number,
  sent: number,
): LimitFact {
  const of = check.scope === 'member' ? chat : undefined
  return { check, chat: of, at: now, remaining, resetAt: now + resetAfter, learnt: sent, waits: [] }
}

export function seen(
  fact: LimitFact,
  { remaining, resetAfter }: LimitState,
  now: number,
  sent: number,
): void {
  fact.at = now
  fact.remaining = remaining
  fact.resetAt = now + resetAfter
  fact.learnt = sent
}

function setWait(fact: LimitFact, wait: Wait): void {
  fact.waits = [...fact.waits.filter(({ cost }) => cost !== wait.cost), wait].slice(-MOST_COSTS)
}

/** Whether a limit refuses by its counters and nothing else: units that were taken ahead may come back at any time. */
export function isJudgedHere({ limiter, outcome }: LimitCheck): boolean {
  return isBuiltin(limiter) && outcome === undefined
}

/** ms that the refusal's own block adds. */
export function leastWait({ request, decision }: Lesson): number {
  if (CLOSING.includes(decision.reason)) return 0
  let least = 0
  request.limits.forEach(({ blockFor, shadow, cost }, n) => {
    const fails = !shadow && decision.limits[n]?.remaining < cost
    if (fails && blockFor > least) least = blockFor
  })
  return least
}

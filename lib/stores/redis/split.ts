/**
 * A decision on a Redis Cluster touches one slot, unless it has limits or debounces on others than its actor. Those are
 * judged first, each in its slot, charged if they pass, and given back if anything refuses.
 *
 * A crash in between leaves a charge too many, never one too few.
 */
import { StoreTimeoutError } from '../../errors'
import type { DebounceCheck, Decision, DecisionRequest, LimitCheck, LimitState } from '../decision'
import { CLOSING, onlyLimits } from '../own-limits'
import { homeOf, tagOf } from './keys'
import type { Foreign, ForeignOutcome, Slots, Tentative } from './ops'

type Check = DebounceCheck | LimitCheck

/** What is asked of another slot: the request, but for all that is not of that slot. */
interface Part {
  readonly request: DecisionRequest
  /** The whole request's checks of that slot, debounces before limits. */
  readonly checks: readonly Check[]
}

interface Tried {
  readonly part: Part
  readonly tentative: Tentative
}

/** Of a check that is nowhere and refuses: with it a request counts its refusals, and consumes nothing. */
const REFUSED: ForeignOutcome = {
  open: Infinity,
  closed: Infinity,
  wait: Infinity,
  remaining: 0,
  resetAfter: 0,
}

/** Judges a request whose places may lie in several slots, all or nothing. */
export async function decideSplit(request: DecisionRequest, slots: Slots): Promise<Decision> {
  const parts = partsElsewhere(request)
  if (parts.length === 0) return slots.decide({ kind: 'decide', request })
  const tried = await tryAll(parts, slots)
  const foreign: Foreign = new Map(tried.flatMap(outcomesOf))
  let decision: Decision
  try {
    decision = await slots.decide({ kind: 'decide', request, foreign })
  } catch (error) {
    // What was only too slow may have passed: then a charge too many is right.
    if (!(error instanceof StoreTimeoutError)) await giveBack(tried, slots)
    throw error
  }
  const closed = decision.unasked || CLOSING.includes(decision.reason)
  const refused = closed || decision.reason !== undefined
  if (refused) await giveBack(tried, slots)
  const states = new Map(tried.flatMap((one) => (refused ? unchargedOf(one) : chargedOf(one))))
  const left = closed ? [] : await leaveBehind(tried, slots)
  for (const [check, state] of left) states.set(check, state)
  const limits = decision.limits.map((state, index) => states.get(request.limits[index]) ?? state)
  return { ...decision, limits }
}

/** One for each slot but the one that decides. */
function partsElsewhere(request: DecisionRequest): Part[] {
  const home = tagOf(request, homeOf(request))
  const tags = new Set<string>()
  for (const check of request.debounces) tags.add(tagOf(request, check))
  for (const check of request.limits) tags.add(tagOf(request, check))
  tags.delete(home)
  return [...tags].map((tag) => {
    const isThere = (check: Check): boolean => tagOf(request, check) === tag
    return partOf(request, request.debounces.filter(isThere), request.limits.filter(isThere))
  })
}

function partOf(
  request: DecisionRequest,
  debounces: readonly DebounceCheck[],
  limits: readonly LimitCheck[],
): Part {
  const there = { ...onlyLimits(request, []), debounces, limits: limits.map(withoutBlock) }
  return { request: there, checks: [...debounces, ...limits] }
}

/** A check's other self that blocks nobody, always the same: a batch sends each check once. */
const harmless = new WeakMap<LimitCheck, LimitCheck>()

function withoutBlock(check: LimitCheck): LimitCheck {
  if (check.blockFor === 0) return check
  const known = harmless.get(check) ?? { ...check, blockFor: 0 }
  harmless.set(check, known)
  return known
}

async function tryAll(parts: readonly Part[], slots: Slots): Promise<Tried[]> {
  const results = await Promise.allSettled(
    parts.map(async (part) => ({
      part,
      tentative: await slots.tentative({ kind: 'tentative', request: part.request }),
    })),
  )
  const tried = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed === undefined) return tried
  await giveBack(tried, slots)
  throw failed.reason
}

function outcomesOf({ part, tentative }: Tried): [Check, ForeignOutcome][] {
  return part.checks.map((check, index) => [check, tentative.outcomes[index]])
}

/** Takes back whatever was charged. What cannot be taken back is a charge too many; the decision stands. */
async function giveBack(tried: readonly Tried[], slots: Slots): Promise<void> {
  await Promise.allSettled(
    tried.map(async ({ part, tentative: { undo } }) => {
      if (undo === undefined || (undo.charged.length === 0 && undo.marks.length === 0)) return
      await slots.refund({ kind: 'refund', request: part.request, undo })
    }),
  )
}

/** The slot's limits as they are charged. */
function chargedOf({ part, tentative }: Tried): [Check, LimitState][] {
  const first = part.request.debounces.length
  return tentative.decision.limits.map((state, index) => [part.checks[first + index], state])
}

/** The slot's limits as they were. */
function unchargedOf({ part, tentative }: Tried): [Check, LimitState][] {
  const { debounces, limits } = part.request
  return limits.map(({ bucket, rule }, index) => {
    const { remaining, resetAfter } = tentative.outcomes[debounces.length + index]
    const state = { name: bucket, limit: rule.limit, remaining, resetAfter }
    return [part.checks[debounces.length + index], state]
  })
}

/** What refusals elsewhere leave behind: the hit that `countRefused` counts, the album. Their limits as they are then. */
async function leaveBehind(tried: readonly Tried[], slots: Slots): Promise<(readonly [Check, LimitState])[]> {
  const left = await Promise.allSettled(tried.map((one) => leaveBehindIn(one, slots)))
  // A refusal that could not be counted: the decision stands.
  return left.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
}

async function leaveBehindIn({ part, tentative }: Tried, slots: Slots) {
  const { debounces, limits } = part.request
  const refusing = checksOf(part.request).filter(
    (check, index) => tentative.outcomes[index].open > 0 && remembers(part.request, check),
  )
  if (refusing.length === 0) return []
  const refusingLimits = limits.filter((check) => refusing.includes(check))
  const nowhere = nowhereOf(refusing[0])
  const request: DecisionRequest = {
    ...part.request,
    debounces: [...debounces.filter((check) => refusing.includes(check)), ...nowhere.debounces],
    limits: [...refusingLimits, ...nowhere.limits],
  }
  const foreign = new Map([...nowhere.debounces, ...nowhere.limits].map((check) => [check, REFUSED]))
  const decision = await slots.decide({ kind: 'decide', request, foreign })
  return refusingLimits.map((check, index) => {
    const original = part.checks[debounces.length + limits.indexOf(check)]
    return [original, decision.limits[index]] as const
  })
}

function checksOf({ debounces, limits }: DecisionRequest): readonly Check[] {
  return [...debounces, ...limits]
}

/** Whether a refusal by this check writes anything. */
function remembers({ album }: DecisionRequest, check: Check): boolean {
  return album !== undefined || ('rule' in check && check.rule.countRefused)
}

/** A copy of a check, as the one that refuses. */
function nowhereOf(check: Check): { debounces: DebounceCheck[]; limits: LimitCheck[] } {
  return 'rule' in check
    ? { debounces: [], limits: [{ ...check, shadow: false }] }
    : { debounces: [{ ...check }], limits: [] }
}

/**
 * The one place that says what a decision means: order of judgement, all or nothing, notices, albums, shadow limits.
 *
 * `judge` reads and writes a store only through a `Ledger`, so the same code decides for the memory store (typed
 * arrays) and for any four-primitive store (JSON records), and is the specification for native ones.
 */
import { mix53 } from '../keys'
import type {
  Block,
  DebounceCheck,
  Decision,
  DecisionReason,
  DecisionRequest,
  LimitCheck,
  LimitState,
  Registration,
  Scope,
} from './decision'

/** A store's state as one decision sees it. Keys are resolved by the ledger from scope, key and the request. */
export interface Ledger {
  block(actor: number): Block | undefined
  setBlock(block: Block, now: number): void
  registration(actor: number): Registration | undefined
  /** Until when (ms) a mark holds; `-Infinity` where there is none. */
  mark(scope: Scope, key: string | undefined, id: number): number
  setMark(scope: Scope, key: string | undefined, id: number, until: number, now: number): void
  /** ms until the check's cost would pass, 0 now, `Infinity` never. Honours `check.outcome`, cost 0 and capacity. */
  wait(check: LimitCheck, now: number): number
  /** Charges the check's cost, passed or not. */
  charge(check: LimitCheck, now: number): void
  state(check: LimitCheck, now: number): LimitState
}

/** How long an album's outcome is remembered, and how long a notice without a window of its own silences (ms). */
export const ALBUM_MEMORY = 60_000
export const NOTICE_MEMORY = 60_000

export const ALBUM_PASSED = 1
export const ALBUM_REFUSED = 2
export const NOTICE_CODE = { blocked: 3, unregistered: 4, debounced: 5, limited: 6, duplicate: 7 } as const

/** What an album's memory says of one check: `fresh`, it has not been judged yet. */
type AlbumMemory = 'fresh' | 'passed' | 'refused'

interface Refusal {
  reason: DecisionReason | undefined
  name: string | undefined
  /** The longest wait so far; `Infinity`: none helps. */
  wait: number
  /** The failing check whose notice it is, for debounced and limited. */
  by: DebounceCheck | LimitCheck | undefined
  /** ms that a notice silences. */
  silence: number
}

const NOTHING_SHADOWED: Decision['shadowed'] = []

/** Judges every check of a request against a ledger and writes what the outcome asks for. */
export function judge(request: DecisionRequest, ledger: Ledger, now: number): Decision {
  const { actor } = request
  const refusal: Refusal = {
    reason: undefined,
    name: undefined,
    wait: 0,
    by: undefined,
    silence: NOTICE_MEMORY,
  }

  judgeDuplicate(request, ledger, now, refusal)
  judgeBlock(request, ledger, now, refusal)
  let registration: Registration | undefined
  if (request.registration !== undefined && actor !== undefined) {
    registration = ledger.registration(actor)
    if (registration === undefined && request.registration !== 'vouched') {
      if (request.registration === 'ask' && refusal.reason === undefined) return unasked(now)
      if (request.registration === 'required') fail(refusal, 'unregistered', undefined, Infinity)
    }
  }
  // After a duplicate, a block or a missing registration, what follows adds to retryAfter only.
  const closed = refusal.reason !== undefined
  for (const check of request.debounces) judgeDebounce(request, ledger, now, refusal, check, closed)
  const shadowed = judgeLimits(request, ledger, now, refusal, closed)

  const allowed = refusal.reason === undefined
  if (allowed) consume(request, ledger, now)
  const blockAdded = allowed || closed ? undefined : blockFor(request, ledger, now, refusal)
  const notice = !allowed && claimNotice(request, ledger, now, refusal)
  return {
    now,
    reason: refusal.reason,
    name: refusal.name,
    retryAfter: allowed ? undefined : finite(refusal.wait),
    limits: statesOf(request.limits, ledger, now),
    shadowed,
    notice,
    blockAdded,
    registration,
    unasked: false,
  }
}

function statesOf(checks: readonly LimitCheck[], ledger: Ledger, now: number): LimitState[] {
  // Most updates have one limit, and an array that grows by `push` begins with room for many.
  if (checks.length === 1) return [ledger.state(checks[0], now)]
  return checks.map((check) => ledger.state(check, now))
}

/** A block that holds at `now`, else `undefined`. */
export function inForce(block: Block | undefined, now: number): Block | undefined {
  return block !== undefined && (block.until === undefined || block.until > now) ? block : undefined
}

function judgeDuplicate(request: DecisionRequest, ledger: Ledger, now: number, refusal: Refusal): void {
  if (request.duplicate === undefined) return
  const until = ledger.mark(homeOf(request), undefined, request.duplicate.mark)
  if (until > now) fail(refusal, 'duplicate', undefined, until - now)
}

function judgeBlock(request: DecisionRequest, ledger: Ledger, now: number, refusal: Refusal): void {
  if (!request.block || request.actor === undefined) return
  const block = inForce(ledger.block(request.actor), now)
  if (block === undefined) return
  fail(refusal, 'blocked', undefined, block.until === undefined ? Infinity : block.until - now)
}

function judgeDebounce(
  request: DecisionRequest,
  ledger: Ledger,
  now: number,
  refusal: Refusal,
  check: DebounceCheck,
  closed: boolean,
): void {
  const memory = recall(request, ledger, now, check)
  if (memory === 'passed') return
  const until = ledger.mark(check.scope, check.key, check.mark)
  if (memory === 'fresh' && until <= now) return
  const wait = Math.max(until - now, refusedAlbum(request, ledger, now, check, closed))
  fail(refusal, 'debounced', check, wait)
}

function judgeLimits(
  request: DecisionRequest,
  ledger: Ledger,
  now: number,
  refusal: Refusal,
  closed: boolean,
): Decision['shadowed'] {
  let shadowed: { name: string; retryAfter: number | undefined }[] | undefined
  for (const check of request.limits) {
    const memory = recall(request, ledger, now, check)
    if (memory === 'passed') continue
    let wait = ledger.wait(check, now)
    if (wait === 0 && memory === 'fresh') continue
    if (check.rule.countRefused && !closed && memory === 'fresh') {
      ledger.charge(check, now)
      wait = check.outcome?.afterCounting ?? ledger.wait(check, now)
    }
    wait = Math.max(wait, refusedAlbum(request, ledger, now, check, closed))
    if (!check.shadow) fail(refusal, 'limited', check, wait)
    else if (!closed) (shadowed ??= []).push({ name: check.bucket, retryAfter: finite(wait) })
  }
  return shadowed ?? NOTHING_SHADOWED
}

/** The update is allowed: every bucket is charged, every mark set. */
function consume(request: DecisionRequest, ledger: Ledger, now: number): void {
  const { duplicate, album } = request
  if (duplicate !== undefined) {
    ledger.setMark(homeOf(request), undefined, duplicate.mark, now + duplicate.window, now)
  }
  for (const check of request.debounces) {
    if (recall(request, ledger, now, check) === 'passed') continue
    ledger.setMark(check.scope, check.key, check.mark, now + check.window, now)
    if (album !== undefined) remember(ledger, now, check, album, ALBUM_PASSED)
  }
  for (const check of request.limits) {
    if (album !== undefined && recall(request, ledger, now, check) !== 'fresh') continue
    // A shadow limit that would have refused has counted what it counts already.
    if (check.shadow && ledger.wait(check, now) > 0) continue
    ledger.charge(check, now)
    if (album !== undefined) remember(ledger, now, check, album, ALBUM_PASSED)
  }
}

/** The longest `blockFor` of the limits that refuse becomes a block, unless a longer one stands. */
function blockFor(
  request: DecisionRequest,
  ledger: Ledger,
  now: number,
  refusal: Refusal,
): Block | undefined {
  const { actor } = request
  let longest: LimitCheck | undefined
  for (const check of request.limits) {
    if (check.blockFor === 0 || check.shadow || check.blockFor <= (longest?.blockFor ?? 0)) continue
    if (recall(request, ledger, now, check) === 'passed' || ledger.wait(check, now) === 0) continue
    longest = check
  }
  if (longest === undefined || actor === undefined) return undefined
  refusal.wait = Math.max(refusal.wait, longest.blockFor)
  const standing = inForce(ledger.block(actor), now)
  const until = now + longest.blockFor
  if (standing !== undefined && (standing.until === undefined || standing.until >= until)) return undefined
  const block: Block = { userId: actor, reason: longest.bucket, by: 'sentinel', since: now, until }
  ledger.setBlock(block, now)
  return block
}

function claimNotice(request: DecisionRequest, ledger: Ledger, now: number, refusal: Refusal): boolean {
  const { reason, by } = refusal
  if (request.notices === undefined || request.actor === undefined || reason === undefined) return false
  if (reason === 'duplicate') return false
  const wanted = by === undefined ? request.notices[reason as 'blocked' | 'unregistered'] : by.notice
  if (!wanted) return false
  const mark = mix53(NOTICE_CODE[reason], by?.id ?? 0)
  if (ledger.mark('actor', undefined, mark) > now) return false
  ledger.setMark('actor', undefined, mark, now + refusal.silence, now)
  return true
}

function fail(
  refusal: Refusal,
  reason: DecisionReason,
  by: DebounceCheck | LimitCheck | undefined,
  wait: number,
): void {
  if (wait > refusal.wait) refusal.wait = wait
  if (refusal.reason !== undefined) return
  refusal.reason = reason
  refusal.name = by?.bucket
  refusal.by = by
  if (by !== undefined && 'rule' in by) refusal.silence = by.rule.window
}

function recall(
  request: DecisionRequest,
  ledger: Ledger,
  now: number,
  check: DebounceCheck | LimitCheck,
): AlbumMemory {
  if (request.album === undefined) return 'fresh'
  const id = mix53(request.album, check.id)
  if (ledger.mark(check.scope, check.key, mix53(id, ALBUM_PASSED)) > now) return 'passed'
  if (ledger.mark(check.scope, check.key, mix53(id, ALBUM_REFUSED)) > now) return 'refused'
  return 'fresh'
}

function remember(
  ledger: Ledger,
  now: number,
  check: DebounceCheck | LimitCheck,
  album: number,
  outcome: typeof ALBUM_PASSED | typeof ALBUM_REFUSED,
): void {
  ledger.setMark(check.scope, check.key, mix53(mix53(album, check.id), outcome), now + ALBUM_MEMORY, now)
}

/** Remembers, once, that this check refuses the album; ms until it forgets. 0 where there is no album. */
function refusedAlbum(
  request: DecisionRequest,
  ledger: Ledger,
  now: number,
  check: DebounceCheck | LimitCheck,
  closed: boolean,
): number {
  const { album } = request
  if (album === undefined) return 0
  const until = ledger.mark(check.scope, check.key, mix53(mix53(album, check.id), ALBUM_REFUSED))
  if (until > now) return until - now
  if (closed) return 0
  remember(ledger, now, check, album, ALBUM_REFUSED)
  return ALBUM_MEMORY
}

/** The place of what belongs to the update as a whole. */
function homeOf(request: DecisionRequest): Scope {
  return request.actor === undefined ? 'global' : 'actor'
}

/** The decision that asks for the bot's own user table first. */
export function unasked(now: number): Decision {
  return {
    now,
    reason: undefined,
    name: undefined,
    retryAfter: undefined,
    limits: [],
    shadowed: NOTHING_SHADOWED,
    notice: false,
    blockAdded: undefined,
    registration: undefined,
    unasked: true,
  }
}

/** A wait as `retryAfter` tells it: `undefined` where none helps. */
export function finite(wait: number): number | undefined {
  return wait === Infinity ? undefined : wait
}

/**
 * A plan and an update -> the checks that go to the store. Functions in the options are asked here; one that throws
 * or answers nonsense costs its own check only, all other checks still decide.
 */
import type { Context } from 'telegraf'
import { toError } from './errors'
import { fingerprintOf } from './fingerprint'
import { nonsense } from './hooks'
import { isThenable } from './promises'
import { hash53, mix53 } from './keys'
import { LONGEST_LOG, slidingWindow } from './limiters'
import { MOST_REMEMBERED, type Bucket, type PlannedDebounce, type PlannedLimit } from './plan'
import type { DebounceCheck, LimitCheck, Scope } from './stores/decision'
import type { Loose, Subject } from './subject'

/** Where a subject's state for a scope lives: what the store keys it by. */
export interface Whereabouts {
  readonly actor: number | undefined
  readonly chat: number | undefined
}

/** What to do about the functions in the options. */
export interface Asking {
  /** Told of one that failed; its check is left out. */
  failed(bucket: string, error: Error): void
  /** Bounds the wait for one that is asynchronous. */
  inTime(limit: PromiseLike<number>): PromiseLike<number>
}

/** Actor and chat of a subject. An inline query has no chat: the actor's private chat (the same id) stands for it. */
export function whereaboutsOf(subject: Subject): Whereabouts {
  return { actor: subject.actor, chat: subject.chatId ?? subject.actor }
}

/**
 * The limits' checks, without those that need an actor where there is none, and without endless ones. In order,
 * whichever of the functions answers first.
 */
export function limitChecks<C extends Context>(
  limits: readonly PlannedLimit<C>[],
  ctx: C,
  where: Whereabouts,
  asking: Asking,
): LimitCheck[] | Promise<LimitCheck[]> {
  const checks: (LimitCheck | undefined)[] = []
  const waiting: PromiseLike<void>[] = []
  for (const planned of limits) {
    if (!isPlaced(planned.check.scope, where)) continue
    const { bucket } = planned.check
    const slot = checks.push(undefined) - 1
    const put = (units: number): void => {
      checks[slot] = orFailed(asking, bucket, () => limitCheck(planned, ctx, where, units))
    }
    orFailed(asking, bucket, () => {
      const units = planned.limit === undefined ? planned.check.rule.limit : planned.limit(ctx)
      if (!isThenable(units)) return put(units)
      const told = (thrown: unknown): void => asking.failed(bucket, toError(thrown))
      waiting.push(asking.inTime(units).then(put, told))
    })
  }
  return waiting.length === 0 ? present(checks) : Promise.all(waiting).then(() => present(checks))
}

/** The debounces' checks; one without a fingerprint is left out. */
export function debounceChecks<C extends Context>(
  debounces: readonly PlannedDebounce<C>[],
  ctx: C,
  where: Whereabouts,
  asking: Pick<Asking, 'failed'>,
): DebounceCheck[] {
  const checks: DebounceCheck[] = []
  for (const planned of debounces) {
    if (!isPlaced(planned.at, where)) continue
    const check = orFailed(asking, planned.bucket, () => debounceCheck(planned, ctx))
    if (check !== undefined) checks.push(check)
  }
  return checks
}

function debounceCheck<C extends Context>(planned: PlannedDebounce<C>, ctx: C): DebounceCheck | undefined {
  const { id, bucket, window, at, scope, notice } = planned
  const said =
    planned.fingerprint === undefined
      ? fingerprintOf(ctx.update as unknown as Loose)
      : planned.fingerprint(ctx)
  if (said === undefined) return undefined
  if (typeof said !== 'string') throw nonsense('fingerprint must return a string or undefined', said)
  const key = scope === undefined ? undefined : keyFrom(scope(ctx))
  return { id, bucket, scope: at, key, window, mark: mix53(id, hash53(said)), notice }
}

/** Before the bucket of a stand-in: tells it from a limit of its name. */
export const LOST = '\u0000'

/** A check that refuses whatever the store holds: the stand-in for one that is lost and must refuse. */
export function refusing(bucket: string): LimitCheck {
  return {
    id: 0,
    bucket: LOST + bucket,
    scope: 'global',
    key: undefined,
    limiter: slidingWindow,
    rule: { limit: 0, window: 1, burst: 0, countRefused: false },
    cost: 1,
    blockFor: 0,
    shadow: false,
    notice: false,
    outcome: { allowed: false, retryAfter: Infinity, remaining: 0, resetAfter: 0 },
  }
}

/** The name under which a dynamic bucket remembers a subject's last limit. */
export function subjectKey(scope: Scope, where: Whereabouts, key: string | undefined): string {
  switch (scope) {
    case 'actor':
      return String(where.actor)
    case 'chat':
      return String(where.chat)
    case 'member':
      return `${where.chat}:${where.actor}`
    case 'global':
      return ''
    case 'own':
      return key ?? ''
  }
}

/** Whether the update has what the scope needs: a poll's state has neither actor nor chat. */
function isPlaced(scope: Scope, where: Whereabouts): boolean {
  return scope === 'global' || scope === 'own' || where.actor !== undefined
}

/** What `make` returns; `undefined`, and told, if it throws. */
function orFailed<T>(asking: Pick<Asking, 'failed'>, bucket: string, make: () => T): T | undefined {
  try {
    return make()
  } catch (thrown) {
    asking.failed(bucket, toError(thrown))
    return undefined
  }
}

function present(checks: readonly (LimitCheck | undefined)[]): LimitCheck[] {
  return checks.filter((check): check is LimitCheck => check !== undefined)
}

/** The planned check for this update; `undefined` for a limit of `Infinity`. */
function limitCheck<C extends Context>(
  planned: PlannedLimit<C>,
  ctx: C,
  where: Whereabouts,
  units: number,
): LimitCheck | undefined {
  const { check, bucket, scope } = planned
  if (units !== Infinity && !(Number.isSafeInteger(units) && units >= 0)) {
    throw nonsense('limit must be an integer >= 0 or Infinity', units)
  }
  if (check.limiter === slidingWindow && units > LONGEST_LOG && units !== Infinity) {
    throw nonsense(`limit of a 'sliding-window' must be at most ${LONGEST_LOG} or Infinity`, units)
  }
  const key = scope === undefined ? undefined : keyFrom(scope(ctx))
  if (planned.limit !== undefined) remember(bucket, subjectKey(check.scope, where, key), units)
  if (units === Infinity) return undefined
  const cost = planned.cost === undefined ? check.cost : planned.cost(ctx)
  if (!Number.isSafeInteger(cost) || cost < 0) {
    throw nonsense('cost must be an integer >= 0', cost)
  }
  if (planned.limit === undefined && key === undefined && cost === check.cost) return check
  const rule = planned.limit === undefined ? check.rule : ruleFor(planned, units)
  return { ...check, rule, key, cost }
}

function ruleFor<C extends Context>(planned: PlannedLimit<C>, units: number): LimitCheck['rule'] {
  const rule = planned.bucket.ruleFor(units)
  const { countRefused } = planned.check.rule
  return rule.countRefused === countRefused ? rule : { ...rule, countRefused }
}

function remember(bucket: Bucket, subject: string, limit: number): void {
  const { last } = bucket
  last.delete(subject)
  last.set(subject, limit)
  if (last.size <= MOST_REMEMBERED) return
  for (const idlest of last.keys()) {
    last.delete(idlest)
    break
  }
}

function keyFrom(key: unknown): string {
  if (typeof key === 'string') return key
  throw nonsense('scope must return a string', key)
}

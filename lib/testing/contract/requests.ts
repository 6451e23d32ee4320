/** Short ways to write requests, for the contract's tests. */
import { debounceId, hash53, limitId, mix53 } from '../../keys'
import { limiterOf } from '../../limiters'
import type { Algorithm, Limiter, Rule } from '../../limiters/limiter'
import type { DebounceCheck, Decision, DecisionRequest, LimitCheck, LimitQuery } from '../../stores/decision'
import type { StorageAdapter } from '../../stores/store'
import type { RecordPlace } from '../../stores/user-record'

/** When the tests' clock starts (ms). */
export const START = 1_700_000_000_000

export function requestOf(space: string, parts: Partial<DecisionRequest> = {}): DecisionRequest {
  return {
    space,
    now: START,
    actor: 42,
    chat: -10042,
    duplicate: undefined,
    block: false,
    registration: undefined,
    debounces: [],
    limits: [],
    album: undefined,
    notices: undefined,
    ...parts,
  }
}

export type LimitParts = Partial<Omit<LimitCheck, 'rule' | 'limiter' | 'id'>> &
  Partial<Rule> & { readonly limiter?: Algorithm | Limiter }

export function limitOf(parts: LimitParts = {}): LimitCheck {
  const {
    limiter = 'sliding-window',
    limit = 3,
    window = 10_000,
    burst = limit,
    countRefused = false,
  } = parts
  const { bucket = 'shop', scope = 'actor', key, cost = 1, blockFor = 0, shadow = false } = parts
  const rule = { limit, window, burst, countRefused }
  const { notice = false, outcome, lease } = parts
  const id = limitId(bucket)
  const named = limiterOf(limiter)
  return { id, bucket, limiter: named, rule, scope, key, cost, blockFor, shadow, notice, outcome, lease }
}

export function debounceOf(
  parts: Partial<Omit<DebounceCheck, 'id' | 'mark'>> & { text?: string } = {},
): DebounceCheck {
  const { bucket = 'shop', window = 2_000, scope = 'actor', key, notice = false, text = 'hello' } = parts
  const id = debounceId(bucket)
  return { id, bucket, window, scope, key, notice, mark: mix53(id, hash53(text)) }
}

export function queryOf(
  space: string,
  limit: LimitCheck,
  now = START,
  actor = 42,
  chat = -10042,
): LimitQuery {
  return { space, now, actor, chat, limit }
}

/** Where a space keeps its records of users. */
export function blocksOf(space: string): RecordPlace<'blocks'> {
  return { space, namespace: 'blocks' }
}

export function registrationsOf(space: string): RecordPlace<'registrations'> {
  return { space, namespace: 'registrations' }
}

export function membersOf(space: string): RecordPlace<'members'> {
  return { space, namespace: 'members' }
}

/** Decides one update: the request's parts may be given. */
export async function decide(
  store: StorageAdapter,
  space: string,
  parts: Partial<DecisionRequest> = {},
): Promise<Decision> {
  return store.decide(requestOf(space, parts))
}

/** `allowed`, or the reason, for each of some decisions. */
export function reasons(decisions: readonly Decision[]): string[] {
  return decisions.map(({ reason }) => reason ?? 'allowed')
}

/** Counts units for ever; can give them back. A limiter such as a user may write. */
export const tally: Limiter<{ used: number }> = {
  name: 'tally',
  hit(state = { used: 0 }, { limit, countRefused, window }, _now, cost) {
    const allowed = state.used + cost <= limit
    const used = allowed || countRefused ? Math.min(limit, state.used + cost) : state.used
    const retryAfter = allowed ? 0 : window
    return [{ used }, { allowed, retryAfter, remaining: limit - used, resetAfter: window }]
  },
  refund({ used }, _rule, _now, cost) {
    return { used: Math.max(0, used - cost) }
  },
}

/** One hit per window and subject; gives nothing back. */
export const once: Limiter<number> = {
  name: 'once',
  hit(state, { window }, now) {
    const retryAfter = state === undefined ? 0 : Math.max(0, state + window - now)
    const allowed = retryAfter === 0
    return [
      allowed ? now : (state ?? now),
      { allowed, retryAfter, remaining: 0, resetAfter: allowed ? window : retryAfter },
    ]
  },
}

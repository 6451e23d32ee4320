/**
 * One request to a store, one decision back. Everything that a verdict depends on is in the request: who, where,
 * which checks, and (if the sentinel has a clock of its own) when.
 */
import type { Limiter, Outcome, Rule } from '../limiters/limiter'

/** Whose bucket it is. `own`: the string that the user's scope function returned. */
export type Scope = 'actor' | 'chat' | 'member' | 'global' | 'own'

/** Where a check's state lives: a scope and, for `own`, the key. */
export interface Place {
  readonly scope: Scope
  readonly key: string | undefined
}

/** Drops an update whose `mark` was set at this place less than `window` ago. */
export interface DebounceCheck extends Place {
  /** 53-bit hash of the bucket's name. */
  readonly id: number
  readonly bucket: string
  /** ms. */
  readonly window: number
  /** 53-bit hash of bucket and fingerprint. */
  readonly mark: number
  /** Whether a refused message gets a notice. */
  readonly notice: boolean
}

/** One limit to judge and, if all checks allow, to charge. */
export interface LimitCheck extends Place {
  /** 53-bit hash of the bucket's name. */
  readonly id: number
  readonly bucket: string
  readonly limiter: Limiter
  readonly rule: Rule
  /** Whole units, >= 0. */
  readonly cost: number
  /** ms; 0: a refusal blocks nobody. */
  readonly blockFor: number
  /** Judged and counted, never refused by. */
  readonly shadow: boolean
  readonly notice: boolean
  /** Set where the process has judged a user's own limiter before a native store is asked. */
  readonly outcome: SettledOutcome | undefined
  /** Units of which a process may hold fewer, taken ahead; absent: none. Only Redis and PostgreSQL look at it. */
  readonly lease?: number
}

/** What the process says of a user's own limiter: `retryAfter` before the hit is counted. */
export interface SettledOutcome extends Outcome {
  /** ms until the same hit would pass once this refusal is counted (countRefused). */
  readonly afterCounting?: number
}

/**
 * `required`: a missing registration refuses. `ask`: a missing registration ends the decision at once, with nothing
 * consumed, so that the caller can ask the bot's own user table. `vouched`: the user table has answered yes.
 */
export type RegistrationMode = 'required' | 'ask' | 'vouched'

/** One update's checks, as they are sent to a store: everything that has to be decided together. */
export interface DecisionRequest {
  /** `prefix:bot`, both escaped. */
  readonly space: string
  /** ms; `undefined`: the store's own clock. */
  readonly now: number | undefined
  readonly actor: number | undefined
  readonly chat: number | undefined
  /** The update's claim: refused where the mark is set, set if the update is allowed. */
  readonly duplicate: { readonly mark: number; readonly window: number } | undefined
  /** Whether the actor's block is looked at. */
  readonly block: boolean
  readonly registration: RegistrationMode | undefined
  readonly debounces: readonly DebounceCheck[]
  readonly limits: readonly LimitCheck[]
  /** 53-bit hash of the media group that the update belongs to. */
  readonly album: number | undefined
  /** Which reasons without a check of their own get a notice; `undefined`: no notice at all for this update. */
  readonly notices: { readonly blocked: boolean; readonly unregistered: boolean } | undefined
}

/** What is left of one limit. */
export interface LimitState {
  readonly name: string
  readonly limit: number
  readonly remaining: number
  /** ms. */
  readonly resetAfter: number
}

/** A ban. `until` (ms) is absent for one without end. */
export interface Block {
  readonly userId: number
  readonly reason?: string
  readonly by?: string
  readonly since: number
  readonly until?: number
}

/** A user that the bot knows. `profile` is the bot's own plain JSON. */
export interface Registration {
  readonly userId: number
  readonly profile?: unknown
  readonly since: number
}

/** What `my_chat_member` last said of a private chat. */
export interface Member {
  readonly userId: number
  /** `false` after the user blocked the bot. */
  readonly reachable: boolean
  readonly since: number
}

export type DecisionReason = 'duplicate' | 'blocked' | 'unregistered' | 'debounced' | 'limited'

/** What a store answers to a `DecisionRequest`. */
export interface Decision {
  /** When it was taken (ms), by the request's clock or else the store's. */
  readonly now: number
  /** `undefined`: allowed. */
  readonly reason: DecisionReason | undefined
  /** Bucket of the check that failed first. */
  readonly name: string | undefined
  /** ms until the same update would pass; `undefined` where no wait helps. */
  readonly retryAfter: number | undefined
  /** One per limit check, in the request's order. */
  readonly limits: LimitState[]
  /** Shadow limits that would have refused. */
  readonly shadowed: readonly { readonly name: string; readonly retryAfter: number | undefined }[]
  /** Whether the actor is to be told (claimed: the next one in the window is silent). */
  readonly notice: boolean
  /** The block that this decision added. */
  readonly blockAdded: Block | undefined
  readonly registration: Registration | undefined
  /** `registration: 'ask'` found none: nothing else was judged or consumed. */
  readonly unasked: boolean
}

/** One named limit of one subject, for `limits.peek`, `.reset`. */
export interface LimitQuery {
  readonly space: string
  readonly now: number | undefined
  readonly actor: number | undefined
  readonly chat: number | undefined
  readonly limit: LimitCheck
}

/** A store's view of its own condition. */
export interface StoreHealth {
  /** `degraded`: it serves, but not as it should (a store behind another serves instead, an invalidation channel is lost). */
  readonly status: 'ok' | 'degraded' | 'down'
  /** Which store: its kind and, where it has one, its address without a password. */
  readonly name?: string
  /** ms of one trip. */
  readonly latency?: number
  readonly error?: string
  /** `open`: it is not asked, `half-open`: it is being tried. Absent where nothing stands behind it. */
  readonly breaker?: 'closed' | 'open' | 'half-open'
  /** Decisions that wait for it. */
  readonly waiting?: number
  /** ms that what it serves may be behind: the age of the oldest write that it has not got yet. */
  readonly lag?: number
  /** The stores that it is made of, the first in line first. */
  readonly stores?: readonly StoreHealth[]
}

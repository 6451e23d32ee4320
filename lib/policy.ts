/**
 * Policies as authors write them: the options of `@RateLimit`, `@Debounce`, `@RequireRegistered`, of the bot-wide
 * options of the same names, and of `sentinel.guard()`.
 */
import type { Context } from 'telegraf'
import type { Algorithm, Limiter } from './limiters/limiter'
import type { Duration } from './duration'
import type { ReplyOption } from './reply'

/** Whose bucket a check uses, or a function that names it. */
export type ScopeOption<C extends Context = Context> =
  'actor' | 'chat' | 'member' | 'global' | ((ctx: C) => string)

/** One limit; see the README's table. */
export interface RateLimitOptions<C extends Context = Context> {
  /** Hits per window; a function for a limit per user (`0` refuses all, `Infinity` none). */
  limit: number | ((ctx: C) => number | Promise<number>)
  window: Duration
  /** Default `'sliding-window'`. */
  algorithm?: Algorithm | Limiter
  /** Token bucket and gcra: how much at once. Default `limit`. */
  burst?: number
  /** Default `'actor'`. */
  scope?: ScopeOption<C>
  /** Two places with one name share the bucket. Default `bot`, `Class` or `Class.method`. */
  name?: string
  /** Units that a hit takes. Default 1. */
  cost?: number | ((ctx: C) => number)
  /** A refused hit counts too. Default `false`. */
  countRefused?: boolean
  /** A refusal also blocks the actor for this long. */
  blockFor?: Duration
  /** Judge and count, but let pass. Default `false`. */
  shadow?: boolean
  /** Overrides the sentinel's reply for this limit. */
  reply?: ReplyOption<C>
}

/** Drops repeats; see the README's table. */
export interface DebounceOptions<C extends Context = Context> {
  window: Duration
  /** Default `'actor'`. */
  scope?: ScopeOption<C>
  /** What makes two updates the same. Default: what a person would call the same. `undefined`: no debounce. */
  fingerprint?: (ctx: C) => string | undefined
}

export interface RequireRegisteredOptions<C extends Context = Context> {
  /** Overrides the sentinel's reply. */
  reply?: ReplyOption<C>
}

/** The guards of one level (bot, class or method), as written. */
export interface Guards<C extends Context = Context> {
  readonly rateLimits: readonly RateLimitOptions<C>[]
  readonly debounces: readonly DebounceOptions<C>[]
  readonly requireRegistered: RequireRegisteredOptions<C> | undefined
  /** `@Exempt()`: bot-wide and class guards do not apply. */
  readonly exempt: boolean
}

/** A level of guards together with the name that its unnamed buckets get: `bot`, `Shop`, `Shop.buy`. */
export interface Level<C extends Context = Context> {
  readonly name: string
  readonly guards: Guards<C>
}

/** What `sentinel.guard()` takes. `name` is required where there is a limit or a debounce. */
export interface GuardPolicy<C extends Context = Context> {
  name?: string
  rateLimit?: RateLimitOptions<C> | readonly RateLimitOptions<C>[]
  debounce?: Duration | DebounceOptions<C>
  requireRegistered?: boolean | RequireRegisteredOptions<C>
}

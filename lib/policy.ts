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
  /**
   * For a very hot limit that many share (`scope` `'global'`, `'chat'` or a function) on Redis or PostgreSQL: a process takes
   * units ahead, fewer than `lease`, in one trip, and spends them on the updates that come next, which then leave the limit's
   * row or key alone. An integer from 2 to `limit`; with a dynamic limit, that limit is the most. Default none: exact.
   *
   * - Whatever the algorithm admits in a span of time, all processes together admit at most `processes * (lease - 1)` more; and
   *   where updates abound, at most as many fewer (units in hand, too old, or lost with a process that ended).
   * - A unit is used within a tenth of the window, at most 1 s, or not at all. So with `'sliding-window'` any nine tenths of a
   *   window still see no more than `limit`. A refusal is remembered as long: `limits.reset` in another process is seen by then.
   * - Units are taken where updates come at least that often, as many as are used up, and never more than half of what is left:
   *   near its end the limit is exact. About as many as a process decides at once are a good `lease`.
   * - Albums are exact. `limits.peek` shows units taken ahead as used, and an update's `remaining` is as of the last trip.
   *
   * `MemoryStore` and stores of your own are exact at no cost and ignore it. Not with `countRefused`, `shadow` or a Limiter of
   * your own.
   *
   * @example
   * // 1,000 a second for all users together, over any number of processes
   * createSentinel({ store: 'redis://localhost:6379', rateLimit: { limit: 1000, window: '1s', scope: 'global', lease: 50 } })
   */
  lease?: number
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

/** Options of `@RequireRegistered`, and of the bot-wide `requireRegistered`. */
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

import type { Context } from 'telegraf'
import { SentinelOptionsError } from '../errors'
import type { Duration } from '../duration'
import type { DebounceOptions, Guards, RateLimitOptions, RequireRegisteredOptions } from '../policy'
import {
  NO_GUARDS,
  parseDebounceOptions,
  parseRateLimit,
  parseRequireRegisteredOptions,
  type Parsed,
} from '../schema'
import { memberOf, misplaced, placeOf, refuseBare, refuseUncalled } from './metadata'
import type { GuardDecorator, MethodGuardDecorator } from './types'

/**
 * At most `limit` hits per `window`: on a class one bucket for all of its methods, on a method a bucket of its own on
 * top. It may stand several times. `window` is in milliseconds or a text such as `'10s'`.
 *
 * @throws SentinelOptionsError where it stands, naming every wrong option
 * @example
 * @Controller()
 * @RateLimit(30, '1m')
 * class Shop {
 *   @Command('buy')
 *   @RateLimit({ limit: 3, window: '10s', algorithm: 'token-bucket' })
 *   async buy(ctx: Context) { await ctx.reply('Bought.') }
 * }
 */
export function RateLimit<C extends Context = Context>(options: RateLimitOptions<C>): GuardDecorator
export function RateLimit<C extends Context = Context>(
  limit: RateLimitOptions<C>['limit'],
  window: Duration,
): GuardDecorator
export function RateLimit(...args: readonly unknown[]): GuardDecorator {
  refuseUncalled('@RateLimit', args)
  const [first, window] = args
  const isOptions = typeof first === 'object' && first !== null && args.length === 1
  const rateLimit = valid(parseRateLimit(isOptions ? first : { limit: first, window }, '@RateLimit'))
  return guard('@RateLimit', (guards) => ({ ...guards, rateLimits: [rateLimit, ...guards.rateLimits] }))
}

/**
 * Drops an update that the same actor sent less than `window` ago. `window` is in milliseconds or a text such as `'2s'`.
 *
 * @throws SentinelOptionsError where it stands, naming every wrong option
 * @example
 * @Action('pay')
 * @Debounce('2s')
 * async pay(ctx: Context) { await ctx.answerCbQuery('Paid.') }
 */
export function Debounce<C extends Context = Context>(options: Duration | DebounceOptions<C>): GuardDecorator
export function Debounce(...args: readonly unknown[]): GuardDecorator {
  refuseUncalled('@Debounce', args)
  const [options] = args
  const debounce = valid(parseDebounceOptions(options, '@Debounce'))
  return guard('@Debounce', (guards) => ({ ...guards, debounces: [debounce, ...guards.debounces] }))
}

/**
 * Lets only registered users pass.
 *
 * @throws SentinelOptionsError where it stands, naming every wrong option
 * @example
 * @Command('buy')
 * @RequireRegistered({ reply: 'Please /register first.' })
 * async buy(ctx: Context) { await ctx.reply('Bought.') }
 */
export function RequireRegistered<C extends Context = Context>(
  options?: RequireRegisteredOptions<C>,
): GuardDecorator
export function RequireRegistered(...args: readonly unknown[]): GuardDecorator {
  refuseBare('@RequireRegistered', args)
  const [options = true] = args
  const requireRegistered = valid(parseRequireRegisteredOptions(options, '@RequireRegistered'))
  return guard('@RequireRegistered', (guards) => ({ ...guards, requireRegistered }))
}

/**
 * Lifts the guards of the bot and the class from a method; its own stay, and a block always holds.
 *
 * @example
 * @Help()
 * @Exempt()
 * async help(ctx: Context) { await ctx.reply('…') }
 */
export function Exempt(): MethodGuardDecorator
export function Exempt(...args: readonly unknown[]): MethodGuardDecorator {
  refuseBare('@Exempt', args)
  return guard('@Exempt', (guards) => ({ ...guards, exempt: true }))
}

function guard(decorator: string, add: (guards: Guards) => Guards): GuardDecorator {
  return (...args: readonly unknown[]): void => {
    const { description, key, label } = placeOf(decorator, args)
    if (key !== undefined) {
      const member = memberOf(description, key)
      description.members.set(key, { ...member, guards: add(member.guards ?? NO_GUARDS) })
    } else if (decorator === '@Exempt') throw misplaced(decorator, label, 'a class; it needs a method')
    else description.guards = add(description.guards ?? NO_GUARDS)
  }
}

function valid<T>({ value, problems }: Parsed<T>): T {
  if (problems.length > 0) throw new SentinelOptionsError(problems)
  return value
}

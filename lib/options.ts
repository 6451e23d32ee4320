/** SentinelOptions: what may be written, what it means, and every mistake at once. */
import type { Context } from 'telegraf'
import { z } from 'zod/v3'
import { boundsOf, type BackpressureOptions, type Bounds } from './backlog'
import type { Clock } from './clock'
import { scanControllers } from './decorators/scan'
import { toMilliseconds, type Duration } from './duration'
import { SentinelOptionsError, type Problem } from './errors'
import type { HooksOption } from './hooks'
import { spaceOf } from './keys'
import { exemption, safely, wholeMs } from './option-functions'
import type { Plugin } from './plugin'
import type { DebounceOptions, Guards, Level, RateLimitOptions, RequireRegisteredOptions } from './policy'
import { ANSWERED_REASONS, type RepliesOption } from './reply'
import {
  check,
  duration,
  must,
  parseDebounce,
  parseGuardPolicy,
  parseRateLimits,
  parseRequireRegistered,
  reply,
  show,
} from './schema'
import type { RegistrationMode } from './stores/decision'
import { parseStore } from './stores/open'
import type { StorageAdapter } from './stores/store'
import type { Subject } from './subject'

/** A controller: a class decorated with `@Controller`, or an instance of one. */
export type ControllerLike = (abstract new (...args: never[]) => object) | object

/** Options of `createSentinel`; the README has them as a table. */
export interface SentinelOptions<C extends Context = Context> {
  /**
   * `'memory'` (default), `'redis://…'`, `'rediss://…'`, `'postgres://…'`, `'postgresql://…'`, `'pglite:<dir>'`, or a
   * StorageAdapter. A store made from a text is closed by `sentinel.close()`.
   */
  store?: string | StorageAdapter
  /** First segment of every key. Default `'sentinel'`. */
  prefix?: string
  /** Second segment; keeps bots that share a store and a prefix apart. Default `'main'`. */
  bot?: string
  controllers?: readonly ControllerLike[]
  /** Makes an instance of a controller, for a DI container. Default `new Class()`. */
  resolve?: (controller: new (...args: never[]) => object) => object
  /** Bot-wide limit(s), per actor. Default `false`. */
  rateLimit?: false | RateLimitOptions<C> | readonly RateLimitOptions<C>[]
  /** Bot-wide debounce. Default `false`. */
  debounce?: false | Duration | DebounceOptions<C>
  /** Bot-wide: only registered users. Default `false`. */
  requireRegistered?: boolean | RequireRegisteredOptions<C>
  /** The bot's own user table. `cacheFor` defaults to a minute. */
  registration?: {
    resolve?: (ctx: C) => unknown
    cacheFor?: Duration
  }
  /** No registration, debounce or limit for these, anywhere; a block still holds. */
  exempt?: ((ctx: C) => boolean) | readonly number[]
  /** An `update_id` already handled within this time is dropped. Default `false`. */
  deduplicate?: false | Duration
  /** Follow `my_chat_member` in private chats. Default `true`. */
  membership?: boolean
  reply?: RepliesOption<C>
  /** What becomes of an update that the store does not decide. Default `'allow'`. */
  onStoreError?: 'allow' | 'refuse' | 'throw'
  /**
   * Longest wait of one update: for the store, `registration.resolve` and asynchronous limits, and for its refusal to be
   * answered; in the sentinel and in each `guard()` and `scan()` behind it, all together. The time that handlers and hooks take
   * does not count. Once a decision has come too late, `onStoreError` decides at once about what else that update would ask. A
   * limit's function has half of what is left, so that the decision is taken without it if need be; so has a chat's migration.
   * An answer that takes longer is sent all the same, and not waited for. Default `'500ms'`.
   */
  storeTimeout?: Duration
  /** How much may be under way. Beyond it, `onStoreError` decides; a reply is left out. `overload` events tell of it. */
  backpressure?: BackpressureOptions
  hooks?: HooksOption<C>
  plugins?: readonly Plugin<C>[]
  /** Milliseconds; default the store's own time. */
  clock?: Clock
}

/** Options as the flow goes by them: defaults filled in, durations in ms. */
export interface Settings<C extends Context> {
  readonly space: string
  readonly store: StorageAdapter
  /** We made the store, so we close it. */
  readonly ownsStore: boolean
  /** Sent with each decision; absent: the store's own time. */
  readonly injectedClock: Clock | undefined
  /** For what the store does not time: events, caches. */
  readonly clock: Clock
  /** What the bot-wide options and the plugins ask of every update. */
  readonly botWide: readonly Level<C>[]
  readonly controllers: readonly ControllerLike[]
  readonly resolve: (controller: new (...args: never[]) => object) => object
  readonly registration: { readonly resolve?: (ctx: C) => unknown; readonly cacheFor: number } | undefined
  readonly registrationMode: RegistrationMode
  readonly exempt: ((ctx: C, subject: Subject) => boolean) | undefined
  readonly deduplicate: number | undefined
  readonly membership: boolean
  readonly reply: RepliesOption<C> | undefined
  readonly onStoreError: 'allow' | 'refuse' | 'throw'
  readonly storeTimeout: number
  readonly backpressure: Bounds
  readonly hooks: HooksOption<C> | undefined
  readonly hookTimeout: number
  readonly plugins: readonly Plugin<C>[]
}

/** The longest that a timer can wait: Node fires longer ones at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

const isFunction = (value: unknown): boolean => typeof value === 'function'
const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const count = must((value) => Number.isSafeInteger(value) && (value as number) > 0, 'a positive integer')
const flag = must((value) => typeof value === 'boolean', 'true or false')
const oneOrMany = must(
  (value) => isFunction(value) || (Array.isArray(value) && value.every(isFunction)),
  'a function or an array of functions',
)
const timeout = must((value) => {
  const ms = toMilliseconds(value)
  return ms !== undefined && ms <= LONGEST_TIMEOUT
}, "a duration of at most 24 days, such as '500ms' or '2s'")

const STORE_ERROR_MODES: readonly unknown[] = ['allow', 'refuse', 'throw']

const repliesSchema = z.strictObject(
  Object.fromEntries(ANSWERED_REASONS.map((reason) => [reason, reply.optional()])),
)
const hooksSchema = z.strictObject({
  before: oneOrMany.optional(),
  allowed: oneOrMany.optional(),
  refused: oneOrMany.optional(),
  after: oneOrMany.optional(),
  timeout: timeout.optional(),
})
const backpressureSchema = z.strictObject({
  decisions: count.optional(),
  hooks: count.optional(),
  replies: count.optional(),
})
const registrationSchema = z.strictObject({
  resolve: must(isFunction, 'a function (ctx) => Promise<profile | null>').optional(),
  cacheFor: duration.optional(),
})
const pluginSchema = z.strictObject({
  name: must(
    (value) => typeof value === 'string' && /^[\w-]+$/.test(value),
    'a name of letters, digits, - and _',
  ),
  policy: z.unknown().optional(),
  setup: must(isFunction, 'a function (host) => void').optional(),
})
const optionsSchema = z.strictObject({
  store: z.unknown().optional(),
  prefix: must(isText, 'a non-empty string').optional(),
  bot: must(isText, 'a non-empty string').optional(),
  controllers: must(Array.isArray, 'an array of controller classes or instances').optional(),
  resolve: must(isFunction, 'a function (Class) => instance').optional(),
  rateLimit: z.unknown().optional(),
  debounce: z.unknown().optional(),
  requireRegistered: z.unknown().optional(),
  registration: registrationSchema.optional(),
  exempt: must(
    (value) => isFunction(value) || (Array.isArray(value) && value.every(Number.isSafeInteger)),
    'a function (ctx) => boolean or an array of user ids (integers)',
  ).optional(),
  deduplicate: must(
    (value) => value === false || toMilliseconds(value) !== undefined,
    "false or a duration such as '10m'",
  ).optional(),
  membership: flag.optional(),
  reply: z.unknown().optional(),
  onStoreError: must((value) => STORE_ERROR_MODES.includes(value), "'allow', 'refuse' or 'throw'").optional(),
  storeTimeout: timeout.optional(),
  backpressure: backpressureSchema.optional(),
  hooks: hooksSchema.optional(),
  plugins: must(Array.isArray, 'an array of plugins').optional(),
  clock: must(
    (value) => isFunction((value as Partial<Clock> | null)?.now),
    'an object { now(): number }',
  ).optional(),
})

/**
 * Reads the options of `createSentinel`.
 *
 * @throws SentinelOptionsError with every mistake, its path and what would be right
 */
export function readOptions<C extends Context>(given: SentinelOptions<C> | undefined): Settings<C> {
  const value: unknown = given ?? {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SentinelOptionsError([{ path: 'options', message: `must be an object, not ${show(value)}` }])
  }
  if ('update' in value && 'telegram' in value) {
    const message =
      'are the context of an update: it is bot.use(createSentinel({ … })), not bot.use(createSentinel)'
    throw new SentinelOptionsError([{ path: 'options', message }])
  }
  const options = value as SentinelOptions<C>
  const problems: Problem[] = [...check(optionsSchema, options, '').problems]
  const botWide = readLevels(options, problems)
  problems.push(...replyProblems(options.reply))
  const storeTimeout = toMilliseconds(options.storeTimeout) ?? 500
  const store = parseStore(options.store, 'store', { timeout: storeTimeout })
  problems.push(...store.problems)
  if (problems.length > 0) {
    throw new SentinelOptionsError([...problems, ...controllerProblems(options.controllers)])
  }
  return settle(options, { store: store.value, storeTimeout }, botWide)
}

/** The controllers' mistakes too, so that all are told at once; no instance is made of any. */
function controllerProblems(controllers: unknown): readonly Problem[] {
  if (!Array.isArray(controllers)) return []
  return scanControllers(controllers, (Class) => Class.prototype as object).problems
}

function readLevels<C extends Context>(options: SentinelOptions<C>, problems: Problem[]): Level<C>[] {
  const rateLimits = parseRateLimits<C>(options.rateLimit, 'rateLimit')
  const debounces = parseDebounce<C>(options.debounce, 'debounce')
  const required = parseRequireRegistered<C>(options.requireRegistered, 'requireRegistered')
  problems.push(...rateLimits.problems, ...debounces.problems, ...required.problems)
  const guards: Guards<C> = {
    rateLimits: rateLimits.value,
    debounces: debounces.value,
    requireRegistered: required.value,
    exempt: false,
  }
  const levels: Level<C>[] = [{ name: 'bot', guards }]
  if (!Array.isArray(options.plugins)) return levels
  const names = new Set<unknown>()
  options.plugins.forEach((plugin: Plugin<C>, i) => {
    const path = `plugins[${i}]`
    if (typeof plugin !== 'object' || plugin === null) {
      problems.push({ path, message: `must be a plugin { name, policy?, setup? }, not ${show(plugin)}` })
      return
    }
    const { name, policy } = plugin
    problems.push(...check(pluginSchema, plugin, path).problems)
    if (names.has(name)) problems.push({ path: `${path}.name`, message: `${show(name)} is taken by another` })
    names.add(name)
    if (policy === undefined) return
    const named: unknown =
      typeof policy === 'object' ? { name: isText(name) ? name : path, ...policy } : policy
    const parsed = parseGuardPolicy<C>(named, `${path}.policy`)
    problems.push(...parsed.problems)
    levels.push({ name: parsed.value.name ?? name, guards: parsed.value.guards })
  })
  return levels
}

function replyProblems(value: unknown): readonly Problem[] {
  if (value === undefined || value === false || isFunction(value)) return []
  if (typeof value !== 'object' || value === null) {
    return [
      {
        path: 'reply',
        message: `must be false, a function or texts by reason { limited: '…' }, not ${show(value)}`,
      },
    ]
  }
  return check(repliesSchema, value, 'reply').problems
}

function settle<C extends Context>(
  options: SentinelOptions<C>,
  { store, storeTimeout }: Pick<Settings<C>, 'store' | 'storeTimeout'>,
  botWide: readonly Level<C>[],
): Settings<C> {
  const { registration, exempt, clock } = options
  return {
    space: spaceOf(options.prefix ?? 'sentinel', options.bot ?? 'main'),
    store,
    ownsStore: store !== options.store,
    injectedClock: clock === undefined ? undefined : { now: () => wholeMs(clock) },
    clock: clock === undefined ? { now: Date.now } : { now: () => safely(clock) },
    botWide,
    controllers: options.controllers ?? [],
    resolve: options.resolve ?? ((Class) => new Class()),
    registration: registration && {
      resolve: registration.resolve,
      cacheFor: toMilliseconds(registration.cacheFor) ?? 60_000,
    },
    registrationMode: registration?.resolve === undefined ? 'required' : 'ask',
    exempt: exempt === undefined ? undefined : exemption(exempt),
    deduplicate: toMilliseconds(options.deduplicate),
    membership: options.membership ?? true,
    reply: options.reply,
    onStoreError: options.onStoreError ?? 'allow',
    storeTimeout,
    backpressure: boundsOf(options.backpressure),
    hooks: options.hooks,
    hookTimeout: toMilliseconds(options.hooks?.timeout) ?? 1000,
    plugins: options.plugins ?? [],
  }
}

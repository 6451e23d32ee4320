/**
 * Policies as written -> plans as judged. All that can be worked out before the first update is worked out here:
 * bucket names, rules, hashes, which checks need the context. Two buckets of one name must have one rule.
 */
import type { Context } from 'telegraf'
import { toMilliseconds } from './duration'
import { SentinelOptionsError, type Problem } from './errors'
import { debounceId, limitId } from './keys'
import { limiterOf, ruleOf } from './limiters'
import type { Limiter, Rule } from './limiters/limiter'
import type { DebounceOptions, Guards, Level, RateLimitOptions, RequireRegisteredOptions } from './policy'
import type { Replies, ReplyOption } from './reply'
import type { LimitCheck, Scope } from './stores/decision'

type Fn<C, T> = (ctx: C) => T

/** A limit ready to be judged: a check that can be sent as it is, and what of it has to be asked of the context. */
export interface PlannedLimit<C extends Context = Context> {
  readonly check: LimitCheck
  readonly limit: Fn<C, number | Promise<number>> | undefined
  readonly cost: Fn<C, number> | undefined
  readonly scope: Fn<C, string> | undefined
  readonly reply: ReplyOption<C> | undefined
  readonly bucket: Bucket
}

export interface PlannedDebounce<C extends Context = Context> {
  /** 53-bit hash of the bucket's name. */
  readonly id: number
  readonly bucket: string
  readonly window: number
  readonly at: Scope
  readonly scope: Fn<C, string> | undefined
  readonly fingerprint: Fn<C, string | undefined> | undefined
  readonly notice: boolean
}

/** Everything that one route, one guard or the bot as a whole asks of an update. */
export interface Plan<C extends Context = Context> {
  readonly limits: readonly PlannedLimit<C>[]
  readonly debounces: readonly PlannedDebounce<C>[]
  /** Set where a registration is required; its `reply` is the check's own. */
  readonly registered: RequireRegisteredOptions<C> | undefined
  /** The limits' checks where none needs the context, to be sent as they are. */
  readonly checks: readonly LimitCheck[] | undefined
}

/** The plan in front of one method. */
export interface Around<C extends Context = Context> {
  readonly plan: Plan<C>
  /** What `@Exempt` spares it, and is judged for whatever follows when it calls `next`. */
  readonly lifted: Plan<C> | undefined
}

/** One named limit, however many places share it. */
export interface Bucket {
  readonly name: string
  readonly scope: Scope
  readonly window: number
  readonly limiter: Limiter
  /** Absent: a function decides for each subject. */
  readonly rule: Rule | undefined
  /** The first place's check: what `limits.peek`, `.consume` and `.reset` go by. */
  readonly check: LimitCheck
  /** Rules by limit, where the limit is dynamic. */
  ruleFor(limit: number): Rule
  /** The limits that subjects last had, where the limit is dynamic. */
  readonly last: Map<string, number>
}

/** Remembered limits per dynamic bucket; the idlest go first. */
export const MOST_REMEMBERED = 100_000

interface Known {
  readonly signature: readonly unknown[]
  readonly path: string
}

/** Makes plans, and knows every bucket by its name. */
export class Planner<C extends Context> {
  readonly buckets = new Map<string, Bucket>()
  readonly #claimed = new Map<string, Guards<C>>()
  readonly #problems: Problem[] = []
  readonly #known = new Map<string, Known>()
  readonly #limits = new WeakMap<RateLimitOptions<C>, PlannedLimit<C>>()
  readonly #replies: Replies<C>

  constructor(replies: Replies<C>) {
    this.#replies = replies
  }

  /** One plan of several levels, outermost first; a bucket that two levels share is judged once. */
  plan(...levels: readonly (Level<C> | Plan<C>)[]): Plan<C> {
    return mergePlans(
      ...levels.map((level) => ('guards' in level ? this.#level(level.name, level.guards) : level)),
    )
  }

  /** What a method asks: bot < class < method. `@Exempt` lifts the first two. */
  around(
    botWide: Plan<C>,
    { classes, method }: { readonly classes: readonly Level<C>[]; readonly method: Level<C> },
  ): Around<C> {
    for (const level of [...classes, method]) this.claim(level)
    const outer = this.plan(botWide, ...classes)
    if (method.guards.exempt) return { plan: this.plan(method), lifted: outer }
    return { plan: this.plan(outer, method), lifted: undefined }
  }

  /**
   * Classes lend their names to their unnamed buckets: two classes of one name (minified ones, say) would share
   * them unawares.
   */
  claim(level: Level<C>): void {
    const claimed = this.#claimed.get(level.name)
    if (claimed === level.guards || !hasUnnamed(level.guards)) return
    if (claimed === undefined) {
      this.#claimed.set(level.name, level.guards)
      return
    }
    const message =
      `two places would share the buckets named '${level.name}'. Name the classes with @Controller('…'), ` +
      'or the buckets with `name` if they are to be one'
    this.#problems.push({ path: level.name, message })
  }

  /** @throws SentinelOptionsError if buckets contradict each other, or there are other problems */
  check(others: readonly Problem[] = []): void {
    const problems = [...others, ...this.#problems.splice(0)]
    if (problems.length > 0) throw new SentinelOptionsError(problems)
  }

  #level(name: string, guards: Guards<C>): Plan<C> {
    const names = new Names(name)
    const limits = guards.rateLimits.map((options) =>
      this.#planned(options.name ?? names.next(), name, options),
    )
    const marks = new Names(name)
    const debounces = guards.debounces.map((options) => this.#debounce(marks.next(), name, options))
    return planOf(limits, debounces, guards.requireRegistered)
  }

  /** All routes of a class share the class's limits: one check each, not one per route. */
  #planned(name: string, path: string, options: RateLimitOptions<C>): PlannedLimit<C> {
    const known = this.#limits.get(options)
    if (known?.check.bucket === name) return known
    const before = this.#problems.length
    const planned = this.#limit(name, path, options)
    // What cannot be is said each time that it is asked for.
    if (this.#problems.length === before) this.#limits.set(options, planned)
    return planned
  }

  #limit(name: string, path: string, options: RateLimitOptions<C>): PlannedLimit<C> {
    const window = durationOf(options.window)
    const limiter = limiterOf(options.algorithm ?? 'sliding-window')
    const at = scopeOf(options.scope)
    const { limit, cost, countRefused = false } = options
    this.#agree('rate limit', name, path, {
      limit,
      window,
      algorithm: limiter.name,
      limiter,
      burst: options.burst,
      scope: options.scope ?? 'actor',
    })
    const ruleFor = (units: number): Rule =>
      ruleOf({ limit: units, window, burst: options.burst ?? units, countRefused })
    const rule = typeof limit === 'number' ? ruleFor(limit) : undefined
    const check: LimitCheck = {
      id: limitId(name),
      bucket: name,
      scope: at,
      key: undefined,
      limiter,
      rule: rule ?? ruleFor(1),
      cost: typeof cost === 'number' ? cost : 1,
      blockFor: options.blockFor === undefined ? 0 : durationOf(options.blockFor),
      shadow: options.shadow ?? false,
      notice: this.#replies.optionFor('limited', options.reply) !== false,
      outcome: undefined,
      lease: options.lease,
    }
    let bucket = this.buckets.get(name)
    if (bucket === undefined) {
      bucket = {
        name,
        scope: at,
        window,
        limiter,
        rule,
        check,
        ruleFor: remembering(ruleFor),
        last: new Map(),
      }
      this.buckets.set(name, bucket)
    }
    return {
      check,
      limit: typeof limit === 'function' ? limit : undefined,
      cost: typeof cost === 'function' ? cost : undefined,
      scope: typeof options.scope === 'function' ? options.scope : undefined,
      reply: options.reply,
      bucket,
    }
  }

  #debounce(name: string, path: string, options: DebounceOptions<C>): PlannedDebounce<C> {
    const { scope, fingerprint } = options
    const window = durationOf(options.window)
    this.#agree('debounce', name, path, { window, scope: scope ?? 'actor', fingerprint })
    return {
      id: debounceId(name),
      bucket: name,
      window,
      at: scopeOf(scope),
      scope: typeof scope === 'function' ? scope : undefined,
      fingerprint,
      notice: this.#replies.optionFor('debounced') !== false,
    }
  }

  #agree(kind: string, name: string, path: string, rule: Record<string, unknown>): void {
    const signature = Object.values(rule)
    const known = this.#known.get(`${kind} ${name}`)
    if (known === undefined) {
      this.#known.set(`${kind} ${name}`, { signature, path })
      return
    }
    const differs = Object.keys(rule).filter((_key, i) => signature[i] !== known.signature[i])
    if (differs.length === 0) return
    this.#problems.push({
      path,
      message: `the ${kind} bucket '${name}' is declared twice with different rules (${differs.join(', ')}; the other is at ${known.path}). Give one of them another name, or both the same rule`,
    })
  }
}

/** `Shop.buy`, then `Shop.buy#2`, … for the unnamed buckets of one level. */
class Names {
  #used = 0

  constructor(private readonly base: string) {}

  next(): string {
    this.#used++
    return this.#used === 1 ? this.base : `${this.base}#${this.#used}`
  }
}

/** One plan of several, outermost first; a bucket that two of them share is judged once. */
export function mergePlans<C extends Context>(...plans: readonly Plan<C>[]): Plan<C> {
  const limits: PlannedLimit<C>[] = []
  const debounces: PlannedDebounce<C>[] = []
  let registered: RequireRegisteredOptions<C> | undefined
  for (const plan of plans) {
    for (const limit of plan.limits) {
      if (!limits.some(({ check }) => check.bucket === limit.check.bucket)) limits.push(limit)
    }
    for (const debounce of plan.debounces) {
      if (!debounces.some(({ bucket }) => bucket === debounce.bucket)) debounces.push(debounce)
    }
    // The innermost level's reply is the closest to the handler.
    if (plan.registered !== undefined) registered = { ...registered, ...plan.registered }
  }
  return planOf(limits, debounces, registered)
}

function hasUnnamed<C extends Context>({ rateLimits, debounces }: Guards<C>): boolean {
  return debounces.length > 0 || rateLimits.some(({ name }) => name === undefined)
}

function planOf<C extends Context>(
  limits: readonly PlannedLimit<C>[],
  debounces: readonly PlannedDebounce<C>[],
  registered: RequireRegisteredOptions<C> | undefined,
): Plan<C> {
  const isStatic = limits.every(({ limit, cost, scope, check }) => {
    return limit === undefined && cost === undefined && scope === undefined && check.rule.limit !== Infinity
  })
  return { limits, debounces, registered, checks: isStatic ? limits.map(({ check }) => check) : undefined }
}

function scopeOf(option: RateLimitOptions<never>['scope']): Scope {
  return typeof option === 'function' ? 'own' : (option ?? 'actor')
}

/** Options are validated before they come here. */
function durationOf(duration: RateLimitOptions['window']): number {
  return toMilliseconds(duration) ?? NaN
}

function remembering(ruleFor: (limit: number) => Rule): (limit: number) => Rule {
  const rules = new Map<number, Rule>()
  return (limit) => {
    let rule = rules.get(limit)
    if (rule === undefined) {
      if (rules.size >= 1000) rules.clear()
      rule = ruleFor(limit)
      rules.set(limit, rule)
    }
    return rule
  }
}

/**
 * Guards around the methods of classes that somebody else calls: another framework's router, or the bot's author by hand.
 * The decorators are those of controllers, and so are the plans; only who routes is another.
 */
import type { Context } from 'telegraf'
import { methodName, type ClassLevels } from './decorators/levels'
import { classOf } from './decorators/scan'
import type { AnyClass } from './decorators/types'
import { SentinelUsageError } from './errors'
import type { Gate } from './gate'
import type { Around, Plan, Planner } from './plan'
import { NO_GUARDS, show } from './schema'
import type { Next, Turn } from './turn'

type Key = string | symbol
type Method = (...args: unknown[]) => unknown

export interface ClassGuardParts<C extends Context> {
  readonly planner: Planner<C>
  readonly gate: Gate<C>
  readonly botWide: Plan<C>
  /** This sentinel's turn on a context, if it has one. */
  turnOf(ctx: C): Turn | undefined
  /** Runs with this update's turn, which it begins where there is none. */
  enter(ctx: C, run: (turn: Turn) => unknown): Promise<void>
}

/**
 * The guards of one class, for whoever routes to its methods: `sentinel.guardsOf(Class)`. Frameworks that call methods by
 * themselves, as nestjs-telegraf does, hand each call to `run`.
 */
export class ClassGuard<C extends Context = Context> {
  readonly #parts: ClassGuardParts<C>
  readonly #levels: ClassLevels
  readonly #name: string
  readonly #arounds = new Map<Key, Around<C>>()
  /** Updates that a method of the class was called for: what it calls by itself is a part of it. */
  readonly #within = new WeakSet<Turn>()

  /** Plans all methods that have guards, so that mistakes show before the first update; `planner.check` tells of them. */
  constructor(name: string, levels: ClassLevels, parts: ClassGuardParts<C>) {
    this.#name = name
    this.#levels = levels
    this.#parts = parts
    for (const key of levels.methods.keys()) this.#around(key)
  }

  /** Whether the method has guards of its own. */
  hasOwn(key: Key): boolean {
    const guards = this.#levels.methods.get(key)?.level.guards ?? NO_GUARDS
    return guards !== NO_GUARDS
  }

  /** The methods that have guards of their own, and whether all others have those of the class. */
  get reach(): { readonly own: readonly Key[]; readonly others: boolean } {
    const own = [...this.#levels.methods.keys()].filter((key) => this.hasOwn(key))
    return { own, others: this.#levels.classes.length > 0 }
  }

  /** `Shop.buy`, for messages. */
  label(key: Key): string {
    return `${this.#name}.${methodName(key)}`
  }

  /** Whether a method without guards of its own is called by one that was let through for this update. */
  isPartOf(ctx: C, key: Key): boolean {
    if (this.hasOwn(key)) return false
    const turn = this.#parts.turnOf(ctx)
    return turn !== undefined && this.#within.has(turn)
  }

  /**
   * Judges the update by the bot-wide guards, the class's and the method's, as far as it was not judged by them yet; runs
   * `handler` if they allow it. A refusal is answered as any, and nothing is thrown.
   *
   * @param next what the handler may call to have others handle the update too; `handler` gets one that judges first what
   * `@Exempt` has spared the method.
   * @returns what the handler returned, `undefined` where the update was refused
   * @example
   * const guards = sentinel.guardsOf(Shop)
   * bot.command('buy', (ctx, next) => guards.run(ctx, 'buy', (following) => shop.buy(ctx, following), next))
   */
  async run<T>(
    ctx: C,
    key: Key,
    handler: (next: Next<C> | undefined) => T | Promise<T>,
    next?: Next<C>,
  ): Promise<T | undefined> {
    const { gate, enter } = this.#parts
    const { plan, lifted } = this.#around(key)
    let result: T | undefined
    await enter(ctx, async (turn) => {
      if (!(await gate.admit(ctx, turn, plan))) return
      this.#within.add(turn)
      result = await handler(this.#following(ctx, lifted, next))
    })
    return result
  }

  /** `next`, behind what the method was spared. */
  #following(ctx: C, lifted: Plan<C> | undefined, next: Next<C> | undefined): Next<C> | undefined {
    if (lifted === undefined || next === undefined) return next
    const { gate, enter } = this.#parts
    return (other = ctx) =>
      enter(other, async (turn) => {
        if (await gate.admit(other, turn, lifted)) await next(other)
      })
  }

  #around(key: Key): Around<C> {
    let around = this.#arounds.get(key)
    if (around === undefined) {
      const { planner, botWide } = this.#parts
      const method = this.#levels.methods.get(key)?.level ?? { name: this.label(key), guards: NO_GUARDS }
      around = planner.around(botWide, { classes: this.#levels.classes, method })
      this.#arounds.set(key, around)
    }
    return around
  }
}

/**
 * The class that an instance is one of.
 *
 * @throws SentinelUsageError for anything else
 */
export function classOfInstance(instance: unknown): AnyClass {
  const Class = typeof instance === 'function' ? undefined : classOf(instance)
  if (Class !== undefined) return Class
  const what = typeof instance === 'function' ? 'the class or function itself' : show(instance)
  throw new SentinelUsageError(
    `protect: takes an instance of a class, as new Shop(), not ${what}; for a function there is sentinel.guard()`,
  )
}

/**
 * Puts a class's guards in front of the methods of one instance, in place: whoever holds it calls guarded methods.
 *
 * @throws SentinelUsageError for an instance that cannot be changed, or whose guarded method is none
 */
export function protect<C extends Context>(instance: object, guard: ClassGuard<C>): void {
  const { own, others } = guard.reach
  const keys = new Set([...own, ...(others ? methodKeys(instance) : [])])
  if (keys.size > 0 && !Object.isExtensible(instance)) {
    throw new SentinelUsageError('protect: the instance is frozen; protect it before it is')
  }
  for (const key of keys) {
    const method: unknown = Reflect.get(instance, key)
    if (typeof method !== 'function') {
      throw new SentinelUsageError(`protect: ${guard.label(key)} is no method on this instance`)
    }
    const value = guarded(instance, key, method as Method, guard)
    Object.defineProperty(instance, key, { value, configurable: true, writable: true, enumerable: false })
  }
}

function guarded<C extends Context>(
  instance: object,
  key: Key,
  method: Method,
  guard: ClassGuard<C>,
): Method {
  const call = (args: unknown[]): unknown => Reflect.apply(method, instance, args)
  const inFront: Method = (...args) => {
    const at = args.findIndex(isContext)
    if (at < 0) {
      if (!guard.hasOwn(key)) return call(args)
      const label = guard.label(key)
      throw new SentinelUsageError(`${label} is guarded: call it with the Telegraf context of the update`)
    }
    const ctx = args[at] as C
    if (guard.isPartOf(ctx, key)) return call(args)
    const next = args[at + 1]
    if (typeof next !== 'function') return guard.run(ctx, key, () => call(args))
    const handler = (following: unknown): unknown => call(args.with(at + 1, following))
    return guard.run(ctx, key, handler, next as Next<C>)
  }
  // What others have left on the method (metadata, properties) is found on what stands in front of it.
  Object.setPrototypeOf(inFront, method)
  for (const own of ['name', 'length'] as const) {
    Object.defineProperty(inFront, own, { value: method[own], configurable: true })
  }
  return inFront
}

/** All methods of an instance's classes. */
function methodKeys(instance: object): Key[] {
  const keys = new Set<Key>()
  for (let at = prototypeOf(instance); at !== null && at !== Object.prototype; at = prototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      const isMethod = typeof Object.getOwnPropertyDescriptor(at, key)?.value === 'function'
      if (isMethod && key !== 'constructor') keys.add(key)
    }
  }
  return [...keys]
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null
}

/** Known by what it has: an application may have two copies of Telegraf. */
function isContext(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'update' in value && 'telegram' in value
}

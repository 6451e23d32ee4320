/**
 * Guards around the methods of classes that somebody else calls: another framework's router, or the bot's author by hand.
 * The decorators are those of controllers, and so are the plans; only who routes is another.
 */
import type { Context } from 'telegraf'
import { levelsOf, methodName } from './decorators/levels'
import type { AnyClass } from './decorators/types'
import { SentinelUsageError } from './errors'
import type { Gate } from './gate'
import { memberKeys, type Key } from './members'
import { hintFor } from './nearest'
import type { Around, Plan, Planner } from './plan'
import type { Level } from './policy'
import { NO_GUARDS, show } from './schema'
import { carryTurns, type Next, type Turn } from './turn'

/** As `Next`; what else it is called with goes along. */
type Onward<C> = (ctx?: C, ...rest: unknown[]) => Promise<void>

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
  readonly #hasClassGuards: boolean
  readonly #Class: AnyClass
  /** The methods that have guards of their own. */
  readonly #own: ReadonlySet<Key>
  /** Of the methods that a decorator stands on. */
  readonly #arounds = new Map<Key, Around<C>>()
  /** Of all others. */
  readonly #plain: Around<C>
  /** Their names, as far as they were asked for. */
  readonly #others = new Set<Key>()
  /** How many methods of the class run for an update: what they call by themselves is a part of them. */
  readonly #within = new WeakMap<Turn, number>()

  /** Plans all methods that have guards, so that mistakes show before the first update; `planner.check` tells of them. */
  constructor(Class: AnyClass, parts: ClassGuardParts<C>) {
    const levels = levelsOf(Class)
    const around = (method: Level): Around<C> =>
      parts.planner.around(parts.botWide, { classes: levels.classes, method })
    this.#Class = Class
    this.#hasClassGuards = levels.classes.length > 0
    this.#parts = parts
    const { methods } = levels
    this.#own = new Set([...methods.keys()].filter((key) => methods.get(key)?.level.guards !== NO_GUARDS))
    for (const [key, { level }] of methods) this.#arounds.set(key, around(level))
    this.#plain = around({ name: Class.name, guards: NO_GUARDS })
  }

  /**
   * Tells of fields that hold handlers: `run` takes the names of the class's methods, and these.
   *
   * @example
   * class Shop { buy = (ctx: Context) => ctx.reply('Bought.') }
   * const guards = sentinel.guardsOf(Shop)
   * guards.addFields(['buy'])
   */
  addFields(keys: Iterable<Key>): void {
    for (const key of keys) this.#others.add(key)
  }

  /** Whether the method has guards of its own. */
  hasOwn(key: Key): boolean {
    return this.#own.has(key)
  }

  /** Whether `@Exempt` spares the method something: `run` hands its handler another `next` than it was given, then. */
  hasLifted(key: Key): boolean {
    return this.#around(key).lifted !== undefined
  }

  /** The methods that have guards of their own, and whether all others have those of the class. */
  get reach(): { readonly own: readonly Key[]; readonly others: boolean } {
    return { own: [...this.#own], others: this.#hasClassGuards }
  }

  /** `Shop.buy`, for messages. */
  label(key: Key): string {
    return `${this.#Class.name}.${methodName(key)}`
  }

  /** Whether a method without guards of its own is called while one runs that was let through for this update. */
  isPartOf(ctx: C, key: Key): boolean {
    if (this.hasOwn(key)) return false
    const turn = this.#parts.turnOf(ctx)
    return turn !== undefined && (this.#within.get(turn) ?? 0) > 0
  }

  /**
   * Judges the update by the bot-wide guards, the class's and the method's, as far as it was not judged by them yet; runs
   * `handler` if they allow it. A refusal is answered as any, and nothing is thrown.
   *
   * @param next what the handler may call to have others handle the update too; `handler` gets one that judges first what
   * `@Exempt` has spared the method.
   * @returns what the handler returned, `undefined` where the update was refused
   * @throws SentinelUsageError for a key that the class does not have, where any of its methods has guards of its own
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
    const { plan, lifted } = this.#around(key)
    return this.#admitted(ctx, plan, async (turn) => {
      this.#count(turn, 1)
      try {
        return await handler(this.#following(ctx, lifted, next))
      } finally {
        this.#count(turn, -1)
      }
    })
  }

  async #admitted<T>(ctx: C, plan: Plan<C>, work: (turn: Turn) => Promise<T>): Promise<T | undefined> {
    const { gate, enter } = this.#parts
    let result: T | undefined
    await enter(ctx, async (turn) => {
      if (await gate.admit(ctx, turn, plan)) result = await work(turn)
    })
    return result
  }

  #count(turn: Turn, change: 1 | -1): void {
    this.#within.set(turn, (this.#within.get(turn) ?? 0) + change)
  }

  /** `next`, behind what the method was spared. */
  #following(ctx: C, lifted: Plan<C> | undefined, next: Onward<C> | undefined): Next<C> | undefined {
    if (lifted === undefined || next === undefined) return next
    const onward: Onward<C> = (other = ctx, ...rest) => {
      carryTurns(ctx, other)
      return this.#admitted(other, lifted, () => next(other, ...rest))
    }
    return onward
  }

  #around(key: Key): Around<C> {
    const around = this.#arounds.get(key)
    if (around !== undefined) return around
    if (!this.#others.has(key)) this.#learn(key)
    return this.#plain
  }

  /** A mistyped name must not pass by the guards of the method that is meant. */
  #learn(key: Key): void {
    // Where only the class has guards, all names come to the same.
    if (this.#own.size === 0) return
    const keys = memberKeys(this.#Class.prototype as object)
    if (!keys.includes(key)) {
      const known = new Set([...keys, ...this.#others].map(methodName))
      const hint = hintFor(key, [...known], 'methods')
      throw new SentinelUsageError(`${this.#Class.name} has no method ${show(key)}: ${hint}`)
    }
    this.#others.add(key)
  }
}

/**
 * Guards around the methods of classes that somebody else calls: another framework's router, or the bot's author by hand.
 * The decorators are those of controllers, and so are the plans; only who routes is another.
 */
import type { Context } from 'telegraf'
import { methodName, type ClassLevels } from './decorators/levels'
import type { Gate } from './gate'
import type { Key } from './members'
import type { Around, Plan, Planner } from './plan'
import { NO_GUARDS } from './schema'
import type { Next, Turn } from './turn'

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
  /** How many methods of the class run for an update: what they call by themselves is a part of them. */
  readonly #within = new WeakMap<Turn, number>()

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

  /** Whether `@Exempt` spares the method something: `run` hands its handler another `next` than it was given, then. */
  hasLifted(key: Key): boolean {
    return this.#around(key).lifted !== undefined
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
      this.#count(turn, 1)
      try {
        result = await handler(this.#following(ctx, lifted, next))
      } finally {
        this.#count(turn, -1)
      }
    })
    return result
  }

  #count(turn: Turn, change: 1 | -1): void {
    this.#within.set(turn, (this.#within.get(turn) ?? 0) + change)
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

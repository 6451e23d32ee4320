/**
 * Routes in the order of registration as one Telegraf middleware. The first route that matches is found, and its
 * checks judged together with the bot-wide ones, before any handler of ours runs.
 */
import type { Context } from 'telegraf'
import type { Gate } from './gate'
import { mergePlans, type Around, type Plan } from './plan'
import type { Route } from './decorators/scan'
import { Router } from './routing/router'
import { carryTurns, type Next, type Turn } from './turn'

/** A route, and what it asks of an update. */
export interface Guarded<C extends Context> extends Around<C> {
  readonly route: Route
}

/** One update on its way through the routes. */
interface Run<C extends Context> {
  readonly next: Next<C>
  readonly turn: Turn
  /** What the methods that have called `next` were spared. */
  lifted: Plan<C> | undefined
}

const NONE = -1

export class Chain<C extends Context> {
  readonly #routes: readonly Guarded<C>[]
  readonly #router: Router
  readonly #gate: Gate<C>
  /** Judged where no route has asked for it. */
  readonly #botWide: Plan<C>

  constructor(routes: readonly Guarded<C>[], gate: Gate<C>, botWide: Plan<C>) {
    this.#routes = routes
    this.#router = new Router(routes.map(({ route }) => route))
    this.#gate = gate
    this.#botWide = botWide
  }

  /** Judges the update and hands it to the routes, then to `next`. */
  run(ctx: C, next: Next<C>, turn: Turn): unknown {
    return this.#follow(ctx, { next, turn, lifted: undefined }, 0)
  }

  /** Finds the first route at or after `from` that matches, and has its plan judged before anything else runs. */
  #follow(ctx: C, run: Run<C>, from: number): unknown {
    const hit = this.#router.next(ctx, from)
    return this.#whenAdmitted(ctx, run.turn, this.#planFor(hit, run), () => this.#walk(ctx, run, from, hit))
  }

  /** Runs what stands first at or after `from`: a `@Use`, the route that matched (`hit`), or what follows the chain. */
  #walk(ctx: C, run: Run<C>, from: number, hit: number): unknown {
    const use = this.#router.nextUse(from)
    if (use !== NONE && (hit === NONE || use < hit)) {
      const { route, plan } = this.#routes[use]
      return this.#whenAdmitted(ctx, run.turn, plan, () =>
        route.handler(
          ctx,
          // Another context has none of what the triggers have put on this one.
          once(ctx, (c) => (c === ctx ? this.#walk(c, run, use + 1, hit) : this.#follow(c, run, use + 1))),
        ),
      )
    }
    if (hit === NONE) return run.next(ctx)
    return this.#routes[hit].route.handler(
      ctx,
      once(ctx, (c) => this.#leave(c, run, hit)),
    )
  }

  /** A handler has called `next`: the next route that matches has its own checks. */
  #leave(ctx: C, run: Run<C>, hit: number): unknown {
    const { lifted } = this.#routes[hit]
    if (lifted !== undefined) run.lifted = run.lifted === undefined ? lifted : mergePlans(run.lifted, lifted)
    return this.#follow(ctx, run, hit + 1)
  }

  #planFor(hit: number, { lifted }: Run<C>): Plan<C> {
    if (hit === NONE) return lifted ?? this.#botWide
    const { plan, lifted: own } = this.#routes[hit]
    return lifted === undefined || own !== undefined ? plan : mergePlans(lifted, plan)
  }

  #whenAdmitted(ctx: C, turn: Turn, plan: Plan<C>, run: () => unknown): unknown {
    const admitted = this.#gate.admit(ctx, turn, plan)
    if (typeof admitted === 'boolean') return admitted ? run() : undefined
    return admitted.then((allowed) => (allowed ? run() : undefined))
  }
}

/** `next` as Telegraf gives it: asynchronous, and an error the second time. */
function once<C extends Context>(ctx: C, follow: (ctx: C) => unknown): Next<C> {
  let called = false
  return async (c = ctx) => {
    if (called) throw new Error('next() called multiple times')
    called = true
    carryTurns(ctx, c)
    await follow(c)
  }
}

/**
 * Routes in the order of registration as one Telegraf middleware. The first route that matches is found, and its
 * checks judged together with the bot-wide ones, before any handler of ours runs.
 */
import type { Context } from 'telegraf'
import type { Gate } from './gate'
import type { Plan } from './plan'
import type { Route } from './decorators/scan'
import { Router } from './routing/router'
import type { Turn } from './turn'

type Next<C> = (ctx?: C) => Promise<void>

/** A route, and what it asks of an update. */
export interface Guarded<C extends Context> {
  readonly route: Route
  readonly plan: Plan<C>
}

const NONE = -1

export class Chain<C extends Context> {
  readonly #routes: readonly Guarded<C>[]
  readonly #router: Router
  readonly #gate: Gate<C>
  /** Judged where no route has asked for it. */
  readonly #botWide: Plan<C>
  /** For each position, the next `@Use` at or after it. */
  readonly #nextUse: readonly number[]

  constructor(routes: readonly Guarded<C>[], gate: Gate<C>, botWide: Plan<C>) {
    this.#routes = routes
    this.#router = new Router(routes.map(({ route }) => route))
    this.#gate = gate
    this.#botWide = botWide
    const nextUse: number[] = []
    let use = NONE
    for (let i = routes.length - 1; i >= 0; i--) {
      if (routes[i].route.kind === 'use') use = i
      nextUse[i] = use
    }
    this.#nextUse = nextUse
  }

  /** Judges the update and hands it to the routes, then to `next`. */
  run(ctx: C, next: Next<C>, turn: Turn): unknown {
    const hit = this.#router.next(ctx, 0)
    const plan = hit === NONE ? this.#botWide : this.#routes[hit].plan
    return this.#whenAdmitted(ctx, turn, plan, () => this.#walk(ctx, next, turn, 0, hit))
  }

  /** Runs what stands first at or after `from`: a `@Use`, the route that matched (`hit`), or what follows the chain. */
  #walk(ctx: C, next: Next<C>, turn: Turn, from: number, hit: number): unknown {
    const use = this.#nextUse[from] ?? NONE
    if (use !== NONE && (hit === NONE || use < hit)) {
      const { route, plan } = this.#routes[use]
      return this.#whenAdmitted(ctx, turn, plan, () =>
        route.handler(
          ctx,
          once<C>((c = ctx) => this.#walk(c, next, turn, use + 1, hit)),
        ),
      )
    }
    if (hit !== NONE) {
      return this.#routes[hit].route.handler(
        ctx,
        once<C>((c = ctx) => this.#follow(c, next, turn, hit + 1)),
      )
    }
    // What a route with @Exempt was spared is judged for whatever follows.
    return this.#whenAdmitted(ctx, turn, this.#botWide, () => next(ctx))
  }

  /** A handler has called `next`: the next route that matches has its own checks. */
  #follow(ctx: C, next: Next<C>, turn: Turn, from: number): unknown {
    const hit = this.#router.next(ctx, from)
    if (hit === NONE) return this.#walk(ctx, next, turn, from, hit)
    return this.#whenAdmitted(ctx, turn, this.#routes[hit].plan, () => this.#walk(ctx, next, turn, from, hit))
  }

  #whenAdmitted(ctx: C, turn: Turn, plan: Plan<C>, run: () => unknown): unknown {
    const admitted = this.#gate.admit(ctx, turn, plan)
    if (typeof admitted === 'boolean') return admitted ? run() : undefined
    return admitted.then((allowed) => (allowed ? run() : undefined))
  }
}

/** `next` as Telegraf gives it: asynchronous, and an error the second time. */
function once<C>(follow: (ctx?: C) => unknown): Next<C> {
  let called = false
  return async (ctx) => {
    if (called) throw new Error('next() called multiple times')
    called = true
    await follow(ctx)
  }
}

/**
 * The product on one page: update -> subject -> plan -> one decision -> verdict.
 *
 * `createSentinel` reads the options, scans the controllers into routes, and gives every route its plan: what the bot,
 * the class and the method ask, together. As a middleware the sentinel says who acts (subject.ts), finds the route
 * (chain.ts), has its plan judged in one trip to the store (gate.ts), and only then lets a handler run or answers the
 * refusal (settlement.ts).
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Composer, type Context, type MiddlewareFn, type MiddlewareObj } from 'telegraf'
import { backlogsOf, waitingIn, type Backlogs } from './backlog'
import { Chain, type Guarded } from './chain'
import { ClassGuard } from './class-guard'
import { scanControllers, type Route } from './decorators/scan'
import type { AnyClass } from './decorators/types'
import { SentinelOptionsError } from './errors'
import { Emitter, type EventName, type Listener } from './events'
import { Gate } from './gate'
import { downBecause, healthHandler, healthOf } from './health'
import type { HealthHandler, HealthHandlerOptions, SentinelHealth } from './health'
import { Hooks, type HookFailed } from './hooks'
import { isThenable } from './promises'
import { Limits } from './limits'
import { Observer } from './observer'
import { readOptions, type ControllerLike, type SentinelOptions, type Settings } from './options'
import { Outbox } from './outbox'
import { Planner, type Plan } from './plan'
import { setUpPlugins } from './plugin'
import type { GuardPolicy, Level } from './policy'
import { classOfInstance, protect } from './protect'
import { Refusals } from './refusals'
import { Replies } from './reply'
import { parseGuardPolicy } from './schema'
import type { AnySessionStore, SessionStore, SessionStoreOptions } from './session-options'
import { Sessions, Switches } from './sessions'
import { Settlement } from './settlement'
import { ConnectingStore } from './stores/connecting'
import { Blocks, Members, Registrations, type RecordChange } from './stores/records'
import type { StorageAdapter } from './stores/store'
import type { StoreEvent } from './stores/store-event'
import { identify, isNeverRefused, type Loose } from './subject'
import { Trips } from './trip'
import { beginTurn, turnOf, type Next, type Turn } from './turn'

export type { SentinelHealth }

/** The guard in front of a bot's handlers; made by `createSentinel`, mounted by `bot.use(sentinel)`. */
export class Sentinel<C extends Context = Context> implements MiddlewareObj<C> {
  /** Bans: `add(userId, { for?, reason?, by? })`, `remove`, `get`, `list`. */
  readonly blocks: Blocks
  /** Registered users: `add(userId, profile?)`, `remove`, `get`, `list`. */
  readonly registrations: Registrations
  /** Who can be written to, as `my_chat_member` last said: `get(userId)`. */
  readonly members: Members
  /** Named limits from outside an update: `peek`, `consume`, `reset`. */
  readonly limits: Limits

  readonly #settings: Settings<C>
  readonly #trips: Trips<C>
  readonly #emitter = new Emitter()
  readonly #backlogs: Backlogs
  readonly #outbox: Outbox
  readonly #planner: Planner<C>
  readonly #hooks: Hooks<C>
  readonly #settlement: Settlement<C>
  readonly #gate: Gate<C>
  readonly #observer: Observer<C>
  readonly #botWide: Plan<C>
  readonly #chain: Chain<C>
  readonly #stopObserving: (() => void) | undefined
  readonly #classGuards = new WeakMap<object, ClassGuard<C>>()
  readonly #protected = new WeakSet<object>()
  #switches: Switches | undefined
  #closing: Promise<void> | undefined

  constructor(options?: SentinelOptions<C>) {
    const settings = readOptions(options)
    const replies = new Replies(settings.reply)
    this.#settings = settings
    this.#backlogs = backlogsOf(settings, this.#emitter)
    this.#outbox = new Outbox(this.#backlogs.replies)
    this.#trips = new Trips(settings, this.#backlogs.decisions)
    this.#planner = new Planner(replies)
    this.#hooks = new Hooks(settings.hooks, settings.hookTimeout, this.#backlogs.hooks)
    const store = new ConnectingStore(settings.store, () => this.#trips.connect())
    const now = (): number | Promise<number> => settings.injectedClock?.now() ?? store.now()
    const records = { changed: (change: RecordChange) => this.#recordChanged(change) }
    this.blocks = new Blocks(store, settings.space, now, records)
    this.registrations = new Registrations(store, settings.space, now, records)
    this.members = new Members(store, settings.space, now)
    this.limits = this.#limitsOf(settings)
    const refusals = new Refusals({ replies, settings, outbox: this.#outbox })
    const own = { backlogs: this.#backlogs, trips: this.#trips, emitter: this.#emitter, hooks: this.#hooks }
    const parts = { settings, refusals, ...own }
    this.#settlement = new Settlement(parts)
    this.#gate = new Gate({ ...parts, settlement: this.#settlement })
    this.#observer = new Observer({ ...parts, planner: this.#planner, members: this.members })
    for (const level of settings.botWide) this.#planner.claim(level)
    this.#botWide = this.#planner.plan(...settings.botWide)
    this.#chain = this.#chainOf(settings.controllers)
    // A store that extends another copy of the class may know nothing of observers.
    const { observe } = settings.store as Partial<StorageAdapter>
    this.#stopObserving = observe?.call(settings.store, (event) => this.#storeTold(event))
    setUpPlugins(settings.plugins, { space: settings.space, store, emitter: this.#emitter })
  }

  /** For Telegraf: `bot.use(sentinel)`. */
  middleware(): MiddlewareFn<C> {
    return (ctx, next) => this.#handle(ctx, next as Next<C>)
  }

  /**
   * Guards a handler that is in no controller.
   *
   * @throws SentinelOptionsError for a policy that cannot be
   * @example
   * bot.command('buy', sentinel.guard({ name: 'buy', rateLimit: { limit: 3, window: '10s' } }), (ctx) => ctx.reply('Bought.'))
   */
  guard(policy: GuardPolicy<C>): MiddlewareFn<C> {
    const { value, problems } = parseGuardPolicy<C>(policy, 'guard')
    if (problems.length > 0) throw new SentinelOptionsError(problems)
    const level: Level<C> = { name: value.name ?? 'guard', guards: value.guards }
    const plan = this.#planner.plan(this.#botWide, level)
    this.#planner.check()
    return (ctx, next) =>
      this.#enter(ctx, async (turn) => {
        if (await this.#gate.admit(ctx, turn, plan)) await next()
      })
  }

  /**
   * A controller as a Telegraf Composer, for a scene.
   *
   * @throws SentinelOptionsError for a controller that cannot be
   * @example
   * scene.use(sentinel.scan(Cart))
   */
  scan(controller: ControllerLike): Composer<C> {
    const chain = this.#chainOf([controller])
    return new Composer<C>((ctx, next) => this.#enter(ctx, (turn) => chain.run(ctx, next as Next<C>, turn)))
  }

  /**
   * Puts the guards of an instance's class in front of its methods, for whoever calls them: another package that routes, or
   * you by hand. The instance is changed in place. Methods with guards of their own are guarded, and with guards on the class all
   * that take a context; each then returns a promise, of `undefined` where the update is refused.
   *
   * @throws SentinelOptionsError for guards that cannot be; SentinelUsageError for what is no instance of a class, or frozen
   * @example
   * const shop = sentinel.protect(new Shop())
   * bot.command('buy', (ctx) => shop.buy(ctx))
   */
  protect<T extends object>(instance: T): T {
    if (this.#protected.has(instance)) return instance
    protect(instance, this.guardsOf(classOfInstance(instance)))
    this.#protected.add(instance)
    return instance
  }

  /**
   * The guards of a class, for a framework that calls its methods by itself: it hands each call to `run`.
   *
   * @throws SentinelOptionsError for guards that cannot be
   * @example
   * const guards = sentinel.guardsOf(Shop)
   * bot.command('buy', (ctx) => guards.run(ctx, 'buy', () => shop.buy(ctx)))
   */
  guardsOf(Class: AnyClass): ClassGuard<C> {
    let guards = this.#classGuards.get(Class)
    if (guards === undefined) {
      guards = new ClassGuard(Class, {
        planner: this.#planner,
        gate: this.#gate,
        botWide: this.#botWide,
        turnOf: (ctx) => turnOf(ctx, this),
        enter: (ctx, run) => this.#enter(ctx, run),
      })
      this.#planner.check()
      this.#classGuards.set(Class, guards)
    }
    return guards
  }

  /**
   * Telegraf's sessions on the sentinel's store. A session is what JSON keeps of it, and is kept for `ttl` after it was written last
   * (default 30 days; `Infinity`: for ever). What the store does not answer within `storeTimeout` rejects, and is a `storeError`.
   *
   * @throws SentinelOptionsError with every mistake
   * @example
   * bot.use(session({ store: sentinel.sessionStore({ ttl: '7d' }) }))
   */
  sessionStore(options?: SessionStoreOptions): AnySessionStore
  sessionStore<T>(options?: SessionStoreOptions): SessionStore<T>
  sessionStore(options?: SessionStoreOptions): SessionStore<unknown> {
    const backlog = this.#backlogs.decisions
    this.#switches ??= new Switches(this.#emitter)
    const own = { settings: this.#settings, trips: this.#trips, emitter: this.#emitter }
    return new Sessions({ ...own, backlog, switches: this.#switches }, options)
  }

  /** Connects the store; without it, the first use does. */
  ready(): Promise<void> {
    return this.#trips.connect()
  }

  /**
   * Updates after this are store errors. Resolves when what is under way is over: decisions within `storeTimeout`, hooks and
   * replies within two seconds. Replies that wait for their turn are dropped. A store that the sentinel made is closed, too.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Asks the store how it is; `down` where it does not answer within `storeTimeout`. Never rejects. */
  async health(): Promise<SentinelHealth> {
    try {
      const store = await this.#trips.use((asked) => asked.health())
      return healthOf(store, waitingIn(this.#backlogs))
    } catch (thrown) {
      return healthOf(downBecause(thrown), waitingIn(this.#backlogs))
    }
  }

  /**
   * Answers the probes of an orchestrator: `healthHandler(sentinel, options)`.
   *
   * @throws SentinelOptionsError that lists every mistake
   * @example
   * app.use('/health', sentinel.healthHandler())   // GET /health/live, GET /health/ready
   */
  healthHandler(options?: HealthHandlerOptions): HealthHandler {
    return healthHandler(this, options)
  }

  /** Calls `listener` for each event of that name. What it throws is a `hookError`. */
  on<N extends EventName>(event: N, listener: Listener<N>): this {
    this.#emitter.on(event, listener)
    return this
  }

  /** Calls `listener` for the next event of that name, and no more. */
  once<N extends EventName>(event: N, listener: Listener<N>): this {
    this.#emitter.once(event, listener)
    return this
  }

  /** Calls `listener` no more. */
  off<N extends EventName>(event: N, listener: Listener<N>): this {
    this.#emitter.off(event, listener)
    return this
  }

  async #handle(ctx: C, next: Next<C>): Promise<void> {
    const known = turnOf(ctx, this)
    if (known?.mounted) return this.#passThrough(known, next)
    await this.#enter(ctx, (turn) => {
      turn.mounted = true
      return this.#chain.run(ctx, next, turn)
    })
  }

  /** A second mount of the same sentinel would count twice; but what the first has refused, it does not let pass. */
  async #passThrough(turn: Turn, next: Next<C>): Promise<void> {
    await turn.deciding
    if (turn.verdict?.allowed !== false) await next()
  }

  /** Runs with this update's turn; whoever begins it also sees to what surrounds it. */
  #enter(ctx: C, run: (turn: Turn) => unknown): Promise<void> {
    const known = turnOf(ctx, this)
    return known === undefined ? this.#begin(ctx, run) : settled(run(known))
  }

  async #begin(ctx: C, run: (turn: Turn) => unknown): Promise<void> {
    const update = ctx.update as unknown as Loose
    const subject = identify(update, ctx.botInfo?.id)
    const isFree = isNeverRefused(update, subject.updateType)
    const turn = beginTurn(ctx, this, subject, isFree, this.#settings.storeTimeout)
    const observed = this.#observer.observe(update, turn)
    if (observed !== undefined) await observed
    const failed = (source: string, error: Error): void => this.#settlement.hookFailed(turn, source, error)
    try {
      if (!this.#hooks.has('before') || (await this.#prepared(ctx, turn, failed))) await run(turn)
    } finally {
      if (this.#hooks.has('after')) await this.#hooks.run('after', ctx, turn.verdict, failed)
    }
  }

  async #prepared(ctx: C, turn: Turn, failed: HookFailed): Promise<boolean> {
    return (await this.#hooks.run('before', ctx, undefined, failed)) || this.#settlement.unprepared(ctx, turn)
  }

  async #close(): Promise<void> {
    await this.#trips.drain()
    // What was decided last is yet to be answered.
    await nextTurn()
    await Promise.all([this.#hooks.drained(), this.#outbox.close()])
    try {
      await this.#trips.close()
    } finally {
      this.#stopObserving?.()
      for (const backlog of Object.values(this.#backlogs)) backlog.settleUp()
    }
  }

  #chainOf(controllers: readonly ControllerLike[]): Chain<C> {
    const { routes, problems } = scanControllers(controllers, this.#settings.resolve)
    const guarded = routes.map((route) => this.#guarded(route))
    this.#planner.check(problems)
    return new Chain(guarded, this.#gate, this.#botWide)
  }

  /** What a route asks; a `@Use` has only its own guards. */
  #guarded(route: Route): Guarded<C> {
    const { levels } = route
    const around = this.#planner.around(this.#botWide, levels)
    if (route.kind !== 'use') return { route, ...around }
    return { route, plan: this.#planner.plan(levels.method), lifted: undefined }
  }

  #limitsOf({ space, injectedClock }: Settings<C>): Limits {
    return new Limits({
      space,
      buckets: this.#planner.buckets,
      now: () => injectedClock?.now(),
      decide: (request) => this.#trips.use((store) => store.decide(request)),
      peek: (query) => this.#trips.use((store) => store.peek(query)),
      reset: (query) => this.#trips.use((store) => store.reset(query)),
    })
  }

  #storeTold(event: StoreEvent): void {
    this.#emitter.emit(
      event.type === 'storeError' ? { ...event, subject: undefined, verdict: undefined } : event,
    )
  }

  #recordChanged(change: RecordChange): void {
    const at = this.#settings.clock.now()
    if (change.type === 'registrationAdded' || change.type === 'registrationRemoved') {
      this.#trips.forget(change.record.userId)
      this.#emitter.emit({ type: change.type, registration: change.record, at })
    } else {
      this.#emitter.emit({ type: change.type, block: change.record, at })
    }
  }
}

/**
 * Makes the guard of a bot. Synchronous: the store connects on first use, or at `await sentinel.ready()`.
 *
 * @throws SentinelOptionsError with every mistake in the options and the controllers
 * @example
 * const sentinel = createSentinel({ rateLimit: { limit: 20, window: '1m' }, controllers: [Shop] })
 * bot.use(sentinel)
 */
export function createSentinel<C extends Context = Context>(options?: SentinelOptions<C>): Sentinel<C> {
  return new Sentinel(options)
}

async function settled(work: unknown): Promise<void> {
  if (isThenable(work)) await work
}

/** One trip to the store and back within `storeTimeout`, asking the bot's own user table on the way if need be. */
import type { Context } from 'telegraf'
import type { Backlog } from './backlog'
import { OverloadError, StoreError, StoreTimeoutError, toError } from './errors'
import { isThenable, within } from './promises'
import type { Settings } from './options'
import type { Decision, DecisionRequest } from './stores/decision'
import { StorageAdapter } from './stores/store'

/** Profiles kept at most; the oldest go first. */
const MOST_PROFILES = 100_000
/** As many go at once. */
const MADE_ROOM = 1_000

export interface Outcome {
  readonly decision: Decision
  /** The profile from the store or from the bot's user table. */
  readonly profile: unknown
}

interface Cached {
  readonly profile: unknown
  readonly until: number
}

export class Trips<C extends Context> {
  readonly #settings: Settings<C>
  readonly #profiles = new Map<number, Cached>()
  #connecting: Promise<void> | undefined
  readonly #backlog: Backlog
  /** Made once: a flood of errors, each with a stack of its own, would hold up the loop. */
  readonly #tooMany: OverloadError
  #connected: boolean
  /** The store has answered with a promise before. */
  #isAsynchronous = false
  #closed = false

  constructor(settings: Settings<C>, backlog: Backlog) {
    this.#settings = settings
    this.#backlog = backlog
    this.#tooMany = new OverloadError(`${backlog.bound} decisions are under way already`, backlog.bound)
    // A store that has nothing to connect is there at once.
    this.#connected = settings.store.connect === StorageAdapter.prototype.connect
  }

  /** Connects, once; a failed attempt may be repeated. */
  connect(): Promise<void> {
    if (this.#closed) return Promise.reject(closed())
    return this.#connection()
  }

  #connection(): Promise<void> {
    if (this.#connected) return Promise.resolve()
    this.#connecting ??= this.#connect().catch((thrown: unknown) => {
      this.#connecting = undefined
      throw new StoreError(`the store does not connect: ${toError(thrown).message}`, { cause: thrown })
    })
    return this.#connecting
  }

  async #connect(): Promise<void> {
    await this.#settings.store.connect()
    this.#connected = true
  }

  /** Asks the store, connected, for something other than a decision on an update. Rejects with a StoreError. */
  use<T>(ask: Ask<T>): Promise<T> {
    return this.#answered(this.connect(), ask)
  }

  /**
   * Lets somebody in who is to wait for a turn before it may `use` the store: a sentinel that closes meanwhile does not turn it away.
   *
   * @throws StoreError once the sentinel is closed
   */
  admit(): <T>(ask: Ask<T>) => Promise<T> {
    if (this.#closed) throw closed()
    return (ask) => this.#answered(this.#connection(), ask)
  }

  #answered<T>(connected: Promise<void>, ask: Ask<T>): Promise<T> {
    const { store, storeTimeout } = this.#settings
    const asked = connected.then(() => ask(store))
    return within(storeAnswer(asked), storeTimeout, () => new StoreTimeoutError(storeTimeout))
  }

  /** Decides nothing more. Resolves when what is under way is decided, after `storeTimeout` at most. */
  async drain(): Promise<void> {
    this.#closed = true
    this.#profiles.clear()
    await this.#backlog.drained(this.#settings.storeTimeout)
  }

  /** Lets go of the store, if we made it. */
  async close(): Promise<void> {
    if (this.#settings.ownsStore) await this.#settings.store.close()
  }

  /** The bot's user table may have changed its mind about this user. */
  forget(userId: number): void {
    this.#profiles.delete(userId)
  }

  /**
   * Decides, within `timeLeft` ms; throws or rejects with a StoreError. A store that has always answered at once does so however much
   * is under way; any other, as far as it knows the answer without a trip.
   */
  decide(ctx: C, request: DecisionRequest, timeLeft: number): Outcome | Promise<Outcome> {
    if (this.#closed) throw closed()
    const known = this.#known(request)
    const asked = known === undefined ? request : vouch(request)
    if ((this.#isAsynchronous || !this.#connected) && this.#backlog.isFull) {
      return this.#withoutTrip(asked, known)
    }
    if (!this.#connected) return this.#later(ctx, asked, undefined, known, timeLeft)
    const decision = this.#ask(asked)
    if (isThenable(decision)) {
      this.#isAsynchronous = true
    } else {
      if (!decision.unasked) return { decision, profile: profileOf(decision, known) }
      this.#needRoom()
    }
    return this.#later(ctx, asked, decision, known, timeLeft)
  }

  /** There is no room to wait. */
  #withoutTrip(request: DecisionRequest, known: Cached | undefined): Outcome {
    const decision = this.#connected ? this.#knownToStore(request) : undefined
    if (decision === undefined || decision.unasked) throw this.#tooMany
    return { decision, profile: profileOf(decision, known) }
  }

  #knownToStore(request: DecisionRequest): Decision | undefined {
    try {
      // A store of another copy of this package may be without it.
      return this.#settings.store.answerAtOnce?.(request)
    } catch (thrown) {
      throw asStoreError(thrown)
    }
  }

  #needRoom(): void {
    if (this.#backlog.isFull) throw this.#tooMany
  }

  /** Apart from `decide`: a function that makes closures is slower also where it makes none. */
  #later(
    ctx: C,
    request: DecisionRequest,
    first: Decision | PromiseLike<Decision> | undefined,
    known: Cached | undefined,
    timeLeft: number,
  ): Promise<Outcome> {
    return this.#timed(timeLeft, (trip) =>
      first === undefined
        ? this.#first(ctx, request, known, trip)
        : this.#finish(ctx, request, first, known, trip),
    )
  }

  async #first(ctx: C, request: DecisionRequest, known: Cached | undefined, trip: Trip): Promise<Outcome> {
    await this.connect()
    if (trip.late) throw new StoreTimeoutError(this.#settings.storeTimeout)
    return this.#finish(ctx, request, this.#ask(request), known, trip)
  }

  /** What follows the first answer: nothing, or the user table's word and the real decision. */
  async #finish(
    ctx: C,
    request: DecisionRequest,
    first: Decision | PromiseLike<Decision>,
    known: Cached | undefined,
    trip: Trip,
  ): Promise<Outcome> {
    const decision = await storeAnswer(first)
    if (!decision.unasked) return { decision, profile: profileOf(decision, known) }
    const profile = await this.#resolve(ctx, request)
    // Nobody waits any more: deciding now would charge for an update that has gone its way.
    if (trip.late) throw new StoreTimeoutError(this.#settings.storeTimeout)
    const settled: DecisionRequest = {
      ...request,
      registration: profile === undefined ? 'required' : 'vouched',
    }
    const second = await storeAnswer(this.#ask(settled))
    return { decision: second, profile: second.registration?.profile ?? profile }
  }

  #ask(request: DecisionRequest): Decision | Promise<Decision> {
    try {
      return this.#settings.store.decide(request)
    } catch (thrown) {
      throw asStoreError(thrown)
    }
  }

  /** The profile; `undefined` where the user table knows none. */
  async #resolve(ctx: C, request: DecisionRequest): Promise<unknown> {
    const { registration } = this.#settings
    try {
      const profile: unknown = await registration?.resolve?.(ctx)
      // A table that answers yes or no must not register everybody it says no to.
      if (profile === null || profile === false) return undefined
      if (profile !== undefined && request.actor !== undefined) this.#cache(request.actor, profile)
      return profile
    } catch (thrown) {
      throw new StoreError(`registration.resolve failed: ${toError(thrown).message}`, { cause: thrown })
    }
  }

  #cache(actor: number, profile: unknown): void {
    const cacheFor = this.#settings.registration?.cacheFor ?? 0
    this.#profiles.delete(actor)
    this.#profiles.set(actor, { profile, until: this.#settings.clock.now() + cacheFor })
    if (this.#profiles.size <= MOST_PROFILES) return
    // Many at once: a Map finds its oldest entry only by passing over those that were deleted before it.
    for (const oldest of this.#profiles.keys()) {
      this.#profiles.delete(oldest)
      if (this.#profiles.size <= MOST_PROFILES - MADE_ROOM) break
    }
  }

  #known(request: DecisionRequest): Cached | undefined {
    if (request.registration !== 'ask' || request.actor === undefined) return undefined
    const cached = this.#profiles.get(request.actor)
    if (cached === undefined) return undefined
    if (cached.until > this.#settings.clock.now()) return cached
    this.#profiles.delete(request.actor)
    return undefined
  }

  #timed(timeLeft: number, work: (trip: Trip) => Promise<Outcome>): Promise<Outcome> {
    const trip: Trip = { late: false }
    return this.#backlog.within(work(trip), timeLeft, () => {
      trip.late = true
      return new StoreTimeoutError(this.#settings.storeTimeout)
    })
  }
}

type Ask<T> = (store: StorageAdapter) => T | PromiseLike<T>

interface Trip {
  /** Nobody waits for it any more. */
  late: boolean
}

function closed(): StoreError {
  return new StoreError('the sentinel is closed')
}

function vouch(request: DecisionRequest): DecisionRequest {
  return { ...request, registration: 'vouched' }
}

/** A registration in the store wins over the user table's. */
function profileOf(decision: Decision, known: Cached | undefined): unknown {
  return decision.registration === undefined ? known?.profile : decision.registration.profile
}

async function storeAnswer<T>(answer: T | PromiseLike<T>): Promise<T> {
  try {
    return await answer
  } catch (thrown) {
    throw asStoreError(thrown)
  }
}

function asStoreError(thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown
  return new StoreError(`the store failed: ${toError(thrown).message}`, { cause: thrown })
}

/**
 * One decision: of a plan, what is not yet judged goes to the store together. What comes of it is settlement.ts.
 */
import type { Context } from 'telegraf'
import { LimiterError, StoreTimeoutError, toError } from './errors'
import { isThenable, within } from './promises'
import { hash53, mix53 } from './keys'
import type { Settings } from './options'
import type { Plan, PlannedDebounce, PlannedLimit } from './plan'
import type { Refusals } from './refusals'
import { takesNotice } from './reply'
import { debounceChecks, limitChecks, refusing, whereaboutsOf } from './request'
import { NOTHING, type Errand, type Settlement } from './settlement'
import type { DecisionRequest, LimitCheck } from './stores/decision'
import type { Subject } from './subject'
import type { Outcome, Trips } from './trip'
import { charge, halfOf, type Turn } from './turn'

/** Keeps update ids apart from everything else that is hashed into marks. */
const DUPLICATE = 0x64757065

export interface GateParts<C extends Context> {
  readonly settings: Settings<C>
  readonly trips: Trips<C>
  readonly refusals: Refusals<C>
  readonly settlement: Settlement<C>
}

export class Gate<C extends Context> {
  readonly #settings: Settings<C>
  readonly #trips: Trips<C>
  readonly #refusals: Refusals<C>
  readonly #settlement: Settlement<C>

  constructor(parts: GateParts<C>) {
    this.#settings = parts.settings
    this.#trips = parts.trips
    this.#refusals = parts.refusals
    this.#settlement = parts.settlement
  }

  /**
   * Whether the update may go on, as far as this plan is concerned. Answers at once where the store does.
   *
   * One decision at a time: handlers that run side by side (`Composer.fork`) would else be judged by the same checks
   * twice, and take their own update for a duplicate.
   */
  admit(ctx: C, turn: Turn, plan: Plan<C>): boolean | Promise<boolean> {
    if (turn.deciding !== undefined) return turn.deciding.then(() => this.admit(ctx, turn, plan))
    const admitted = this.#decide(ctx, turn, plan)
    if (typeof admitted === 'boolean') return admitted
    const decided = (): void => void (turn.deciding = undefined)
    turn.deciding = admitted.then(decided, decided)
    return admitted
  }

  #decide(ctx: C, turn: Turn, plan: Plan<C>): boolean | Promise<boolean> {
    if (turn.free) return this.#settlement.pass(ctx, turn)
    const lost: LimitCheck[] = []
    const remaining = this.#remaining(ctx, turn, plan, lost)
    if (remaining === undefined) return true
    if (turn.timeLeft === 0) return this.#unasked(ctx, turn, remaining)
    const limits = this.#limits(ctx, turn, remaining, lost)
    if (!isThenable(limits)) return this.#send({ ctx, turn, plan: remaining, limits, lost })
    return this.#sendLater({ ctx, turn, plan: remaining, lost }, limits)
  }

  /** Apart from `#decide`, as `#settleLater` is from `#send`. */
  async #sendLater(errand: Omit<Errand<C>, 'limits'>, limits: Promise<LimitCheck[]>): Promise<boolean> {
    const start = performance.now()
    const checks = await limits
    charge(errand.turn, start)
    return this.#send({ ...errand, limits: checks })
  }

  /** This update has waited in vain: it does not wait again. */
  #unasked(ctx: C, turn: Turn, plan: Plan<C>): boolean | Promise<boolean> {
    const error = new StoreTimeoutError(this.#settings.storeTimeout)
    return this.#settlement.undecided({ ctx, turn, plan, limits: [], lost: [] }, error)
  }

  /** The plan without what this update was judged by already; `undefined` if nothing is left. */
  #remaining(ctx: C, turn: Turn, plan: Plan<C>, lost: LimitCheck[]): Plan<C> | undefined {
    turn.exempt ??= this.#isExempt(ctx, turn, lost)
    if (turn.exempt) return turn.opened ? undefined : NOTHING
    if (!turn.opened) return plan
    const limits = plan.limits.filter((limit) => !turn.judged.some((done) => hasLimit(done, limit)))
    const debounces = plan.debounces.filter(
      (debounce) => !turn.judged.some((done) => hasDebounce(done, debounce)),
    )
    const registered = turn.registered ? undefined : plan.registered
    if (limits.length + debounces.length === 0 && registered === undefined) return undefined
    return { limits, debounces, registered, checks: undefined }
  }

  #isExempt(ctx: C, turn: Turn, lost: LimitCheck[]): boolean {
    const { exempt } = this.#settings
    if (exempt === undefined) return false
    try {
      return exempt(ctx, turn.subject)
    } catch (thrown) {
      this.#lose(turn, 'exempt', toError(thrown), lost)
      return false
    }
  }

  #limits(
    ctx: C,
    turn: Turn,
    plan: Plan<C>,
    lost: LimitCheck[],
  ): readonly LimitCheck[] | Promise<LimitCheck[]> {
    if (plan.checks !== undefined && turn.subject.actor !== undefined) return plan.checks
    const time = halfOf(turn)
    return limitChecks(plan.limits, ctx, whereaboutsOf(turn.subject), {
      failed: (source, error) => this.#lose(turn, source, error, lost),
      inTime: (limit) => within(limit, time, () => new Error(`limit: no answer within ${time} ms`)),
    })
  }

  /** A function in the options failed: its check is dropped, or refuses in its stead. */
  #lose(turn: Turn, bucket: string, error: Error, lost: LimitCheck[]): void {
    this.#settlement.hookFailed(turn, bucket, error)
    if (this.#settings.onStoreError === 'refuse') lost.push(refusing(bucket))
  }

  #send(errand: Errand<C>): boolean | Promise<boolean> {
    try {
      const outcome = this.#trips.decide(errand.ctx, this.#request(errand), errand.turn.timeLeft)
      return isThenable(outcome)
        ? this.#settleLater(errand, outcome)
        : this.#settlement.settle(errand, outcome)
    } catch (thrown) {
      return this.#undecided(errand, toError(thrown))
    }
  }

  /** Apart from `#send`: a function that makes closures is slower also where it makes none. */
  #settleLater(errand: Errand<C>, outcome: Promise<Outcome>): Promise<boolean> {
    const start = performance.now()
    return outcome.then(
      (settled) => {
        charge(errand.turn, start)
        return this.#settlement.settle(errand, settled)
      },
      (thrown: unknown) => {
        charge(errand.turn, start)
        return this.#undecided(errand, toError(thrown))
      },
    )
  }

  #request(errand: Errand<C>): DecisionRequest {
    const settings = this.#settings
    const { ctx, turn, plan, limits, lost } = errand
    const { subject } = turn
    const { actor, chat } = whereaboutsOf(subject)
    const debounces = debounceChecks(
      plan.debounces,
      ctx,
      { actor, chat },
      {
        failed: (bucket, error) => this.#lose(turn, bucket, error, lost),
      },
    )
    return {
      space: settings.space,
      now: settings.injectedClock?.now(),
      actor,
      chat,
      duplicate: this.#claim(turn),
      block: !turn.opened,
      registration: plan.registered === undefined ? undefined : settings.registrationMode,
      debounces,
      limits: lost.length === 0 ? limits : [...limits, ...lost],
      album: albumOf(subject),
      notices: takesNotice(subject) ? this.#refusals.noticesFor(plan) : undefined,
    }
  }

  #claim(turn: Turn): DecisionRequest['duplicate'] {
    const { deduplicate } = this.#settings
    const { updateId, botId = 0 } = turn.subject
    if (deduplicate === undefined || turn.opened || !Number.isSafeInteger(updateId)) return undefined
    return { mark: mix53(updateId, DUPLICATE + botId), window: deduplicate }
  }

  #undecided(errand: Errand<C>, error: Error): boolean | Promise<boolean> {
    if (error instanceof LimiterError) return this.#without(errand, error)
    if (error instanceof StoreTimeoutError) errand.turn.timeLeft = 0
    return this.#settlement.undecided(errand, error)
  }

  /** A user's own limiter failed: that check alone is lost, all others are judged, in the time that is left. */
  #without(errand: Errand<C>, error: LimiterError): boolean | Promise<boolean> {
    this.#lose(errand.turn, error.bucket, error, errand.lost)
    return this.#send({ ...errand, limits: errand.limits.filter(({ bucket }) => bucket !== error.bucket) })
  }
}

/** The album that an update is a part of. Editing a photo of it is an act of its own. */
function albumOf({ mediaGroupId, updateType }: Subject): number | undefined {
  return mediaGroupId === undefined || updateType.startsWith('edited_') ? undefined : hash53(mediaGroupId)
}

function hasLimit<C extends Context>(plan: Plan<C>, limit: PlannedLimit<C>): boolean {
  return plan.limits.some(({ check }) => check.bucket === limit.check.bucket)
}

function hasDebounce<C extends Context>(plan: Plan<C>, debounce: PlannedDebounce<C>): boolean {
  return plan.debounces.some(({ bucket }) => bucket === debounce.bucket)
}

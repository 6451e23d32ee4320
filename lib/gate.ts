/**
 * One decision: of a plan, what is not yet judged goes to the store together, and what comes back becomes the
 * verdict with its event, its hooks and its answer.
 */
import type { Context } from 'telegraf'
import { LimiterError, toError } from './errors'
import type { Emitter, EventName } from './events'
import { isThenable, within, type Hooks } from './hooks'
import { hash53, mix53 } from './keys'
import type { Settings } from './options'
import type { Plan, PlannedDebounce, PlannedLimit } from './plan'
import { Refusals, type RefusedUpdate } from './refusals'
import { takesNotice, type Replies } from './reply'
import { debounceChecks, limitChecks, LOST, refusing, whereaboutsOf } from './request'
import type { Decision, DecisionRequest, LimitCheck } from './stores/decision'
import type { Outcome, Trips } from './trip'
import { NOTHING_JUDGED, type Turn } from './turn'
import { refusedBy, verdictOf, type Refused, type Verdict } from './verdict'

/** Keeps update ids apart from everything else that is hashed into marks. */
const DUPLICATE = 0x64757065
const NOTHING: Plan = { limits: [], debounces: [], registered: undefined, checks: [] }

/** One trip: what is asked, and what its outcome needs to know. */
interface Errand<C extends Context> {
  readonly ctx: C
  readonly turn: Turn
  readonly plan: Plan<C>
  readonly limits: readonly LimitCheck[]
  /** Stand-ins for checks that are lost and must refuse (`onStoreError: 'refuse'`). */
  readonly lost: LimitCheck[]
}

export interface GateParts<C extends Context> {
  readonly settings: Settings<C>
  readonly trips: Trips<C>
  readonly emitter: Emitter
  readonly hooks: Hooks<C>
  readonly replies: Replies<C>
}

export class Gate<C extends Context> {
  readonly #parts: GateParts<C>
  readonly #refusals: Refusals<C>

  constructor(parts: GateParts<C>) {
    this.#parts = parts
    this.#refusals = new Refusals(parts)
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

  /** Tells of a hook or a function in the options that failed. */
  hookFailed(turn: Turn, source: string, error: Error): void {
    this.#failed('hookError', turn, source, error)
  }

  /** Tells of a store that failed in something other than a decision. */
  storeFailed(turn: Turn, source: string, error: Error): void {
    this.#failed('storeError', turn, source, error)
  }

  #decide(ctx: C, turn: Turn, plan: Plan<C>): boolean | Promise<boolean> {
    if (turn.free) return this.#pass(ctx, turn)
    const lost: LimitCheck[] = []
    const remaining = this.#remaining(ctx, turn, plan, lost)
    if (remaining === undefined) return true
    const limits = this.#limits(ctx, turn, remaining, lost)
    if (!isThenable(limits)) return this.#send({ ctx, turn, plan: remaining, limits, lost })
    return limits.then((checks) => this.#send({ ctx, turn, plan: remaining, limits: checks, lost }))
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
    const { exempt } = this.#parts.settings
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
    const { storeTimeout } = this.#parts.settings
    return limitChecks(plan.limits, ctx, whereaboutsOf(turn.subject), {
      failed: (source, error) => this.#lose(turn, source, error, lost),
      inTime: (limit) =>
        within(limit, storeTimeout, () => new Error(`limit: no answer within ${storeTimeout} ms`)),
    })
  }

  /** A function in the options failed: its check is dropped, or refuses in its stead. */
  #lose(turn: Turn, bucket: string, error: Error, lost: LimitCheck[]): void {
    this.hookFailed(turn, bucket, error)
    if (this.#parts.settings.onStoreError === 'refuse') lost.push(refusing(bucket))
  }

  #send(errand: Errand<C>): boolean | Promise<boolean> {
    try {
      const outcome = this.#parts.trips.decide(errand.ctx, this.#request(errand))
      if (!isThenable(outcome)) return this.#settle(errand, outcome)
      return outcome.then(
        (settled) => this.#settle(errand, settled),
        (thrown: unknown) => this.#undecided(errand, toError(thrown)),
      )
    } catch (thrown) {
      return this.#undecided(errand, toError(thrown))
    }
  }

  #request(errand: Errand<C>): DecisionRequest {
    const { settings } = this.#parts
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
      album: subject.mediaGroupId === undefined ? undefined : hash53(subject.mediaGroupId),
      notices: takesNotice(subject) ? this.#refusals.noticesFor(plan) : undefined,
    }
  }

  #claim(turn: Turn): DecisionRequest['duplicate'] {
    const { deduplicate } = this.#parts.settings
    const { updateId } = turn.subject
    if (deduplicate === undefined || turn.opened || !Number.isSafeInteger(updateId)) return undefined
    return { mark: mix53(updateId, DUPLICATE), window: deduplicate }
  }

  #settle(errand: Errand<C>, { decision, profile }: Outcome): boolean | Promise<boolean> {
    const { ctx, turn, plan } = errand
    const { emitter } = this.#parts
    const isFirst = turn.verdict === undefined
    const verdict = withEarlier(turn.verdict, judged(errand, decision))
    turn.verdict = verdict
    if (profile !== undefined) turn.profile = profile
    if (decision.blockAdded !== undefined) {
      emitter.emit({ type: 'blockAdded', block: decision.blockAdded, at: decision.now })
    }
    for (const { name, retryAfter } of decision.shadowed) {
      const shadow = refusedBy('limited', name, retryAfter, decision.limits)
      emitter.emit({
        type: 'limited',
        subject: turn.subject,
        verdict: shadow,
        at: decision.now,
        shadow: true,
      })
    }
    if (!verdict.allowed) return this.#refuse(errand, verdict, decision)
    turn.opened = true
    turn.judged.push(plan)
    if (plan.registered !== undefined) turn.registered = true
    return isFirst ? this.#allowed(ctx, turn, verdict, decision.now) : true
  }

  /** Nothing is asked: payments, membership. */
  #pass(ctx: C, turn: Turn): boolean | Promise<boolean> {
    if (turn.verdict !== undefined) return true
    turn.verdict = NOTHING_JUDGED
    return this.#allowed(ctx, turn, NOTHING_JUDGED, this.#parts.settings.clock.now())
  }

  #allowed(ctx: C, turn: Turn, verdict: Verdict, at: number): boolean | Promise<boolean> {
    const { emitter, hooks } = this.#parts
    const type = turn.exempt ? 'exempt' : 'allowed'
    if (emitter.hears(type)) emitter.emit({ type, subject: turn.subject, verdict, at })
    if (!hooks.has('allowed')) return true
    return hooks
      .run('allowed', ctx, verdict, (source, error) => this.hookFailed(turn, source, error))
      .then(() => true)
  }

  #undecided(errand: Errand<C>, error: Error): boolean | Promise<boolean> {
    if (error instanceof LimiterError) return this.#without(errand, error)
    const { ctx, turn, plan } = errand
    const { onStoreError, clock } = this.#parts.settings
    const earlier = turn.verdict
    const verdict =
      onStoreError === 'allow'
        ? (earlier ?? NOTHING_JUDGED)
        : refusedBy('store-error', undefined, undefined, earlier?.limits ?? [])
    turn.verdict = verdict
    this.storeFailed(turn, 'decide', error)
    if (onStoreError === 'throw') throw error
    if (!verdict.allowed) return this.#refuse(errand, verdict, { now: clock.now(), notice: false })
    // What was asked is not asked again, as if it were judged: what follows has its own checks.
    turn.opened = true
    turn.judged.push(plan)
    return earlier === undefined ? this.#allowed(ctx, turn, verdict, clock.now()) : true
  }

  /** A user's own limiter failed: that check alone is lost, all others are judged. */
  #without(errand: Errand<C>, error: LimiterError): boolean | Promise<boolean> {
    this.#lose(errand.turn, error.bucket, error, errand.lost)
    return this.#send({ ...errand, limits: errand.limits.filter(({ bucket }) => bucket !== error.bucket) })
  }

  async #refuse(
    errand: Errand<C>,
    verdict: Refused,
    decision: { readonly now: number; readonly notice: boolean },
  ): Promise<boolean> {
    const { ctx, turn, plan } = errand
    const { emitter, hooks } = this.#parts
    const { reason } = verdict
    if (reason !== 'store-error') {
      emitter.emit({ type: reason, subject: turn.subject, verdict, at: decision.now })
    }
    const notice =
      decision.notice || (reason === 'store-error' && this.#refusals.claimStoreNotice(turn.subject))
    await Promise.all([
      hooks.run('refused', ctx, verdict, (source, error) => this.hookFailed(turn, source, error)),
      this.#answer(turn, { ctx, subject: turn.subject, plan, verdict, notice }),
    ])
    return false
  }

  /** Once per update, even where something goes on after a refusal (`Composer.tap`) and is refused as well. */
  async #answer(turn: Turn, refused: RefusedUpdate<C>): Promise<void> {
    if (turn.answered) return
    turn.answered = true
    try {
      await this.#refusals.answer(refused)
    } catch (thrown) {
      this.#failed('replyError', turn, 'reply', toError(thrown))
    }
  }

  #failed(
    type: EventName & ('storeError' | 'replyError' | 'hookError'),
    turn: Turn,
    source: string,
    error: Error,
  ): void {
    const { emitter, settings } = this.#parts
    if (!emitter.hears(type)) return
    const { subject, verdict } = turn
    emitter.emit({ type, error, source, subject, verdict, at: settings.clock.now() })
  }
}

/** The verdict of a decision; a check that was lost refuses as a store error. */
function judged<C extends Context>({ lost }: Errand<C>, decision: Decision): Verdict {
  if (lost.length === 0) return verdictOf(decision)
  const limits = decision.limits.slice(0, decision.limits.length - lost.length)
  const isLost = decision.reason === 'limited' && lost.some(({ bucket }) => bucket === decision.name)
  if (!isLost) return verdictOf({ ...decision, limits })
  return refusedBy('store-error', decision.name?.slice(LOST.length), undefined, limits)
}

/** A second decision on the same update adds its limits to the first one's. */
function withEarlier(earlier: Verdict | undefined, verdict: Verdict): Verdict {
  if (earlier === undefined || earlier.limits.length === 0) return verdict
  return { ...verdict, limits: [...earlier.limits, ...verdict.limits] }
}

function hasLimit<C extends Context>(plan: Plan<C>, limit: PlannedLimit<C>): boolean {
  return plan.limits.some(({ check }) => check.bucket === limit.check.bucket)
}

function hasDebounce<C extends Context>(plan: Plan<C>, debounce: PlannedDebounce<C>): boolean {
  return plan.debounces.some(({ bucket }) => bucket === debounce.bucket)
}

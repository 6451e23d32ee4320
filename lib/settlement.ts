/** What comes of a decision: the verdict with its event, its hooks and its answer. */
import type { Context } from 'telegraf'
import type { Backlogs } from './backlog'
import { OverloadError } from './errors'
import type { Emitter, EventName } from './events'
import { type Hooks } from './hooks'
import { atMost } from './promises'
import type { Settings } from './options'
import type { Plan } from './plan'
import type { RefusedUpdate, Refusals } from './refusals'
import { LOST } from './request'
import type { Decision, LimitCheck } from './stores/decision'
import type { Outcome } from './trip'
import { charge, NOTHING_JUDGED, type Turn } from './turn'
import { refusedBy, verdictOf, type Refused, type Verdict } from './verdict'

/** One trip: what is asked, and what its outcome needs to know. */
export interface Errand<C extends Context> {
  readonly ctx: C
  readonly turn: Turn
  readonly plan: Plan<C>
  readonly limits: readonly LimitCheck[]
  /** Stand-ins for checks that are lost and must refuse (`onStoreError: 'refuse'`). */
  readonly lost: LimitCheck[]
}

/** The plan that asks for nothing. */
export const NOTHING: Plan = { limits: [], debounces: [], registered: undefined, checks: [] }

export interface SettlementParts<C extends Context> {
  readonly backlogs: Backlogs
  readonly settings: Settings<C>
  readonly emitter: Emitter
  readonly hooks: Hooks<C>
  readonly refusals: Refusals<C>
}

/** ms between two warnings of a store that fails. */
const WARNING_EVERY = 60_000

export class Settlement<C extends Context> {
  /** No warning before then (ms, monotonic), by what warns. */
  readonly #silentUntil = { storeError: 0, overload: 0 }
  readonly #parts: SettlementParts<C>

  constructor(parts: SettlementParts<C>) {
    this.#parts = parts
  }

  /** Tells of a hook or a function in the options that failed. */
  hookFailed(turn: Turn, source: string, error: Error): void {
    this.#failed('hookError', turn, source, error)
  }

  /** A decision becomes the verdict, with all that follows from it; whether the update may go on. */
  settle(errand: Errand<C>, { decision, profile }: Outcome): boolean | Promise<boolean> {
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
  pass(ctx: C, turn: Turn): boolean | Promise<boolean> {
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

  /** The store gave no answer: `onStoreError` decides. */
  undecided(errand: Errand<C>, error: Error): boolean | Promise<boolean> {
    const { ctx, turn, plan } = errand
    const { onStoreError, clock } = this.#parts.settings
    const earlier = turn.verdict
    const verdict =
      onStoreError === 'allow'
        ? (earlier ?? NOTHING_JUDGED)
        : refusedBy('store-error', undefined, undefined, earlier?.limits ?? [])
    turn.verdict = verdict
    if (error instanceof OverloadError) this.#parts.backlogs.decisions.turnAway(error.bound)
    else this.#failed('storeError', turn, 'decide', error)
    if (onStoreError === 'throw') throw error
    this.#warn(error)
    if (!verdict.allowed) return this.#refuse(errand, verdict, { now: clock.now(), notice: false })
    // What was asked is not asked again, as if it were judged: what follows has its own checks.
    turn.opened = true
    turn.judged.push(plan)
    return earlier === undefined ? this.#allowed(ctx, turn, verdict, clock.now()) : true
  }

  /**
   * `before` hooks were skipped, since too many have not ended: whether the update goes on without them. Payments and
   * membership do in any case.
   */
  async unprepared(ctx: C, turn: Turn): Promise<boolean> {
    const { onStoreError, clock, backpressure } = this.#parts.settings
    if (onStoreError === 'allow' || turn.free) return true
    const verdict = refusedBy('store-error', undefined, undefined, [])
    turn.verdict = verdict
    const error = new OverloadError(`${backpressure.hooks} hooks have not ended`, backpressure.hooks)
    if (onStoreError === 'throw') throw error
    this.#warn(error)
    const errand = { ctx, turn, plan: NOTHING as Plan<C>, limits: [], lost: [] }
    return this.#refuse(errand, verdict, { now: clock.now(), notice: false })
  }

  /** Where nobody listens, a bot would else go on unguarded (or refuse everybody) and nothing would say so. */
  #warn(error: Error): void {
    const type = error instanceof OverloadError ? 'overload' : 'storeError'
    const now = performance.now()
    if (this.#parts.emitter.hears(type) || now < this.#silentUntil[type]) return
    this.#silentUntil[type] = now + WARNING_EVERY
    const then = this.#parts.settings.onStoreError === 'allow' ? 'pass unguarded' : 'are refused'
    const how = type === 'overload' ? 'how many' : 'each'
    process.emitWarning(
      `updates ${then}: ${error.message}${/[.?!]$/.test(error.message) ? '' : '.'} (sentinel.on('${type}', …) tells of ${how}.)`,
      'SentinelWarning',
    )
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
      decision.notice || (reason === 'store-error' && this.#parts.refusals.claimStoreNotice(turn.subject))
    await Promise.all([
      hooks.run('refused', ctx, verdict, (source, error) => this.hookFailed(turn, source, error)),
      this.#answer(turn, { ctx, subject: turn.subject, plan, verdict, notice }),
    ])
    return false
  }

  /**
   * Once per update, even where something goes on after a refusal (`Composer.tap`) and is refused as well. Where Telegram takes
   * longer than this update may wait, the answer goes its way by itself.
   */
  async #answer(turn: Turn, refused: RefusedUpdate<C>): Promise<void> {
    if (turn.answered) return
    turn.answered = true
    const answered = this.#parts.refusals.answer(refused, (error) =>
      this.#failed('replyError', turn, 'reply', error),
    )
    if (answered === undefined) return
    const start = performance.now()
    await atMost(answered, turn.timeLeft)
    charge(turn, start)
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

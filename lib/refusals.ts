/** Telling people that they were refused: at most one notice per actor and window, and never a danger to the bot. */
import type { Context } from 'telegraf'
import { toError } from './errors'
import type { Settings } from './options'
import type { Outbox } from './outbox'
import type { Plan } from './plan'
import { answerFor, isAnswered, takesNotice, type Replies, type ReplyOption } from './reply'
import { NOTICE_MEMORY } from './stores/judge'
import type { DecisionRequest } from './stores/decision'
import type { Subject } from './subject'
import type { Refused } from './verdict'

/** An answer is of use for so long (ms), a notice no longer than what it says is true. */
const USEFUL = 10_000
/** Actors who were told of a failing store and are remembered at most; the oldest go first. */
const MOST_NOTICED = 10_000

/** A refusal to be answered. */
export interface RefusedUpdate<C extends Context> {
  readonly ctx: C
  readonly subject: Subject
  readonly plan: Plan<C>
  readonly verdict: Refused
  /** The actor has had no notice of this in its window. */
  readonly notice: boolean
}

export interface RefusalsParts<C extends Context> {
  readonly replies: Replies<C>
  readonly settings: Settings<C>
  readonly outbox: Outbox
}

export class Refusals<C extends Context> {
  readonly #replies: Replies<C>
  readonly #settings: Settings<C>
  readonly #outbox: Outbox
  readonly #noticed = new Map<number, number>()

  constructor({ replies, settings, outbox }: RefusalsParts<C>) {
    this.#replies = replies
    this.#settings = settings
    this.#outbox = outbox
  }

  /** Which refusals without a check of their own have a text, so that the store remembers the notice. */
  noticesFor(plan: Plan<C>): DecisionRequest['notices'] {
    return {
      blocked: this.#replies.optionFor('blocked') !== false,
      unregistered: this.#replies.optionFor('unregistered', plan.registered?.reply) !== false,
    }
  }

  /**
   * Answers as the update's kind wants: at once, or in the outbox's time; `undefined` where it has no answer. Never rejects:
   * `failed` is told if the text's function throws, or Telegram does not take it.
   */
  answer(refused: RefusedUpdate<C>, failed: (error: Error) => void): Promise<void> | undefined {
    const { subject, verdict, notice } = refused
    if (verdict.reason === 'duplicate' || !isAnswered(subject)) return undefined
    if ((takesNotice(subject) && !notice) || !this.#outbox.enter()) return undefined
    const until =
      performance.now() + Math.min(USEFUL, takesNotice(subject) ? (verdict.retryAfter ?? USEFUL) : USEFUL)
    return this.#say(refused, until, failed)
  }

  async #say(refused: RefusedUpdate<C>, until: number, failed: (error: Error) => void): Promise<void> {
    const { ctx, subject, plan, verdict } = refused
    let text: string | undefined
    let failure: Error | undefined
    try {
      text = await this.#replies.textFor(ctx, verdict, ownReply(plan, verdict))
    } catch (thrown) {
      failure = toError(thrown)
    }
    let answer: ReturnType<typeof answerFor>
    try {
      // A spinner must stop even where its text could not be made.
      answer = answerFor(ctx, subject, text)
    } catch (thrown) {
      failure ??= toError(thrown)
    }
    try {
      if (answer === undefined) this.#outbox.leave()
      else await this.#outbox.post({ ...answer, until, failed })
    } catch (thrown) {
      failure ??= toError(thrown)
    }
    if (failure !== undefined) failed(failure)
  }

  /** Whether this actor is to be told of a failing store; remembered in the process, since the store is away. */
  claimStoreNotice(subject: Subject): boolean {
    const { actor } = subject
    if (actor === undefined || this.#replies.optionFor('store-error') === false) return false
    const now = this.#settings.clock.now()
    if ((this.#noticed.get(actor) ?? 0) > now) return false
    this.#noticed.delete(actor)
    this.#noticed.set(actor, now + NOTICE_MEMORY)
    if (this.#noticed.size > MOST_NOTICED) this.#noticed.delete(this.#noticed.keys().next().value ?? actor)
    return true
  }
}

/** The reply of the check that refused, where it has one of its own. */
function ownReply<C extends Context>(plan: Plan<C>, verdict: Refused): ReplyOption<C> | undefined {
  if (verdict.reason === 'unregistered') return plan.registered?.reply
  if (verdict.reason !== 'limited') return undefined
  return plan.limits.find(({ check }) => check.bucket === verdict.name)?.reply
}

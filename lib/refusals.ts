/** Telling people that they were refused: at most one notice per actor and window, and never a danger to the bot. */
import type { Context } from 'telegraf'
import { within } from './hooks'
import type { Settings } from './options'
import type { Plan } from './plan'
import { answer, takesNotice, type Replies, type ReplyOption } from './reply'
import { NOTICE_MEMORY } from './stores/judge'
import type { DecisionRequest } from './stores/decision'
import type { Subject } from './subject'
import type { Refused } from './verdict'

/** How long Telegram may take over an answer (ms): the update's handling waits for it. */
const REPLY_TIMEOUT = 10_000
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

export class Refusals<C extends Context> {
  readonly #replies: Replies<C>
  readonly #settings: Settings<C>
  readonly #noticed = new Map<number, number>()

  constructor({ replies, settings }: { replies: Replies<C>; settings: Settings<C> }) {
    this.#replies = replies
    this.#settings = settings
  }

  /** Which refusals without a check of their own have a text, so that the store remembers the notice. */
  noticesFor(plan: Plan<C>): DecisionRequest['notices'] {
    return {
      blocked: this.#replies.optionFor('blocked') !== false,
      unregistered: this.#replies.optionFor('unregistered', plan.registered?.reply) !== false,
    }
  }

  /** Answers as the update's kind wants. Rejects if the text's function throws or Telegram does not take it. */
  async answer(refused: RefusedUpdate<C>): Promise<void> {
    const { subject, verdict, notice } = refused
    if (verdict.reason === 'duplicate' || (takesNotice(subject) && !notice)) return
    await within(this.#say(refused), REPLY_TIMEOUT, () => new Error(`no answer within ${REPLY_TIMEOUT} ms`))
  }

  async #say({ ctx, subject, plan, verdict }: RefusedUpdate<C>): Promise<void> {
    let text: string | undefined
    let failure: unknown
    try {
      text = await this.#replies.textFor(ctx, verdict, ownReply(plan, verdict))
    } catch (thrown) {
      failure = thrown
    }
    // A spinner must stop even where its text could not be made.
    await answer(ctx, subject, text)
    if (failure !== undefined) throw failure
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

import type { Context } from 'telegraf'
import { identify, type Loose, type Subject } from './subject'
import type { Plan } from './plan'
import type { Verdict } from './verdict'

/**
 * What is known of one update while it is handled. Kept on the context, never on the update: an update that is
 * handed in again is judged again.
 */
export interface Turn {
  /** The sentinel whose turn it is. */
  readonly owner: object
  readonly subject: Subject
  /** Payments and membership: nothing is judged. */
  readonly free: boolean
  /** The turn of another sentinel on the same bot. */
  readonly outer: Turn | undefined
  /** The sentinel has passed here as middleware; a second mount passes through. */
  mounted: boolean
  /** `undefined`: not asked yet. */
  exempt: boolean | undefined
  /** Duplicate and block are judged. */
  opened: boolean
  registered: boolean
  /** A refusal was answered. */
  answered: boolean
  /** ms that are left for the first decision, where the store was asked for something before; else all of `storeTimeout`. */
  timeLeft: number | undefined
  /** Settles, never rejects, when the decision that is under way is taken. */
  deciding: Promise<void> | undefined
  /** What was judged and allowed. */
  readonly judged: Plan<never>[]
  verdict: Verdict | undefined
  profile: unknown
}

/** What `sentinelOf` tells of an update. */
export interface Judgement {
  readonly subject: Subject
  /** Allowed, with no limits, as long as nothing was decided. */
  readonly verdict: Verdict
  /** The actor's registered profile, where a registration was required. */
  readonly profile: unknown
}

/** The verdict of an update that nothing was asked of. */
export const NOTHING_JUDGED: Verdict = Object.freeze({ allowed: true, limits: Object.freeze([]) })

const TURN = Symbol('telegraf-sentinel')

interface Carrier {
  [TURN]?: Turn
}

/** The owner's turn on this context, if it has one. */
export function turnOf(ctx: object, owner: object): Turn | undefined {
  let turn = (ctx as Carrier)[TURN]
  while (turn !== undefined && turn.owner !== owner) turn = turn.outer
  return turn
}

/** Begins the owner's turn on this context. */
export function beginTurn(ctx: object, owner: object, subject: Subject, free: boolean): Turn {
  const turn: Turn = {
    owner,
    subject,
    free,
    outer: (ctx as Carrier)[TURN],
    mounted: false,
    exempt: undefined,
    opened: false,
    registered: false,
    answered: false,
    timeLeft: undefined,
    deciding: undefined,
    judged: [],
    verdict: undefined,
    profile: undefined,
  }
  ;(ctx as Carrier)[TURN] = turn
  return turn
}

/**
 * What the sentinel knows of this update: who acts, the latest verdict with what is left of each limit, and the
 * actor's profile.
 *
 * @example
 * bot.command('left', (ctx) => ctx.reply(`${sentinelOf(ctx).verdict.limits.at(0)?.remaining ?? 'any'} left`))
 */
export function sentinelOf(ctx: Context): Judgement {
  const turn = (ctx as Carrier)[TURN]
  return {
    subject: turn?.subject ?? identify(ctx.update as unknown as Loose, ctx.botInfo?.id),
    verdict: turn?.verdict ?? NOTHING_JUDGED,
    profile: turn?.profile,
  }
}

import type { Context } from 'telegraf'
import { identify, type Loose, type Subject } from './subject'
import type { Plan } from './plan'
import type { Verdict } from './verdict'

/** Telegraf's `next`, as handlers get it; it may be given another context. */
export type Next<C> = (ctx?: C) => Promise<void>

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
  /** The sentinel has passed here as middleware; a second mount passes through. */
  mounted: boolean
  /** `undefined`: not asked yet. */
  exempt: boolean | undefined
  /** Duplicate and block are judged. */
  opened: boolean
  registered: boolean
  /** A refusal was answered. */
  answered: boolean
  /** ms of `storeTimeout` that this update has not waited yet; 0: the store is not asked again. */
  timeLeft: number
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
const NO_TURNS: readonly Turn[] = []

interface Carrier {
  /** One for each sentinel on the bot, the latest first. */
  [TURN]?: readonly Turn[]
}

/** The owner's turn on this context, if it has one. */
export function turnOf(ctx: object, owner: object): Turn | undefined {
  const turns = (ctx as Carrier)[TURN] ?? NO_TURNS
  for (const turn of turns) if (turn.owner === owner) return turn
  return undefined
}

/** What is known of the update goes along to another context of it that a handler has handed on. */
export function carryTurns<C extends Context>(from: C, to: C): void {
  // Handlers hand `next` whatever they like.
  if (to === from || (to as C | null)?.update !== from.update) return
  const known = (to as Carrier)[TURN] ?? NO_TURNS
  const missing = ((from as Carrier)[TURN] ?? NO_TURNS).filter(({ owner }) => turnOf(to, owner) === undefined)
  // A frozen one goes as it is.
  if (missing.length > 0) Reflect.set(to, TURN, [...known, ...missing])
}

/** Begins the owner's turn on this context; `timeLeft`: ms that it may wait in all. */
export function beginTurn(
  ctx: object,
  owner: object,
  subject: Subject,
  free: boolean,
  timeLeft: number,
): Turn {
  const turn: Turn = {
    owner,
    subject,
    free,
    mounted: false,
    exempt: undefined,
    opened: false,
    registered: false,
    answered: false,
    timeLeft,
    deciding: undefined,
    judged: [],
    verdict: undefined,
    profile: undefined,
  }
  const others = (ctx as Carrier)[TURN]
  ;(ctx as Carrier)[TURN] = others === undefined ? [turn] : [turn, ...others]
  return turn
}

/**
 * Takes a wait that began at `start` (ms, monotonic) from what the update may wait. As long as the store answers, something
 * is left: not the store, but a busy process may have taken the time.
 */
export function charge(turn: Turn, start: number): void {
  turn.timeLeft = Math.max(turn.timeLeft - (performance.now() - start), Math.min(turn.timeLeft, 1))
}

/** Half of what is left (ms): the store is yet to be asked for the decision. */
export function halfOf({ timeLeft }: Turn): number {
  return Math.ceil(timeLeft / 2)
}

/**
 * What the sentinel knows of this update: who acts, the latest verdict with what is left of each limit, and the
 * actor's profile.
 *
 * @example
 * bot.command('left', (ctx) => ctx.reply(`${sentinelOf(ctx).verdict.limits.at(0)?.remaining ?? 'any'} left`))
 */
export function sentinelOf(ctx: Context): Judgement {
  const turn = (ctx as Carrier)[TURN]?.[0]
  return {
    subject: turn?.subject ?? identify(ctx.update as unknown as Loose, ctx.botInfo?.id),
    verdict: turn?.verdict ?? NOTHING_JUDGED,
    profile: turn?.profile,
  }
}

/** What is under way of one kind, bounded, and the one event a second that tells of what is turned away. */
import type { Context } from 'telegraf'
import type { Emitter, OverloadEvent } from './events'
import type { Waiting } from './health'
import { within } from './promises'
import type { Settings } from './options'

/** The `backpressure` option: how much may be under way at most. */
export interface BackpressureOptions {
  /** Decisions that the store or `registration.resolve` has not answered. Default 10,000. */
  decisions?: number
  /** Asynchronous hooks that have not ended, those that took longer than `hooks.timeout` by up to a minute included. Default 1,000. */
  hooks?: number
  /** Answers to refusals that wait for their turn, or for Telegram. Default 1,000. */
  replies?: number
}

/** The bounds that hold. */
export type Bounds = Readonly<Required<BackpressureOptions>>

/** Fills in the defaults. */
export function boundsOf({
  decisions = 10_000,
  hooks = 1_000,
  replies = 1_000,
}: BackpressureOptions = {}): Bounds {
  return { decisions, hooks, replies }
}

/** How long what is late counts as under way (ms): one whose end is lost must not do so for ever. */
const LOST_AFTER = 60_000
/** ms between two events of one kind. */
const EVENT_EVERY = 1_000

/**
 * Counts what is under way. Whether there is room, and what becomes of what finds none, is for its users to see to: they
 * `enter` and `leave`, or say that they `turnAway`.
 */
export class Backlog {
  /** As many may be under way. */
  readonly bound: number
  readonly #tell: (dropped: number, bound: number) => void
  #size = 0
  #dropped = 0
  /** The bound that the latest was turned away by: a store may have one of its own. */
  #passed: number
  #quiet: NodeJS.Timeout | undefined
  #emptied: (() => void)[] = []

  constructor(bound: number, tell: (dropped: number, bound: number) => void) {
    this.bound = bound
    this.#passed = bound
    this.#tell = tell
  }

  get size(): number {
    return this.#size
  }

  get isFull(): boolean {
    return this.#size >= this.bound
  }

  enter(): void {
    this.#size++
  }

  leave(): void {
    this.#size--
    if (this.#size > 0) return
    for (const resolve of this.#emptied.splice(0)) resolve()
  }

  /** As `within`; what is late counts until it ends, for a minute at most. */
  within<T>(work: PromiseLike<T>, ms: number, late: () => Error): Promise<T> {
    let lost: NodeJS.Timeout | undefined
    let isOver = false
    const end = (): void => {
      if (isOver) return
      isOver = true
      clearTimeout(lost)
      this.leave()
    }
    this.enter()
    work.then(end, end)
    return within(work, ms, () => {
      lost = setTimeout(end, LOST_AFTER).unref()
      return late()
    })
  }

  /** Tells at once of the first, then each second of those since, and last of the remainder. */
  turnAway(bound = this.bound): void {
    this.#dropped++
    this.#passed = bound
    if (this.#quiet === undefined) this.#speak()
  }

  /** Resolves when nothing is under way, or after `ms`. Holds the process as long. */
  async drained(ms: number): Promise<void> {
    if (this.#size === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#emptied.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** Tells of the remainder now. */
  settleUp(): void {
    clearTimeout(this.#quiet)
    this.#quiet = undefined
    if (this.#dropped > 0) this.#speak()
  }

  #speak(): void {
    const dropped = this.#dropped
    this.#dropped = 0
    this.#quiet = setTimeout(() => this.settleUp(), EVENT_EVERY)
    this.#quiet.unref()
    this.#tell(dropped, this.#passed)
  }
}

/** The backlogs of a sentinel. */
export type Backlogs = Readonly<Record<OverloadEvent['what'], Backlog>>

/** Makes them; what they turn away becomes `overload` events. */
export function backlogsOf<C extends Context>(settings: Settings<C>, emitter: Emitter): Backlogs {
  const { backpressure, clock } = settings
  const backlogOf = (what: OverloadEvent['what']): Backlog =>
    new Backlog(backpressure[what], (dropped, bound) =>
      emitter.emit({ type: 'overload', what, bound, dropped, at: clock.now() }),
    )
  return { decisions: backlogOf('decisions'), hooks: backlogOf('hooks'), replies: backlogOf('replies') }
}

/** How much is under way. */
export function waitingIn({ decisions, hooks, replies }: Backlogs): Waiting {
  return { decisions: decisions.size, hooks: hooks.size, replies: replies.size }
}

/** A bot's own code around a decision: run in order, each within its time, never a danger to the update. */
import type { Context } from 'telegraf'
import type { Backlog } from './backlog'
import { toError } from './errors'
import { isThenable } from './promises'
import { show } from './schema'
import type { Verdict } from './verdict'
import type { Duration } from './duration'

/** The fourth of the package's seams. */
export type Hook<C extends Context = Context> = (ctx: C, verdict: Verdict) => unknown
/** A hook that runs before anything is decided. */
export type BeforeHook<C extends Context = Context> = (ctx: C) => unknown

type OneOrMany<T> = T | readonly T[]

/** The `hooks` option. */
export interface HooksOption<C extends Context = Context> {
  before?: OneOrMany<BeforeHook<C>>
  allowed?: OneOrMany<Hook<C>>
  refused?: OneOrMany<Hook<C>>
  after?: OneOrMany<Hook<C>>
  /** For each hook. Default `'1s'`. */
  timeout?: Duration
}

export type HookStage = 'before' | 'allowed' | 'refused' | 'after'

/** How long closing waits at most for hooks, and for answers to refusals (ms). */
export const CLOSING = 2_000

/** Tells of a hook that threw or took too long. */
export type HookFailed = (source: string, error: Error) => void

/** Runs the hooks of each stage, and none that has to be waited for while too many have not ended. */
export class Hooks<C extends Context> {
  readonly #stages: Readonly<Record<HookStage, readonly Hook<C>[]>>
  readonly #timeout: number
  readonly #backlog: Backlog
  /** Hooks that have to be waited for; the others are run however much is under way. */
  readonly #asynchronous = new WeakSet<Hook<C>>()

  constructor(option: HooksOption<C> | undefined, timeout: number, backlog: Backlog) {
    this.#stages = {
      before: listOf(option?.before) as readonly Hook<C>[],
      allowed: listOf(option?.allowed),
      refused: listOf(option?.refused),
      after: listOf(option?.after),
    }
    this.#timeout = timeout
    this.#backlog = backlog
  }

  has(stage: HookStage): boolean {
    return this.#stages[stage].length > 0
  }

  /** Resolves with whether all of them were run: beyond the bound they are skipped. */
  async run(stage: HookStage, ctx: C, verdict: Verdict | undefined, failed: HookFailed): Promise<boolean> {
    let isComplete = true
    for (const hook of this.#stages[stage]) {
      if (this.#backlog.isFull && this.#asynchronous.has(hook)) {
        this.#backlog.turnAway()
        isComplete = false
        continue
      }
      try {
        const result = stage === 'before' ? (hook as BeforeHook<C>)(ctx) : hook(ctx, verdict as Verdict)
        if (isThenable(result)) await this.#ended(hook, result)
      } catch (thrown) {
        failed(`hooks.${stage}`, toError(thrown))
      }
    }
    return isComplete
  }

  /** Waits as long as may be; what takes longer stays under way. */
  #ended(hook: Hook<C>, result: PromiseLike<unknown>): Promise<unknown> {
    this.#asynchronous.add(hook)
    return this.#backlog.within(
      result,
      this.#timeout,
      () => new Error(`still running after ${this.#timeout} ms`),
    )
  }

  /** Resolves when no hook is under way, or when those that are have had their time: two seconds at most. */
  drained(): Promise<void> {
    return this.#backlog.drained(Math.min(this.#timeout, CLOSING))
  }
}

/** The error for a function in the options that answers nonsense; a promise's own failure goes no further. */
export function nonsense(rule: string, answer: unknown): TypeError {
  if (isThenable(answer)) answer.then(undefined, () => undefined)
  return new TypeError(`${rule}, got ${show(answer)}`)
}

function listOf<T>(option: OneOrMany<T> | undefined): readonly T[] {
  if (option === undefined) return []
  return Array.isArray(option) ? (option as readonly T[]) : [option as T]
}

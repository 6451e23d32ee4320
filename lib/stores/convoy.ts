/** Decisions that wait for a server travel together: what piles up while one call is under way goes with the next. */
import { Deadline } from '../deadline'
import { OverloadError, StoreError, StoreTimeoutError } from '../errors'
import { WaitingRoom } from './waiting-room'

/**
 * Carries out jobs in one call: a result, or an Error, for each in their order. Rejects where all of them failed.
 * `timeLeft`: ms after which nobody waits for the answer any more.
 */
export type Carry<Job, Result> = (
  jobs: readonly Job[],
  timeLeft: number,
) => Promise<readonly (Result | Error)[]>

export interface ConvoyOptions {
  /** Jobs in one call at most. Default 256. */
  readonly most?: number
  /** Jobs that are worth a call of their own: more than these are spread over the calls that may be under way. Default `most`. */
  readonly share?: number
  /** Calls under way at the same time. Default 2: one is served while the next is written. */
  readonly flights?: number
  /** Jobs that wait at most; the next one fails at once. Default 10,000. A room is shared with others. */
  readonly waiting?: number | WaitingRoom
  /** ms from `run` to the answer at most. Default 500. */
  readonly timeout?: number
  /** Calls that never answered, at most: beyond them jobs fail at once, until one of those calls ends. Default 8. */
  readonly lost?: number
}

interface Waiting<Job, Result> {
  readonly job: Job
  /** ms, monotonic. */
  readonly deadline: number
  readonly resolve: (result: Result) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Sends jobs at once while calls are few, and lets the rest wait for the next call: no delay is added to a lone job,
 * and under load the cost of a call is shared. A call that takes too long is given up, never repeated: it may have counted.
 */
export class Convoy<Job, Result> {
  readonly #queue: Waiting<Job, Result>[] = []
  readonly #most: number
  readonly #share: number
  readonly #flights: number
  readonly #room: WaitingRoom
  readonly #timeout: number
  readonly #mostLost: number
  /** Made once: a flood of errors, each with a stack of its own, would hold up the loop. */
  readonly #tooMany: OverloadError
  readonly #tooManyHere: OverloadError
  readonly #silent: StoreError
  #flying = 0
  #lost = 0
  #due = false
  #timer: NodeJS.Timeout | undefined
  #draining: Promise<void> | undefined
  #drained: (() => void) | undefined

  constructor(
    private readonly carry: Carry<Job, Result>,
    options: ConvoyOptions = {},
  ) {
    this.#most = options.most ?? 256
    this.#share = options.share ?? this.#most
    this.#flights = options.flights ?? 2
    const { waiting = 10_000 } = options
    this.#room = typeof waiting === 'number' ? new WaitingRoom(waiting) : waiting
    this.#timeout = options.timeout ?? 500
    this.#mostLost = options.lost ?? 8
    this.#tooMany = new OverloadError(
      `the store is too slow: ${this.#room.most} decisions wait already`,
      this.#room.most,
    )
    this.#tooManyHere = new OverloadError(
      `a node of the store is too slow: what is left of the ${this.#room.most} places to wait in is kept for the others`,
      this.#room.most,
    )
    this.#silent = new StoreError(`the store does not answer: ${this.#mostLost} calls are lost`)
  }

  /** Jobs that wait for a call. */
  get waiting(): number {
    return this.#queue.length
  }

  /** Calls that were given up and have not ended since. */
  get lost(): number {
    return this.#lost
  }

  /** Whether no job waits or is under way; calls that are lost aside. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#flying === 0
  }

  /** Rejects with a StoreTimeoutError, a StoreError where too many wait or after `drain`, or what the call came to. */
  run(job: Job): Promise<Result> {
    if (this.#draining !== undefined) return Promise.reject(new StoreError('the store is closed'))
    if (!this.#room.hasPlaceFor(this.waiting)) {
      return Promise.reject(this.#room.taken >= this.#room.most ? this.#tooMany : this.#tooManyHere)
    }
    if (this.#lost >= this.#mostLost) return Promise.reject(this.#silent)
    return new Promise<Result>((resolve, reject) => {
      this.#room.taken++
      this.#queue.push({ job, deadline: performance.now() + this.#timeout, resolve, reject })
      if (!this.#due && this.#flying < this.#flights) this.#launchSoon()
      this.#watch()
    })
  }

  /**
   * Takes no more jobs: `run` rejects from now on. Resolves when all that were taken have their answers, or after
   * `timeout`; calls that are lost already are not waited for.
   */
  drain(): Promise<void> {
    this.#draining ??= this.#emptied()
    return this.#draining
  }

  async #emptied(): Promise<void> {
    if (this.isIdle) return
    await new Promise<void>((resolve) => {
      // Not unref'd: a process that closes its store stays until that is done.
      const timer = setTimeout(resolve, this.#timeout)
      this.#drained = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Whoever drains hears of the end after those whose answers it waited for. */
  #settled(): void {
    if (this.#drained === undefined || !this.isIdle) return
    clearTimeout(this.#timer)
    this.#drained()
  }

  /** What is asked for in the same breath goes together. */
  #launchSoon(): void {
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      this.#launch()
    })
  }

  #launch(): void {
    if (this.#flying >= this.#flights || this.#queue.length === 0) return
    const batch = this.#leave(this.#size())
    const timeLeft = Math.max(1, batch[0].deadline - performance.now())
    this.#flying++
    let late = false
    const deadline = new Deadline(timeLeft, () => {
      late = true
      this.#lost++
      this.#land()
      const error = new StoreTimeoutError(this.#timeout)
      for (const { reject } of batch) reject(error)
      this.#settled()
    }).unref()
    const end = (settle: (waiting: Waiting<Job, Result>, index: number) => void): void => {
      if (late) {
        this.#lost--
        return
      }
      deadline.clear()
      this.#land()
      batch.forEach(settle)
      this.#settled()
    }
    this.#carried(batch, timeLeft).then(
      (results) => end((waiting, index) => settleAs(waiting, results[index])),
      (thrown: unknown) => end(({ reject }) => reject(thrown)),
    )
    if (this.#queue.length > 0) this.#launch()
  }

  /** Those who have waited longest; they take up no room any more. */
  #leave(count: number): Waiting<Job, Result>[] {
    const leaving = this.#queue.splice(0, count)
    this.#room.taken -= leaving.length
    return leaving
  }

  /** Jobs for the next call: an even share of those that wait, where other calls are free to take the rest. */
  #size(): number {
    const even = Math.ceil(this.#queue.length / (this.#flights - this.#flying))
    return Math.min(this.#most, Math.max(this.#share, even))
  }

  async #carried(batch: readonly Waiting<Job, Result>[], timeLeft: number) {
    return this.carry(
      batch.map(({ job }) => job),
      timeLeft,
    )
  }

  #land(): void {
    this.#flying--
    if (this.#queue.length > 0) this.#launch()
  }

  /** Gives up what has waited too long, the oldest first. It was not asked: no answer to it can be on its way. */
  #watch(): void {
    if (this.#timer !== undefined || this.#queue.length === 0) return
    const wait = Math.max(1, this.#queue[0].deadline - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const now = performance.now()
      const late = this.#queue.findIndex(({ deadline }) => deadline > now)
      const error = new StoreTimeoutError(this.#timeout)
      for (const { reject } of this.#leave(late < 0 ? this.#queue.length : late)) reject(error)
      this.#settled()
      this.#watch()
    }, wait)
    this.#timer.unref()
  }
}

function settleAs<Result>({ resolve, reject }: Waiting<unknown, Result>, result: Result | Error): void {
  if (result instanceof Error) reject(result)
  else resolve(result)
}

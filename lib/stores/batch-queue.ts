import { OverloadError, StoreError, StoreTimeoutError } from '../errors'
import { later } from './later'

/** Carries out jobs that hold `keys`: one result per job, in their order. Rejects only where all of them failed. */
export type Work<Job, Result> = (
  jobs: readonly Job[],
  keys: readonly string[],
) => Promise<PromiseSettledResult<Result>[]>

export interface BatchQueueOptions {
  /** Jobs that are carried out together at most. Default 64; 1: each by itself. */
  readonly most?: number
  /** ms that a key is held at most, lest one answer that never comes stop it for good. Default 5,000. */
  readonly patience?: number
  /** Jobs without a result, under way or waiting, at most; the next one fails at once. Default 10,000. */
  readonly waiting?: number
  /** ms from `run` to the result at most: then the job is given up, whether under way or waiting. Default 60,000. */
  readonly timeout?: number
  /**
   * Jobs given up under way since one last had a result, at most: beyond them jobs fail at once, but for one each `patience`,
   * until one has a result. Default 1,000.
   */
  readonly lost?: number
}

interface Waiting<Job, Result> {
  readonly keys: readonly string[]
  readonly job: Job
  /** ms, monotonic. */
  readonly deadline: number
  readonly resolve: (result: Result) => void
  readonly reject: (reason: unknown) => void
  started: boolean
}

/**
 * One batch at a time per key, inside this process: a hundred updates of one actor then wait for each other instead
 * of failing each other's compare-and-set, and those that waited go on together, lest the last of them wait for a
 * hundred round trips. Each key's jobs keep their order. Between processes, compare-and-set alone decides.
 */
export class BatchQueue<Job, Result> {
  /** Who holds or waits for each key, in order of arrival. Whoever holds it stands in front. */
  readonly #lines = new Map<string, Waiting<Job, Result>[]>()
  /** In order of arrival. */
  readonly #unanswered = new Set<Waiting<Job, Result>>()
  readonly #most: number
  readonly #patience: number
  readonly #mostWaiting: number
  readonly #timeout: number
  readonly #mostLost: number
  /** Made once: a flood of errors, each with a stack of its own, would hold up the loop. */
  readonly #tooMany: OverloadError
  readonly #silent: StoreError
  #timer: NodeJS.Timeout | undefined
  #lost = 0
  /** When one more may be tried (ms, monotonic) although too many are lost. */
  #nextTry = -Infinity

  constructor(
    private readonly work: Work<Job, Result>,
    { most = 64, patience = 5_000, waiting = 10_000, timeout = 60_000, lost = 1_000 }: BatchQueueOptions = {},
  ) {
    this.#most = most
    this.#patience = patience
    this.#mostWaiting = waiting
    this.#timeout = timeout
    this.#mostLost = lost
    this.#tooMany = new OverloadError(`the store is too slow: ${waiting} decisions wait already`, waiting)
    this.#silent = new StoreError(`the store does not answer: ${lost} decisions are lost`)
  }

  /** Keys that are held or waited for. */
  get size(): number {
    return this.#lines.size
  }

  /** Jobs that have no result yet. */
  get waiting(): number {
    return this.#unanswered.size
  }

  /**
   * Has the job done as soon as all its keys are free. It joins all their lines at once, so no two jobs deadlock.
   * Rejects with an OverloadError where too many wait, with a StoreError where too many are lost: a store that hangs must
   * not fill the memory. With a StoreTimeoutError where it takes too long; what comes of the job then is not known.
   */
  run(keys: readonly string[], job: Job): Promise<Result> {
    if (this.waiting >= this.#mostWaiting) return Promise.reject(this.#tooMany)
    if (this.#lost >= this.#mostLost && !this.#mayTry()) return Promise.reject(this.#silent)
    return new Promise<Result>((resolve, reject) => {
      const deadline = performance.now() + this.#timeout
      const mine = { keys, job, deadline, resolve, reject, started: false }
      this.#unanswered.add(mine)
      this.#watch()
      for (const key of keys) {
        const line = this.#lines.get(key)
        if (line === undefined) this.#lines.set(key, [mine])
        else line.push(mine)
      }
      this.#start(mine)
    })
  }

  #start(first: Waiting<Job, Result>): void {
    if (first.started) return
    const { batch, keys } = this.#gather(first)
    if (batch.length === 0) return
    for (const waiting of batch) waiting.started = true
    const timer = setTimeout(() => this.#release(batch, keys), this.#patience)
    timer.unref()
    const end = (settle: (waiting: Waiting<Job, Result>, index: number) => void): void => {
      clearTimeout(timer)
      // A store that answers is not one that loses what it is asked; what it has lost before is lost for good.
      this.#lost = 0
      for (const waiting of batch) this.#unanswered.delete(waiting)
      this.#release(batch, keys)
      batch.forEach(settle)
    }
    const jobs = batch.map(({ job }) => job)
    this.work(jobs, keys).then(
      (results) => end((waiting, index) => settleAs(waiting, results[index])),
      (thrown: unknown) => end(({ reject }) => reject(thrown)),
    )
  }

  /** `first` and whoever waits for a key of the batch and for nobody outside it; empty if `first` is not yet due. */
  #gather(first: Waiting<Job, Result>) {
    const batch: Waiting<Job, Result>[] = []
    // Of each line the batch takes the front, so whoever joins is the next in every line that it stands in.
    const taken = new Map<string, number>()
    const nextOf = (key: string) => this.#lines.get(key)?.[taken.get(key) ?? 0]
    const candidates = [first]
    for (const candidate of candidates) {
      if (batch.length === this.#most) break
      if (!candidate.keys.every((key) => nextOf(key) === candidate)) continue
      batch.push(candidate)
      for (const key of candidate.keys) {
        taken.set(key, (taken.get(key) ?? 0) + 1)
        const next = nextOf(key)
        if (next !== undefined) candidates.push(next)
      }
    }
    return { batch, keys: [...taken.keys()].sort() }
  }

  /** Lets the next ones go; once released, a batch that ends after all changes nothing. */
  #release(batch: readonly Waiting<Job, Result>[], keys: Iterable<string>): void {
    const done = new Set(batch)
    const next: Waiting<Job, Result>[] = []
    for (const key of keys) {
      const left = this.#lines.get(key)?.filter((waiting) => !done.has(waiting)) ?? []
      if (left.length === 0) {
        this.#lines.delete(key)
        continue
      }
      this.#lines.set(key, left)
      next.push(left[0])
    }
    for (const waiting of next) this.#start(waiting)
  }

  #mayTry(): boolean {
    const now = performance.now()
    if (now < this.#nextTry) return false
    this.#nextTry = now + this.#patience
    return true
  }

  #watch(): void {
    if (this.#timer !== undefined || this.waiting === 0) return
    const [oldest] = this.#unanswered
    this.#timer = later(Math.max(1, oldest.deadline - performance.now()), () => {
      this.#timer = undefined
      this.#giveUp()
      this.#watch()
    })
  }

  /** Gives up what has waited too long, the oldest first. */
  #giveUp(): void {
    const now = performance.now()
    const late: Waiting<Job, Result>[] = []
    for (const waiting of this.#unanswered) {
      if (waiting.deadline > now) break
      this.#unanswered.delete(waiting)
      if (waiting.started) this.#lost++
      late.push(waiting)
    }
    const error = new StoreTimeoutError(this.#timeout, 'the longest that the work on a key may wait and take')
    for (const { reject } of late) reject(error)
    this.#release(late, new Set(late.flatMap(({ keys }) => keys)))
  }
}

function settleAs<Result>(
  { resolve, reject }: Waiting<unknown, Result>,
  result: PromiseSettledResult<Result>,
): void {
  if (result.status === 'fulfilled') resolve(result.value)
  else reject(result.reason)
}

import { OverloadError } from '../errors'

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
}

interface Waiting<Job, Result> {
  readonly keys: readonly string[]
  readonly job: Job
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
  readonly #most: number
  readonly #patience: number
  readonly #mostWaiting: number
  /** Made once: a flood of errors, each with a stack of its own, would hold up the loop. */
  readonly #tooMany: OverloadError
  #waiting = 0

  constructor(
    private readonly work: Work<Job, Result>,
    { most = 64, patience = 5_000, waiting = 10_000 }: BatchQueueOptions = {},
  ) {
    this.#most = most
    this.#patience = patience
    this.#mostWaiting = waiting
    this.#tooMany = new OverloadError(`the store is too slow: ${waiting} decisions wait already`, waiting)
  }

  /** Keys that are held or waited for. */
  get size(): number {
    return this.#lines.size
  }

  /** Jobs that have no result yet. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Has the job done as soon as all its keys are free. It joins all their lines at once, so no two jobs deadlock.
   * Rejects with an OverloadError where too many wait: a store that hangs must not fill the memory.
   */
  run(keys: readonly string[], job: Job): Promise<Result> {
    if (this.#waiting >= this.#mostWaiting) return Promise.reject(this.#tooMany)
    this.#waiting++
    return new Promise<Result>((resolve, reject) => {
      const mine = { keys, job, resolve, reject, started: false }
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
      this.#waiting -= batch.length
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
  #release(batch: readonly Waiting<Job, Result>[], keys: readonly string[]): void {
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
}

function settleAs<Result>(
  { resolve, reject }: Waiting<unknown, Result>,
  result: PromiseSettledResult<Result>,
): void {
  if (result.status === 'fulfilled') resolve(result.value)
  else reject(result.reason)
}

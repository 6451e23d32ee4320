import { BatchQueue } from './batch-queue'

/**
 * One work at a time per key, inside this process, in order of arrival; each holds its keys for `patience` ms at most.
 * Beyond `waiting` works without a result (default 10,000) the next one fails at once. One without a result after a
 * minute is given up.
 */
export class KeyQueue {
  readonly #queue: BatchQueue<() => Promise<unknown>, unknown>

  constructor(patience = 5_000, waiting?: number) {
    this.#queue = new BatchQueue((works) => Promise.allSettled(works.map((work) => work())), {
      most: 1,
      patience,
      waiting,
    })
  }

  /** Keys that are held or waited for. */
  get size(): number {
    return this.#queue.size
  }

  /** Runs `work` while it holds all the keys. */
  run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    return this.#queue.run(keys, work) as Promise<T>
  }
}

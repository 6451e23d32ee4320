import { within } from '../hooks'

/**
 * One decision at a time per key, inside this process: a hundred updates of one actor then wait for each other
 * instead of failing each other's compare-and-set. Between processes, compare-and-set alone decides; so a turn is
 * waited for `patience` ms at most, lest one answer that never comes stop a key for good.
 */
export class KeyQueue {
  readonly #tails = new Map<string, Promise<void>>()
  readonly #patience: number

  constructor(patience = 5_000) {
    this.#patience = patience
  }

  /** Keys that are held or waited for. */
  get size(): number {
    return this.#tails.size
  }

  /** Runs `work` while it holds all the keys. All are queued for in one go, so two works never wait for each other. */
  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const ahead = keys.map((key) => this.#tails.get(key)).filter((tail) => tail !== undefined)
    let release = (): void => undefined
    const mine = new Promise<void>((resolve) => {
      release = resolve
    })
    for (const key of keys) this.#tails.set(key, mine)
    if (ahead.length > 0) await this.#atMost(Promise.all(ahead))
    try {
      return await work()
    } finally {
      for (const key of keys) if (this.#tails.get(key) === mine) this.#tails.delete(key)
      release()
    }
  }

  async #atMost(turns: Promise<unknown>): Promise<void> {
    const late = new Error('out of patience')
    await within(turns, this.#patience, () => late).catch(() => undefined)
  }
}

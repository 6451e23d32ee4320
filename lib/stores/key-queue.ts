/**
 * One decision at a time per key, inside this process: a hundred updates of one actor then wait for each other
 * instead of failing each other's compare-and-set. Between processes, compare-and-set alone decides.
 */
export class KeyQueue {
  readonly #tails = new Map<string, Promise<void>>()

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
    if (ahead.length > 0) await Promise.all(ahead)
    try {
      return await work()
    } finally {
      for (const key of keys) if (this.#tails.get(key) === mine) this.#tails.delete(key)
      release()
    }
  }
}

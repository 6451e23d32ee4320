import { atMost } from '../promises'

/** How many updates are handled, for a shutdown that waits for them. */
export class UnderWay {
  #count = 0
  readonly #waiting: (() => void)[] = []

  /** Settles as `work` does. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#count++
    try {
      return await work()
    } finally {
      this.#count--
      if (this.#count === 0) for (const over of this.#waiting.splice(0)) over()
    }
  }

  /** Resolves when there is none, or after `ms`. */
  over(ms: number): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return atMost(new Promise<void>((resolve) => this.#waiting.push(resolve)), ms)
  }
}

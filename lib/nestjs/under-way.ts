import { atMost } from '../promises'

/** How many handlers run, for a shutdown that waits for them. */
export class UnderWay {
  #count = 0
  readonly #waiting: (() => void)[] = []

  begin(): void {
    this.#count++
  }

  end(): void {
    this.#count--
    if (this.#count === 0) for (const over of this.#waiting.splice(0)) over()
  }

  /** Resolves when none runs, or after `ms`. */
  over(ms: number): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return atMost(new Promise<void>((resolve) => this.#waiting.push(resolve)), ms)
  }
}

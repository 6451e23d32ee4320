/** Answers that are waited for, all for the same time. */
import { StoreError } from '../../errors'
import { later } from './timers'

interface Waiting {
  /** ms, monotonic. */
  readonly deadline: number
  readonly reject: (reason: Error) => void
}

/** One timer for all of them, not one each: the oldest is due first, since all wait equally long. */
export class Deadlines {
  readonly #waiting = new Set<Waiting>()
  #timer: NodeJS.Timeout | undefined

  /** `ms`: the longest wait. */
  constructor(private readonly ms: number) {}

  /** How many are waited for. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** What `work` comes to, or a StoreError where that takes too long; then its answer goes nowhere. */
  bound<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = { deadline: performance.now() + this.ms, reject }
      this.#waiting.add(waiting)
      if (this.#timer === undefined) this.#watch()
      work.then(
        (value) => {
          this.#waiting.delete(waiting)
          resolve(value)
        },
        (thrown: unknown) => {
          this.#waiting.delete(waiting)
          reject(thrown as Error)
        },
      )
    })
  }

  /** Nobody is to wait any more. */
  stop(reason: Error): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const { reject } of this.#waiting) reject(reason)
    this.#waiting.clear()
  }

  #watch(): void {
    const [oldest] = this.#waiting
    this.#timer = later(Math.max(1, oldest.deadline - performance.now()), () => this.#expire())
  }

  #expire(): void {
    this.#timer = undefined
    const now = performance.now()
    let error: StoreError | undefined
    for (const waiting of this.#waiting) {
      if (waiting.deadline > now) break
      this.#waiting.delete(waiting)
      // Made once: each has a stack of its own, and a flood of them would hold up the loop.
      error ??= noAnswer(this.ms)
      waiting.reject(error)
    }
    if (this.#waiting.size > 0 && this.#timer === undefined) this.#watch()
  }
}

export function noAnswer(ms: number): StoreError {
  return new StoreError(`no answer within ${Math.round(ms)} ms`, { code: 'SENTINEL_STORE_TIMEOUT' })
}

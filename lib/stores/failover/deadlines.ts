/** Answers that are waited for, all for the same time. */
import type { Deadline } from '../../deadline'
import { codeOf, StoreError } from '../../errors'
import { within } from '../../promises'
import { deadlineIn } from '../later'

/** ms that an answer is waited for too long at most while nothing holds up the loop. */
const PUNCTUAL = 20

interface Waiting {
  /** ms, monotonic. */
  readonly deadline: number
  readonly reject: (reason: Error) => void
}

/** Nothing is known of the store: this process was busy, and has given it no chance to be heard. */
export class HeldUpError extends StoreError {
  constructor(ms: number) {
    super(`no answer within ${Math.round(ms)} ms, in which this process was busy`, {
      code: 'SENTINEL_STORE_TIMEOUT',
    })
  }
}

/** One timer for all of them, not one each: the oldest is due first, since all wait equally long. */
export class Deadlines {
  readonly #waiting = new Set<Waiting>()
  /** Errors are made once: each has a stack of its own, and a flood of them would hold up the loop. */
  readonly #heldUp: HeldUpError
  #next: Deadline | undefined

  /** `ms`: the longest wait. */
  constructor(private readonly ms: number) {
    this.#heldUp = new HeldUpError(ms)
  }

  /** What `work` comes to, or a StoreError where that takes too long; then its answer goes nowhere. */
  bound<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = { deadline: performance.now() + this.ms, reject }
      this.#waiting.add(waiting)
      if (this.#next === undefined) this.#watch()
      work.then(
        (value) => {
          this.#waiting.delete(waiting)
          resolve(value)
        },
        (thrown: unknown) => {
          this.#waiting.delete(waiting)
          reject(isTimeout(thrown) && isLate(waiting) ? this.#heldUp : (thrown as Error))
        },
      )
    })
  }

  /** Nobody is to wait any more. */
  stop(reason: Error): void {
    this.#next?.clear()
    this.#next = undefined
    for (const { reject } of this.#waiting) reject(reason)
    this.#waiting.clear()
  }

  #watch(): void {
    const [oldest] = this.#waiting
    this.#next = deadlineIn(Math.max(1, oldest.deadline - performance.now()), () => this.#expire())
  }

  #expire(): void {
    this.#next = undefined
    const now = performance.now()
    let error: StoreError | undefined
    for (const waiting of this.#waiting) {
      if (waiting.deadline > now) break
      this.#waiting.delete(waiting)
      error ??= isLate(waiting) ? this.#heldUp : noAnswer(this.ms)
      waiting.reject(error)
    }
    if (this.#waiting.size > 0 && this.#next === undefined) this.#watch()
  }
}

/** Its time was over long before anybody could say so. */
function isLate({ deadline }: Waiting): boolean {
  return performance.now() - deadline > PUNCTUAL
}

export function isTimeout(thrown: unknown): boolean {
  return codeOf(thrown) === 'SENTINEL_STORE_TIMEOUT'
}

function noAnswer(ms: number): StoreError {
  return new StoreError(`no answer within ${Math.round(ms)} ms`, { code: 'SENTINEL_STORE_TIMEOUT' })
}

/** The answer to a call with so many records: it may take as long as any, and longer where there is more to write. */
export function bounded<T>(work: PromiseLike<T>, timeout: number, records = 0): Promise<T> {
  const patience = timeout * (1 + records / 100)
  return within(work, patience, () => noAnswer(patience))
}

import { DURATION_HINT, toMilliseconds, type Duration } from '../duration'
import { SentinelUsageError } from '../errors'

/** How long a waiting test waits unless told otherwise. */
export const WAIT_LIMIT = 5_000

/** How long to wait at most. */
export interface WaitOptions {
  /** Default `'5s'`; then the promise is rejected with what is missing. */
  timeout?: Duration
}

/** Waits for what other code makes true, so that no test has to sleep and look again. */
export class Signal {
  readonly #looks = new Set<() => void>()
  #closed: Error | undefined

  /** Something changed: all who wait look again. */
  notify(): void {
    for (const look of [...this.#looks]) look()
  }

  /**
   * Resolves with what `check` returns once that is not `undefined`, rejects with what it throws, and after
   * `timeout` with an error that says what `explain` says.
   */
  async until<T>(
    check: () => T | undefined,
    explain: () => string,
    { timeout }: WaitOptions = {},
  ): Promise<T> {
    const limit = timeout === undefined ? WAIT_LIMIT : milliseconds('timeout', timeout)
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer)
        this.#looks.delete(look)
        settle()
      }
      const look = () => {
        try {
          const found = check()
          if (found !== undefined) finish(() => resolve(found))
          else if (this.#closed !== undefined) throw this.#closed
        } catch (error) {
          finish(() => reject(error))
        }
      }
      const timer = setTimeout(
        () => finish(() => reject(new Error(`${explain()} (waited ${limit} ms)`))),
        limit,
      )
      this.#looks.add(look)
      look()
    })
  }

  /** All who still wait get this error. */
  close(error: Error): void {
    this.#closed = error
    this.notify()
  }
}

/** A duration in milliseconds. @throws SentinelUsageError */
export function milliseconds(name: string, duration: Duration): number {
  const value = toMilliseconds(duration)
  if (value !== undefined) return value
  throw new SentinelUsageError(`${name}: ${JSON.stringify(duration)} is not ${DURATION_HINT}`)
}

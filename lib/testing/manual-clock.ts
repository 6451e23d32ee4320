import type { Clock } from '../clock'
import { DURATION_HINT, toMilliseconds, type Duration } from '../duration'
import { SentinelUsageError } from '../errors'

/** 2026-01-01T00:00:00Z: where a `ManualClock` starts unless told otherwise. */
export const CLOCK_START = Date.UTC(2026, 0, 1)

/**
 * A clock that stands still until a test moves it, so that hours pass in no time.
 *
 * @example
 * const clock = new ManualClock()
 * const sentinel = createSentinel({ clock, rateLimit: { limit: 1, window: '1h' } })
 * // … the second message is refused …
 * clock.advance('1h')
 * // … the third one passes
 */
export class ManualClock implements Clock {
  #now: number

  /**
   * @param start milliseconds since the epoch; default 2026-01-01T00:00:00Z
   * @throws SentinelUsageError if `start` is not a whole number >= 0
   */
  constructor(start: number = CLOCK_START) {
    this.#now = instant(start)
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#now
  }

  /**
   * Moves on by a duration and returns the new time (ms).
   *
   * @throws SentinelUsageError if it is no positive duration
   */
  advance(duration: Duration): number {
    const step = toMilliseconds(duration)
    if (step === undefined) {
      throw new SentinelUsageError(`ManualClock.advance(${JSON.stringify(duration)}): needs ${DURATION_HINT}`)
    }
    this.#now = instant(this.#now + step)
    return this.#now
  }

  /**
   * Jumps to a time (ms since the epoch), backwards too: servers' clocks do.
   *
   * @throws SentinelUsageError if it is not a whole number >= 0
   */
  set(now: number): void {
    this.#now = instant(now)
  }
}

function instant(now: number): number {
  if (Number.isSafeInteger(now) && now >= 0) return now
  throw new SentinelUsageError(
    `ManualClock: a time is a whole number of milliseconds since the epoch, not ${String(now)}`,
  )
}

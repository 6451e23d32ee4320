import { AsyncResource } from 'node:async_hooks'

/** What a slice of sweeping came to: more garbage is likely, or later, or there is nothing left to look after. */
export type Sweep = 'more' | 'later' | 'done'

/** ms from one slice to the next, while there is garbage and while there is none. */
const SOON = 20
const LATER = 1000

/**
 * Timers are made in here, so that none carries the async context (and all that hangs on it) of the update that
 * happened to make it.
 */
const outside = new AsyncResource('TelegrafSentinelSweeper')

/**
 * Runs slices of work on one timer, which is there only while there is something to look after. It keeps neither the
 * process nor its owner alive.
 */
export class Sweeper {
  private timer: NodeJS.Timeout | undefined = undefined

  constructor(private readonly slice: () => Sweep) {}

  start(): void {
    if (this.timer === undefined) this.schedule(LATER)
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }

  private schedule(delay: number): void {
    this.timer = outside.runInAsyncScope(() => setTimeout(wake, delay, new WeakRef(this)))
    this.timer.unref()
  }

  private wake(): void {
    const outcome = this.slice()
    if (outcome === 'done') this.stop()
    else this.schedule(outcome === 'more' ? SOON : LATER)
  }

  /** For the timer, which knows its sweeper by a weak reference only. */
  static wake(reference: WeakRef<Sweeper>): void {
    reference.deref()?.wake()
  }
}

function wake(reference: WeakRef<Sweeper>): void {
  Sweeper.wake(reference)
}

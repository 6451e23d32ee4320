/** When the machine gave this process no time, so that its own delays can be told from the machine's. */
import { performance } from 'node:perf_hooks'

/** ms between two looks. */
const EVERY = 5
/** Shorter pauses than this (ms) are the timer's own. */
const LEAST = 1

interface Pause {
  readonly from: number
  readonly to: number
  /** ms in between that the machine took. */
  readonly length: number
}

/**
 * Looks at the clock every 5 ms. What passed beyond that while there was nothing to do, and what passed while there was but no
 * processor did it, was the machine's. Time in which this process was busy is not excused.
 */
export class Pauses {
  readonly #pauses: Pause[] = []
  #timer: NodeJS.Timeout | undefined

  start(): this {
    let last = performance.now()
    let loop = performance.eventLoopUtilization()
    let used = process.cpuUsage()
    this.#timer = setInterval(() => {
      const now = performance.now()
      const { idle, active } = performance.eventLoopUtilization(loop)
      const { user, system } = process.cpuUsage(used)
      const length = Math.max(0, idle - EVERY) + Math.max(0, active - (user + system) / 1000)
      if (length > LEAST) this.#pauses.push({ from: last, to: now, length })
      last = now
      loop = performance.eventLoopUtilization()
      used = process.cpuUsage()
    }, EVERY)
    return this
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** ms that the machine took within this stretch of time. */
  within(from: number, to: number): number {
    let sum = 0
    for (const pause of this.#pauses) if (pause.to > from && pause.from < to) sum += pause.length
    return sum
  }
}

import { performance } from 'node:perf_hooks'
import { quantile } from '../suite'
import type { Contender, Sent } from './contender'

export interface Pace {
  /** Decisions under way at any time. */
  readonly atOnce: number
  /** Decisions, unless the time is up before. */
  readonly most: number
  /** ms. */
  readonly longest: number
}

/** What a lap came to. */
export interface Lap {
  /** Decisions per second. */
  readonly rate: number
  /** ms per decision. */
  readonly p50: number
  readonly p99: number
  /** This process's processor time per decision (us). */
  readonly cpu: number
}

/** A closed loop: each of the workers sends its next update as soon as its last one is decided. */
export async function lap(contender: Contender, next: () => Sent, pace: Pace): Promise<Lap> {
  const { atOnce, most, longest } = pace
  const latencies = new Float64Array(most)
  let [sent, done] = [0, 0]
  global.gc?.()
  const cpu = process.cpuUsage()
  const started = performance.now()
  const work = async (): Promise<void> => {
    for (let now = performance.now(); sent < most && now - started < longest;) {
      const update = next()
      sent++
      if (!(await contender.decide(update))) throw new Error(refusal(contender, update))
      const ended = performance.now()
      latencies[done++] = ended - now
      now = ended
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const took = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  const taken = latencies.subarray(0, done)
  return {
    rate: (done / took) * 1000,
    p50: quantile(taken, 0.5),
    p99: quantile(taken, 0.99),
    cpu: (user + system) / done,
  }
}

function refusal({ name }: Contender, { user, route, text }: Sent): string {
  return `${name} refused text ${text} of user ${user} to command ${route}: every update of a lap must pass`
}

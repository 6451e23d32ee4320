import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { median } from '../suite'
import type { Values } from '../suite'
import { idsOf, shuffle } from '../random'
import type { Contender, Run } from './contender'

/** Long enough that nothing expires while a round runs. */
const WINDOW = 60_000
const ROUNDS = 7

/**
 * Decisions per second over rounds of `hits` decisions, and bytes per subject once every subject has used up its
 * limit. The order of subjects is new in each round: a table that is read in the order of its making is faster than
 * any bot's traffic.
 */
export async function measureDecisions(
  contender: Contender,
  subjects: number,
  hits: number,
): Promise<Values> {
  const ids = idsOf(subjects)
  const order = new Float64Array(Math.max(subjects, hits))
  await warmUp(contender)
  const before = await heap()
  const run = contender.create(WINDOW)
  const rates: number[] = []
  let passed = 0
  for (let round = 0; round < ROUNDS; round++) {
    fill(order, ids, round)
    const started = performance.now()
    passed += await run(order)
    rates.push((order.length / (performance.now() - started)) * 1000)
  }
  const bytes = ((await heap()) - before) / subjects
  await keep(run)
  return { rate: median(rates), bytes, passed: passed / (order.length * ROUNDS) }
}

/**
 * The longest time that the event loop stands still while a million subjects expire under a trickle of traffic,
 * watched for `watch` ms, and bytes per subject that are still held afterwards.
 */
export async function measureExpiry(
  contender: Contender,
  subjects: number,
  window: number,
  watch: number,
): Promise<Values> {
  const ids = shuffle(idsOf(subjects), 1)
  await warmUp(contender)
  const before = await heap()
  const run = contender.create(window)
  await run(ids)
  // The garbage of the filling is not the expiry's.
  await heap()
  const stall = await longestStall(run, ids, performance.now() + watch)
  const kept = ((await heap()) - before) / subjects
  await keep(run)
  return { stall, kept }
}

/** Uses the contender once more, so that it is not garbage itself when memory is measured before. */
async function keep(run: Run): Promise<void> {
  await run(new Float64Array(0))
}

/** Has the code compiled, on an instance that is dropped: compiled code is no subject's memory. */
async function warmUp(contender: Contender): Promise<void> {
  const run = contender.create(WINDOW)
  for (let i = 0; i < 10; i++) await run(idsOf(1_000))
}

/**
 * One hit per millisecond, on one timer: a loop of promises would make garbage of its own.
 *
 * A turn's time is the lesser of the clock's and the processor's: the clock also counts other processes that had the
 * processor meanwhile, the processor's time also counts the collector's helper threads.
 */
function longestStall(run: Run, ids: Float64Array, until: number): Promise<number> {
  const id = new Float64Array(1)
  let longest = 0
  let hits = 0
  let last = performance.now()
  let lastBusy = busy()
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      const now = performance.now()
      const nowBusy = busy()
      longest = Math.max(longest, Math.min(now - last, nowBusy - lastBusy))
      last = now
      lastBusy = nowBusy
      id[0] = ids[hits++ % ids.length]
      Promise.resolve(run(id)).catch(reject)
      if (now < until) return
      clearInterval(timer)
      resolve(longest)
    }, 1)
  })
}

/** ms of processor time that this process has used. */
function busy(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function fill(order: Float64Array, ids: Float64Array, seed: number): void {
  for (let at = 0; at < order.length; at += ids.length) {
    order.set(shuffle(ids, seed + at).subarray(0, order.length - at), at)
  }
}

/** Bytes in use once all garbage is gone: array buffers are freed by a thread of their own, some time after. */
export async function heap(): Promise<number> {
  if (gc === undefined) throw new Error('run with node --expose-gc, as `npm run bench` does')
  for (let i = 0; i < 3; i++) {
    gc()
    await sleep(50)
  }
  const { heapUsed, external } = process.memoryUsage()
  // `external` has the array buffers in it.
  return heapUsed + external
}

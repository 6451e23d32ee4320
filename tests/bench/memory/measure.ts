import { performance } from 'node:perf_hooks'
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
  const run = contender.create(WINDOW)
  const before = heap()
  const rates: number[] = []
  let passed = 0
  for (let round = 0; round < ROUNDS; round++) {
    fill(order, ids, round)
    const started = performance.now()
    passed += await run(order)
    rates.push((order.length / (performance.now() - started)) * 1000)
  }
  const bytes = (heap() - before) / subjects
  return { rate: median(rates), bytes, passed: passed / (order.length * ROUNDS) }
}

/**
 * The longest time that the event loop stands still while a million subjects expire under a trickle of traffic,
 * and bytes per subject that are still held afterwards.
 */
export async function measureExpiry(contender: Contender, subjects: number, window: number): Promise<Values> {
  const ids = shuffle(idsOf(subjects), 1)
  const before = heap()
  const started = performance.now()
  const run = contender.create(window)
  await run(ids)
  // The garbage of the filling is not the expiry's.
  heap()
  // express-rate-limit forgets a subject at the end of its second window only, ours are collected in slices.
  const stall = await longestStall(run, ids, started + window * 4)
  return { stall, kept: (heap() - before) / subjects }
}

async function longestStall(run: Run, ids: Float64Array, until: number): Promise<number> {
  let longest = 0
  let last = performance.now()
  let nextHit = last
  for (let i = 0; last < until;) {
    if (last >= nextHit) {
      await run(ids.subarray(i, i + 1))
      i = (i + 1) % ids.length
      nextHit = last + 1
    }
    await new Promise(setImmediate)
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  return longest
}

function fill(order: Float64Array, ids: Float64Array, seed: number): void {
  for (let at = 0; at < order.length; at += ids.length) {
    order.set(shuffle(ids, seed + at).subarray(0, order.length - at), at)
  }
}

function heap(): number {
  if (gc === undefined) throw new Error('run with node --expose-gc, as `npm run bench` does')
  gc()
  gc()
  const { heapUsed, external } = process.memoryUsage()
  // `external` has the array buffers in it.
  return heapUsed + external
}

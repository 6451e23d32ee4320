/** Some processes with leases over one store, under any traffic: what they admit is within the bound that is promised. */
import fc from 'fast-check'
import { OverloadError, StoreError, StoreTimeoutError } from '../../../lib/errors'
import { ALGORITHMS, type Algorithm } from '../../../lib/limiters'
import { ReferenceStore } from '../../../lib/testing/contract/reference'
import { limitOf, START } from '../../../lib/testing/contract/requests'
import { HOT, hotOf, LeasedStore, updateOf } from './leased-store'

const LIMIT = 40
const WINDOW = 1_000
const LEASE = 6
/** Of units: algorithms count in whole ones. */
const ROUNDING = 1
const seed = Number(process.env.FC_SEED ?? Date.now() % 1_000_000)
const RUNS = Number(process.env.FC_RUNS ?? 40)
const NONE = new Array<'none'>(20).fill('none')

type Fault = 'none' | 'timeout' | 'failure' | 'overload'

interface Update {
  readonly process: number
  readonly actor: number
  readonly cost: number
}

interface Step {
  /** ms since the step before. */
  readonly later: number
  readonly updates: readonly Update[]
  /** Else one after another. */
  readonly atOnce: boolean
}

/** Units of the hot limit at a moment. */
interface Units {
  readonly at: number
  readonly units: number
}

interface Run {
  /** Used by updates that passed, or of which nobody knows. */
  readonly used: Units[]
  /** Charged by the store. */
  readonly charged: Units[]
  /** Updates that the hot limit refused, and how many uses there were by the end of their step. */
  readonly refused: (Units & { readonly uses: number })[]
}

const FAULTS: Record<Exclude<Fault, 'none'>, () => Error> = {
  timeout: () => new StoreTimeoutError(500),
  failure: () => new StoreError('the connection was lost'),
  overload: () => new OverloadError('too much waits'),
}

const update = fc.record({
  process: fc.nat(2),
  actor: fc.integer({ min: 1, max: 30 }),
  cost: fc.constantFrom(1, 1, 1, 1, 1, 1, 2, 3),
})
const steps = fc.array(
  fc.record({
    // Around a hold and what is left of the window after it, since it is there that units turn stale.
    later: fc.oneof(fc.nat(3), fc.nat(30), fc.constantFrom(90, 99, 100, 101, 101, 101, 110, 800)),
    updates: fc.array(update, { minLength: 1, maxLength: 9, size: 'max' }),
    atOnce: fc.boolean(),
  }),
  { minLength: 80, maxLength: 160, size: 'max' },
)
/** What becomes of one trip after another, over and over. */
const fates = fc.oneof(
  fc.constant<Fault[]>(['none']),
  fc.array(fc.constantFrom<Fault>(...NONE, 'timeout', 'failure', 'overload'), {
    minLength: 30,
    maxLength: 90,
  }),
)

describe.each(ALGORITHMS)('%s', (limiter) => {
  test(`what passes, and what is refused, is within the bound (FC_SEED=${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), steps, fates, async (processes, traffic, faults) => {
        const { used, charged, refused } = await play(limiter, processes, traffic, faults)
        const bound = processes * (LEASE - 1)
        expect(mostBeyond(used, charged)).toBeLessThanOrEqual(bound)
        for (const { at, units, uses } of refused) {
          expect(LIMIT - countedAt(limiter, used.slice(0, uses), at)).toBeLessThan(bound + units + ROUNDING)
        }
        if (limiter !== 'sliding-window') return
        expect(mostWithin(WINDOW, used)).toBeLessThanOrEqual(LIMIT + bound)
        expect(mostWithin(WINDOW * 0.9, used)).toBeLessThanOrEqual(LIMIT)
      }),
      { seed, numRuns: RUNS, endOnFailure: true },
    )
  }, 120_000)
})

async function play(
  limiter: Algorithm,
  processes: number,
  traffic: readonly Step[],
  faults: readonly Fault[],
): Promise<Run> {
  const shared = new ReferenceStore()
  const run: Run = { used: [], charged: [], refused: [] }
  /** Updates that the store has charged itself, and those that came with units in hand. */
  const exact = new Set<number>()
  const withUnits = new Set<number>()
  let trips = 0
  const stores = Array.from({ length: processes }, () => new LeasedStore(shared))
  for (const store of stores) {
    store.carry = async (asked, answer) => {
      const fault = faults[trips++ % faults.length]
      const mark = asked.duplicate?.mark
      const checks = asked.limits.filter(({ bucket }) => bucket === HOT)
      if (mark !== undefined && checks.length === 0) withUnits.add(mark)
      if (fault === 'overload') throw FAULTS[fault]()
      const decision = await answer()
      for (const { cost, outcome } of checks) {
        if (outcome !== undefined || decision.reason !== undefined) continue
        run.charged.push({ at: (asked.now ?? 0) - START, units: cost })
        if (mark !== undefined) exact.add(mark)
      }
      if (fault !== 'none') throw FAULTS[fault]()
      return decision
    }
  }
  let at = 0
  let marks = 0
  for (const { later, updates, atOnce } of traffic) {
    at += later
    const refused: number[] = []
    const decide = async (update: Update): Promise<void> => {
      refused.push(await refusedUnits(update, ++marks))
    }
    if (atOnce) await Promise.all(updates.map(decide))
    else for (const update of updates) await decide(update)
    for (const units of refused) if (units > 0) run.refused.push({ at, units, uses: run.used.length })
  }
  return run

  /** Decides an update; what the hot limit has refused it. */
  async function refusedUnits({ process, actor, cost }: Update, mark: number): Promise<number> {
    const own = limitOf({ bucket: 'own', limit: 12, window: 300 })
    const hot = hotOf({ limiter, limit: LIMIT, window: WINDOW, lease: LEASE, cost })
    const request = updateOf(at, { actor, limits: [own, hot], duplicate: { mark, window: 60_000 } })
    try {
      const { reason, name } = await stores[process % processes].decide(request)
      if (reason === undefined) run.used.push({ at, units: cost })
      return name === HOT ? cost : 0
    } catch (error) {
      // What was charged is as good as used, and after a time-out nobody knows.
      const spent = error instanceof StoreTimeoutError && withUnits.has(mark)
      if (exact.has(mark) || spent) run.used.push({ at, units: cost })
      return 0
    }
  }
}

/** In the span of time in which it is most: how many more units were used than charged. */
function mostBeyond(used: readonly Units[], charged: readonly Units[]): number {
  const changes = new Map<number, number>()
  for (const { at, units } of used) changes.set(at, (changes.get(at) ?? 0) + units)
  for (const { at, units } of charged) changes.set(at, (changes.get(at) ?? 0) - units)
  let most = 0
  let here = 0
  for (const at of [...changes.keys()].sort((a, b) => a - b)) {
    here = Math.max(0, here) + (changes.get(at) ?? 0)
    most = Math.max(most, here)
  }
  return most
}

/** The most units that were used in any span of such a length. */
function mostWithin(length: number, used: readonly Units[]): number {
  return Math.max(0, ...used.map(({ at }) => sum(used.filter((one) => one.at >= at && one.at < at + length))))
}

/** What an algorithm counts at a moment if it is told of exactly these uses; a bucket, at the least. */
function countedAt(limiter: Algorithm, used: readonly Units[], at: number): number {
  const windowOf = (when: number): number => Math.floor((START + when) / WINDOW)
  const inWindow = (number: number): number => sum(used.filter((one) => windowOf(one.at) === number))
  if (limiter === 'fixed-window') return inWindow(windowOf(at))
  if (limiter === 'sliding-counter') {
    const left = WINDOW - ((START + at) % WINDOW)
    return inWindow(windowOf(at)) + (inWindow(windowOf(at) - 1) * left) / WINDOW
  }
  // In a window an empty bucket has given out what came in, or all that it held, but for what was too little.
  return sum(used.filter((one) => one.at + WINDOW > at))
}

function sum(some: readonly Units[]): number {
  return some.reduce((total, { units }) => total + units, 0)
}

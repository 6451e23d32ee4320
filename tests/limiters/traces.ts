/** Random rules and random traces of hits, for fast-check. `FC_SEED=…` repeats a run. */
import fc from 'fast-check'
import { ruleOf, slidingWindow, slidingCounter, fixedWindow, tokenBucket, gcra } from '../../lib/limiters'
import type { BuiltinLimiter, Rule } from '../../lib/limiters'

if (process.env.FC_SEED !== undefined) {
  const seed = Number(process.env.FC_SEED)
  console.log(`fast-check seed: ${seed}`)
  fc.configureGlobal({ seed })
}

export const DAY = 86_400_000
export const LIMITERS: readonly BuiltinLimiter[] = [
  slidingWindow,
  slidingCounter,
  fixedWindow,
  tokenBucket,
  gcra,
]
export const BY_NAME = LIMITERS.map((limiter) => [limiter.name, limiter] as const)

/** A rule with `burst` equal to `limit`, unless told otherwise. */
export function rule(limit: number, window: number, other: Partial<Rule> = {}): Rule {
  return ruleOf({ limit, window, burst: limit, countRefused: false, ...other })
}

export interface Hit {
  readonly now: number
  readonly cost: number
}

export interface Trace {
  readonly rule: Rule
  readonly hits: readonly Hit[]
}

export const windows = fc.oneof(
  fc.constantFrom(1, 2, 7, 500, 999, 1000, 10_000, 60_000, DAY, 30 * DAY),
  fc.integer({ min: 1, max: 2000 }),
  fc.integer({ min: 1, max: 30 * DAY }),
)

export const rules: fc.Arbitrary<Rule> = fc
  .record({
    limit: fc.integer({ min: 1, max: 50 }),
    window: windows,
    ownBurst: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
    countRefused: fc.boolean(),
  })
  .map(({ limit, window, ownBurst, countRefused }) =>
    ruleOf({ limit, window, burst: ownBurst ?? limit, countRefused }),
  )

const starts = fc.oneof(
  fc.constantFrom(0, 1, -1, 1_780_000_000_000),
  fc.integer({ min: -(10 ** 12), max: 4 * 10 ** 12 }),
)

/** How far the next hit is away, in ways that land on what matters: a window's ends, an interval's ends, nothing at all. */
type Pause = (rule: Rule) => number
const forwards: fc.Arbitrary<Pause> = fc.oneof(
  fc.constant<Pause>(() => 0),
  fc.constantFrom(1, 2).map((ms) => () => ms),
  fc.constantFrom(-1, 0, 1).map(
    (ms) =>
      ({ window }: Rule) =>
        Math.max(0, window + ms),
  ),
  fc.constantFrom(0, 1).map(
    (ms) =>
      ({ window, limit }: Rule) =>
        Math.floor(window / limit) + ms,
  ),
  fc.integer({ min: 0, max: 1000 }).map(
    (part) =>
      ({ window }: Rule) =>
        Math.floor((window * part) / 1000),
  ),
  fc.integer({ min: 0, max: 30 }).map(
    (part) =>
      ({ window, limit }: Rule) =>
        Math.floor((window * part) / limit / 10),
  ),
)
const anywhere: fc.Arbitrary<Pause> = fc.oneof(
  { weight: 5, arbitrary: forwards },
  { weight: 1, arbitrary: forwards.map((pause) => (someRule: Rule) => -pause(someRule)) },
)

function traceOf(pauses: fc.Arbitrary<Pause>): fc.Arbitrary<Trace> {
  const cost = fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: 0, max: 62 }))
  const steps = fc.array(fc.tuple(pauses, cost), { minLength: 1, maxLength: 60 })
  return fc.tuple(rules, starts, steps).map(([someRule, start, pairs]) => {
    let now = start
    const most = Math.max(someRule.limit, someRule.burst) + 2
    const hits = pairs.map(([pause, units]) => {
      now += pause(someRule)
      return { now, cost: units % (most + 1) }
    })
    return { rule: someRule, hits }
  })
}

/** Time never goes back. */
export const steadyTraces = traceOf(forwards)
/** Time goes back now and then. */
export const traces = traceOf(anywhere)

/** What passed, in order. */
export function passed(limiter: BuiltinLimiter, someRule: Rule, hits: readonly Hit[]): Hit[] {
  let state: number[] | undefined
  return hits.filter(({ now, cost }) => {
    const [next, outcome] = limiter.hit(state, someRule, now, cost)
    if (outcome.allowed || someRule.countRefused) state = next
    return outcome.allowed
  })
}

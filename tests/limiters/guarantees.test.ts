import fc from 'fast-check'
import type { Algorithm, BuiltinLimiter, Rule } from '../../lib/limiters'
import { fixedWindow, gcra, slidingCounter, slidingWindow, tokenBucket, waitOf } from '../../lib/limiters'
import { MODELS } from './models'
import type { Hit } from './traces'
import { BY_NAME, DAY, passed, rule, rules, steadyTraces, traces } from './traces'

const BUCKETS = [tokenBucket, gcra].map((limiter) => [limiter.name, limiter] as const)
const WINDOWS = [slidingWindow, slidingCounter, fixedWindow].map(
  (limiter) => [limiter.name, limiter] as const,
)

/** Every stretch from one hit to another, with the units in it. */
function* stretches(hits: readonly Hit[]): Generator<{ length: number; units: number }> {
  for (let from = 0; from < hits.length; from++) {
    let units = 0
    for (let to = from; to < hits.length; to++) {
      units += hits[to].cost
      yield { length: hits[to].now - hits[from].now, units }
    }
  }
}

/** `burst + limit * length / window`, compared without rounding. */
function expectWithinBucket(hits: readonly Hit[], { limit, window, burst }: Rule): void {
  for (const { length, units } of stretches(hits)) {
    expect(BigInt(units - burst) * BigInt(window) <= BigInt(length) * BigInt(limit)).toBe(true)
  }
}

/** Whatever the rule, the cost and the time, `after` lets nothing pass sooner than `before` would. */
function expectNoShorterWaits(
  limiter: BuiltinLimiter,
  before: number[] | undefined,
  after: number[],
  ruleWith: (limit: number) => Rule,
  now: number,
): void {
  const { kernel } = limiter
  for (const later of [1, 2, 7, 30, 60].map(ruleWith)) {
    for (const delay of [0, 1, Math.floor(later.window / 3), later.window - 1, later.window]) {
      for (const cost of [1, kernel.capacity(later)]) {
        const least = waitOf(kernel, before ?? kernel.fresh, 0, later, now + delay, cost)
        expect(waitOf(kernel, after, 0, later, now + delay, cost)).toBeGreaterThanOrEqual(least)
      }
    }
  }
}

/** ms until an empty state is full again. */
function fullRefill(limiter: BuiltinLimiter, { limit, window, burst }: Rule): number {
  if (limiter === tokenBucket || limiter === gcra) return Math.ceil((burst * window) / limit)
  return limiter === slidingCounter ? 2 * window : window
}

describe('how much passes', () => {
  it('sliding-window: never more than the limit in any window', () => {
    fc.assert(
      fc.property(steadyTraces, ({ rule, hits }) => {
        for (const { length, units } of stretches(passed(slidingWindow, rule, hits))) {
          if (length < rule.window) expect(units).toBeLessThanOrEqual(rule.limit)
        }
      }),
      { numRuns: 300 },
    )
  })

  it.each(BUCKETS)('%s: never more than the burst and what has been refilled', (_name, limiter) => {
    fc.assert(
      fc.property(steadyTraces, ({ rule, hits }) => {
        expectWithinBucket(passed(limiter, rule, hits), rule)
      }),
      { numRuns: 300 },
    )
  })

  it('fixed-window: never more than the limit between two boundaries', () => {
    fc.assert(
      fc.property(steadyTraces, ({ rule, hits }) => {
        const counts = new Map<number, number>()
        for (const { now, cost } of passed(fixedWindow, rule, hits)) {
          const index = Math.floor(now / rule.window)
          counts.set(index, (counts.get(index) ?? 0) + cost)
        }
        expect(Math.max(0, ...counts.values())).toBeLessThanOrEqual(rule.limit)
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    ['fixed-window', 19],
    ['sliding-window', 10],
    // It takes the ten as spread evenly over the window before, so it lets one fewer through.
    ['sliding-counter', 9],
    ['token-bucket', 10],
    ['gcra', 10],
  ] as const)('around a boundary, a limit of 10 lets %s admit %i', (name, most) => {
    const limiter = BY_NAME.find(([known]) => known === name)?.[1] ?? fixedWindow
    const boundary = 1_780_000_000_000
    const hits = [
      { now: boundary - 10_000, cost: 1 },
      ...Array.from({ length: 10 }, () => ({ now: boundary - 1, cost: 1 })),
      ...Array.from({ length: 10 }, () => ({ now: boundary, cost: 1 })),
    ]
    const around = passed(limiter, rule(10, 10_000), hits).filter(({ now }) => now >= boundary - 1)
    expect(around).toHaveLength(most)
  })

  it.each(BY_NAME)('%s keeps a window of 30 days', (_name, limiter) => {
    const monthly = rule(1, 30 * DAY)
    const start = Math.ceil(1_780_000_000_000 / (30 * DAY)) * 30 * DAY
    const [state] = limiter.hit(undefined, monthly, start, 1)
    const [, { allowed, retryAfter }] = limiter.hit(state, monthly, start + 25 * DAY, 1)
    expect(allowed).toBe(false)
    expect(retryAfter).toBe(limiter === slidingCounter ? 35 * DAY : 5 * DAY)
  })

  it.each(BY_NAME)('%s keeps a window of half a second', (_name, limiter) => {
    const hits = Array.from({ length: 1000 }, (_, i) => ({ now: i * 10, cost: 1 }))
    const all = passed(limiter, rule(5, 500), hits).length
    // Under steady pressure the counter's estimate is on the safe side.
    expect(all).toBeGreaterThanOrEqual(limiter === slidingCounter ? 80 : 95)
    expect(all).toBeLessThanOrEqual(105)
  })
})

describe('a limit that changes', () => {
  const changing = fc.tuple(traces, fc.array(rules, { minLength: 1, maxLength: 5 }))

  it.each(WINDOWS)('%s agrees with a naive model', (name, limiter) => {
    fc.assert(
      fc.property(changing, ([{ rule: first, hits }, others]) => {
        const model = MODELS[name as Algorithm]()
        let state: number[] | undefined
        hits.forEach(({ now, cost }, i) => {
          const { limit, countRefused } = others[i % others.length]
          const current = rule(limit, first.window, { countRefused })
          const [next, outcome] = limiter.hit(state, current, now, cost)
          expect(outcome).toEqual(model.hit(current, now, cost))
          if (outcome.allowed || countRefused) state = next
        })
      }),
      { numRuns: 300 },
    )
  })

  it.each(BY_NAME)('%s stays exact about retryAfter, even if the window changes too', (_name, limiter) => {
    fc.assert(
      fc.property(changing, ([{ hits }, others]) => {
        let state: number[] | undefined
        hits.forEach(({ now, cost }, i) => {
          const current = others[i % others.length]
          const [next, { allowed, retryAfter }] = limiter.hit(state, current, now, cost)
          if (allowed || current.countRefused) state = next
          if (allowed || retryAfter === Infinity) return
          expect(limiter.hit(state, current, now + retryAfter, cost)[1].allowed).toBe(true)
          expect(limiter.hit(state, current, now + retryAfter - 1, cost)[1].allowed).toBe(false)
        })
      }),
      { numRuns: 300 },
    )
  })

  it.each(BY_NAME)(
    '%s never locks out for longer than a full refill under the new rule',
    (_name, limiter) => {
      fc.assert(
        fc.property(steadyTraces, rules, ({ rule: before, hits }, after) => {
          let state: number[] | undefined
          for (const { now, cost } of hits) {
            const [next, { allowed }] = limiter.hit(state, before, now, cost)
            if (allowed || before.countRefused) state = next
            const most = limiter.kernel.capacity(after)
            const { retryAfter } = limiter.hit(state, { ...after, countRefused: false }, now, most)[1]
            expect(retryAfter).toBeLessThanOrEqual(fullRefill(limiter, after))
          }
        }),
        { numRuns: 300 },
      )
    },
  )

  it.each(BY_NAME)('%s: a refused hit that counts never shortens a later wait', (_name, limiter) => {
    const limits = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 5 })
    const ownBurst = fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined })
    fc.assert(
      fc.property(traces, limits, ownBurst, ({ rule: { window }, hits }, some, burst) => {
        const counting = (limit: number) => rule(limit, window, { countRefused: true, burst: burst ?? limit })
        let state: number[] | undefined
        hits.forEach(({ now, cost }, i) => {
          const [next, { allowed }] = limiter.hit(state, counting(some[i % some.length]), now, cost)
          if (!allowed) expectNoShorterWaits(limiter, state, next, counting, now)
          state = next
        })
      }),
      { numRuns: 300 },
    )
  })

  it.each(BY_NAME)(
    '%s: refused under a small limit, a user gets no second helping of a large',
    (_name, limiter) => {
      const texts = rule(100, DAY, { countRefused: true })
      const photos = rule(1, DAY, { countRefused: true })
      const noon = 20_000.5 * DAY
      let [state] = limiter.hit(undefined, texts, noon, 100)
      for (let round = 0; round < 3; round++) {
        const [next, { allowed }] = limiter.hit(state, photos, noon, 1)
        expect(allowed).toBe(false)
        expect(limiter.hit(next, texts, noon, 0)[1].remaining).toBe(0)
        state = next
      }
    },
  )

  it('sliding-window: refused hits under a smaller limit replace the oldest units', () => {
    const counting = (limit: number) => rule(limit, 100, { countRefused: true })
    let state: number[] | undefined
    for (const now of [0, 10, 20, 30]) state = slidingWindow.hit(state, counting(4), now, 1)[0]
    const [replaced] = slidingWindow.hit(state, counting(2), 50, 3)
    expect(replaced).toHaveLength(6)
    // What is left is 30, 50, 50, 50.
    expect(slidingWindow.hit(replaced, counting(4), 129, 0)[1].remaining).toBe(0)
    expect(slidingWindow.hit(replaced, counting(4), 130, 0)[1].remaining).toBe(1)
    expect(slidingWindow.hit(replaced, counting(4), 149, 0)[1].remaining).toBe(1)
    expect(slidingWindow.hit(replaced, counting(4), 150, 0)[1].remaining).toBe(4)
  })

  const large = fc.constantFrom(1, 5, 50, 2047, 2048, 2049, 3000, 9973)
  it.each(BUCKETS)('%s never admits more than the new rule from the change on', (_name, limiter) => {
    fc.assert(
      fc.property(steadyTraces, large, large, fc.integer({ min: 1, max: 60 }), (trace, from, to, burst) => {
        const before = rule(from, trace.rule.window, { burst })
        const after = rule(to, trace.rule.window, { burst: Math.min(to, 9) })
        let state: number[] | undefined
        const later = trace.hits.filter(({ now, cost }, i) => {
          const current = i < trace.hits.length / 2 ? before : after
          const [next, { allowed }] = limiter.hit(state, current, now, cost)
          if (allowed) state = next
          return allowed && current === after
        })
        expectWithinBucket(later, after)
      }),
      { numRuns: 300 },
    )
  })

  it.each(BUCKETS)('%s: what passes under a small limit does not refill a large', (_name, limiter) => {
    let [state] = limiter.hit(undefined, rule(100, 1000), 0, 100)
    let taken = 0
    for (const now of [250, 500, 750]) {
      const [next, { allowed }] = limiter.hit(state, rule(4, 1000), now, 1)
      expect(allowed).toBe(true)
      const { remaining } = limiter.hit(next, rule(100, 1000), now, 0)[1]
      state = limiter.hit(next, rule(100, 1000), now, remaining)[0]
      taken += remaining
    }
    expect(taken).toBeLessThanOrEqual(75)
  })

  it('token-bucket: what was taken stays taken', () => {
    const [state] = tokenBucket.hit(undefined, rule(10, 10_000), 0, 8)
    expect(tokenBucket.hit(state, rule(20, 10_000), 0, 0)[1].remaining).toBe(12)
    expect(tokenBucket.hit(state, rule(9, 10_000), 0, 0)[1].remaining).toBe(1)
  })
})

describe('gcra beyond small limits', () => {
  /** Whole limits above 2048 whose ratio to the window reduces, and small ones that do not. */
  const exact = fc.constantFrom([2048, 997], [1999, 30 * DAY], [3000, 1000], [10_000, 7000], [6144, 9])

  it('is exact where limit / gcd(limit, window) is at most 2048', () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(exact, pauses, fc.integer({ min: 1, max: 30 }), ([limit, window], steps, burst) => {
        const model = MODELS.gcra()
        const someRule = rule(limit, window, { burst })
        let state: number[] | undefined
        let now = 1_780_000_000_000
        for (const step of steps) {
          now += step % 3
          const [next, outcome] = gcra.hit(state, someRule, now, 1 + (step % burst))
          expect(outcome).toEqual(model.hit(someRule, now, 1 + (step % burst)))
          if (outcome.allowed) state = next
        }
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    [9973, 1000],
    [2053, 60_000],
    [4099, 500],
  ])('%i per %i ms: admits a little less than the rule, never more', (limit, window) => {
    const burst = 20
    const perMs = Math.ceil(limit / window) + 1
    const duration = 2 * window
    let state: number[] | undefined
    let units = 0
    let most = 0
    for (let i = 0; i < duration * perMs; i++) {
      const now = Math.floor(i / perMs)
      const [next, { allowed }] = gcra.hit(state, rule(limit, window, { burst }), now, 1)
      if (!allowed) continue
      state = next
      units++
      most = Math.max(most, (units - burst) * window - now * limit)
    }
    expect(most).toBe(0)
    expect(units).toBeGreaterThan(0.99 * ((duration * limit) / window))
  })

  it('keeps large rules apart, whatever is remembered of them', () => {
    // All four fall into one slot of the memo, and each shares its limit or its window with another.
    const intervals = [
      [3200, 6400, 2],
      [3200, 9600, 3],
      [6400, 6400, 1],
      [6400, 25_600, 4],
    ]
    for (const [limit, window, interval] of [...intervals, ...intervals]) {
      const [state] = gcra.hit(undefined, rule(limit, window), 0, limit)
      expect(gcra.hit(state, rule(limit, window), 0, 1)[1].retryAfter).toBe(interval)
    }
  })

  it('refills a coarse interval at most 1/2048 ms per unit late', () => {
    const coarse = rule(9973, 1000)
    const [empty] = gcra.hit(undefined, coarse, 0, 9973)
    const { resetAfter } = gcra.hit(empty, coarse, 0, 0)[1]
    expect(resetAfter).toBeGreaterThanOrEqual(1000)
    expect(resetAfter).toBeLessThanOrEqual(1000 + Math.ceil(9973 / 2048))
  })
})

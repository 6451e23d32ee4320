import fc from 'fast-check'
import type { Algorithm, Outcome } from '../../lib/limiters'
import { gcra, tokenBucket } from '../../lib/limiters'
import { MODELS } from './models'
import { BY_NAME, LIMITERS, rule, steadyTraces, traces } from './traces'

describe.each(BY_NAME)('%s', (name, limiter) => {
  it('agrees with a naive model, hit by hit', () => {
    fc.assert(
      fc.property(traces, ({ rule, hits }) => {
        const model = MODELS[name as Algorithm]()
        let state: number[] | undefined
        for (const { now, cost } of hits) {
          const [next, outcome] = limiter.hit(state, rule, now, cost)
          expect(outcome).toEqual(model.hit(rule, now, cost))
          if (outcome.allowed || rule.countRefused) state = next
        }
      }),
      { numRuns: 400 },
    )
  })

  it('names the first millisecond at which a refused hit passes', () => {
    fc.assert(
      fc.property(traces, ({ rule, hits }) => {
        let state: number[] | undefined
        for (const { now, cost } of hits) {
          const [next, { allowed, retryAfter }] = limiter.hit(state, rule, now, cost)
          if (!allowed && retryAfter < Infinity) {
            const kept = rule.countRefused ? next : state
            expect(limiter.hit(kept, rule, now + retryAfter, cost)[1].allowed).toBe(true)
            expect(limiter.hit(kept, rule, now + retryAfter - 1, cost)[1].allowed).toBe(false)
          }
          if (allowed || rule.countRefused) state = next
        }
      }),
      { numRuns: 300 },
    )
  })

  it('is as good as new at resetAfter, and not before', () => {
    fc.assert(
      fc.property(traces, ({ rule, hits }) => {
        let state: number[] | undefined
        for (const { now, cost } of hits) {
          const [next, { resetAfter }] = limiter.hit(state, rule, now, cost)
          const untouched = limiter.hit(undefined, rule, now, 0)[1]
          expect(limiter.hit(next, rule, now + resetAfter, 0)[1]).toEqual(untouched)
          if (resetAfter > 0) {
            expect(limiter.hit(next, rule, now + resetAfter - 1, 0)[1].resetAfter).toBe(1)
          }
          state = next
        }
      }),
      { numRuns: 200 },
    )
  })

  it('never writes to its arguments', () => {
    fc.assert(
      fc.property(traces, ({ rule, hits }) => {
        let state: number[] | undefined
        for (const { now, cost } of hits) {
          const before = state?.join()
          const [next] = limiter.hit(state, Object.freeze(rule), now, cost)
          limiter.refund?.(next.slice(), rule, now, cost)
          expect(state?.join()).toBe(before)
          expect(next).not.toBe(state)
          state = Object.freeze(next) as number[]
        }
      }),
      { numRuns: 50 },
    )
  })

  it('keeps a state that survives JSON', () => {
    fc.assert(
      fc.property(traces, ({ rule, hits }) => {
        const play = (carry: (state: number[]) => number[]): Outcome[] => {
          let state: number[] | undefined
          return hits.map(({ now, cost }) => {
            const [next, outcome] = limiter.hit(state, rule, now, cost)
            state = carry(next)
            return outcome
          })
        }
        expect(play((state) => JSON.parse(JSON.stringify(state)))).toEqual(play((state) => state))
      }),
      { numRuns: 100 },
    )
  })

  it('lets nothing pass a limit of 0, and a cost of 0 pass anything', () => {
    for (const countRefused of [false, true]) {
      const none = rule(0, 1000, { countRefused, burst: 3 })
      const [state, refused] = limiter.hit(undefined, none, 5000, 1)
      expect(refused).toMatchObject({ allowed: false, retryAfter: Infinity, remaining: 0 })
      expect(state.every(Number.isFinite)).toBe(true)
      const [same, free] = limiter.hit(state, none, 5001, 0)
      expect(free).toMatchObject({ allowed: true, retryAfter: 0 })
      expect(same).toEqual(state)
      expect(limiter.hit(same, rule(3, 1000), 5002, 3)[1].allowed).toBe(true)
    }
  })

  it('keeps what was taken while the limit is 0', () => {
    const none = rule(0, 1000, { countRefused: true, burst: 3 })
    const [taken] = limiter.hit(undefined, rule(3, 1000), 5000, 2)
    const [kept, { remaining, resetAfter }] = limiter.hit(taken, none, 5000, 1)
    expect(remaining).toBe(0)
    expect(resetAfter).toBeLessThanOrEqual(2000)
    expect(limiter.hit(kept, rule(3, 1000), 5000, 0)[1].remaining).toBe(1)
    expect(limiter.refund?.(kept, none, 5000, 1).every(Number.isFinite)).toBe(true)
  })

  it('refuses for good a cost above what can ever pass', () => {
    const [state, outcome] = limiter.hit(undefined, rule(3, 1000), 0, 4)
    expect(outcome).toMatchObject({ allowed: false, retryAfter: Infinity, remaining: 3, resetAfter: 0 })
    expect(limiter.hit(state, rule(3, 1000), 0, 3)[1].allowed).toBe(true)
    const [filled, counted] = limiter.hit(undefined, rule(3, 1000, { countRefused: true }), 0, 4)
    expect(counted).toMatchObject({ allowed: false, retryAfter: Infinity, remaining: 0 })
    expect(limiter.hit(filled, rule(3, 1000), 0, 1)[1].allowed).toBe(false)
  })

  it('counts exactly `limit` of many hits at one moment', () => {
    let state: number[] | undefined
    let allowed = 0
    for (let i = 0; i < 100; i++) {
      const [next, outcome] = limiter.hit(state, rule(3, 10_000), 1_780_000_000_123, 1)
      if (outcome.allowed) allowed++
      if (outcome.allowed) state = next
    }
    expect(allowed).toBe(3)
  })
})

it('gcra and token bucket are one algorithm as long as time goes forwards', () => {
  fc.assert(
    fc.property(steadyTraces, ({ rule, hits }) => {
      const states: (number[] | undefined)[] = [undefined, undefined]
      for (const { now, cost } of hits) {
        const [a, b] = [tokenBucket, gcra].map((limiter, i) => limiter.hit(states[i], rule, now, cost))
        expect(b[1]).toEqual(a[1])
        states[0] = a[0]
        states[1] = b[0]
      }
    }),
    { numRuns: 300 },
  )
})

it('every limiter has a name of its own', () => {
  expect(new Set(LIMITERS.map(({ name }) => name)).size).toBe(5)
})

test.each(BY_NAME)(
  '%s: under a limit of 0 there is nothing to fill, countRefused or not',
  (_name, limiter) => {
    const some = rule(3, 1000)
    const [state] = limiter.hit(undefined, some, 5_000, 2)
    const none = { ...some, limit: 0, burst: 0, countRefused: true }
    const [after, outcome] = limiter.hit(state, none, 9_500, 1)
    expect([after, outcome.allowed, outcome.retryAfter]).toEqual([state, false, Infinity])
  },
)

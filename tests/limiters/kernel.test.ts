import fc from 'fast-check'
import type { BuiltinLimiter, Row, Rule } from '../../lib/limiters'
import { fixedWindow, slidingCounter, slidingWindow, waitOf } from '../../lib/limiters'
import { BY_NAME, rule, rules, steadyTraces, traces } from './traces'

/** Stands between rows. Taken for a count or a time by mistake, it would let everything pass. */
const GUARD = -(2 ** 50)

/** Rows inside one typed array, as a store keeps them: at odd places, between cells that are not theirs. */
class Slab {
  readonly cells = new Float64Array(1 << 14).fill(GUARD)
  private readonly rows: { at: number; room: number }[] = []
  private end = 3

  constructor(private readonly limiter: BuiltinLimiter) {}

  row(subject: number): number {
    if (this.rows[subject] === undefined) {
      this.rows[subject] = this.place(this.limiter.kernel.fresh, 0, this.limiter.kernel.fresh.length)
    }
    return this.rows[subject].at
  }

  charge(subject: number, someRule: Rule, now: number, cost: number): void {
    const { kernel } = this.limiter
    const at = this.row(subject)
    const room = kernel.size(this.cells, at, someRule, now, cost)
    expect(room).toBeGreaterThanOrEqual(this.rows[subject].room)
    if (room > this.rows[subject].room) this.rows[subject] = this.place(this.cells, at, room)
    kernel.charge(this.cells, this.row(subject), someRule, now, cost)
  }

  /** Whether no cell outside the rows, old places included, was ever written. */
  intact(): boolean {
    return this.gaps.every((gap) => this.cells[gap] === GUARD)
  }

  private readonly gaps: number[] = [0, 1, 2]

  private place(from: Row, fromAt: number, room: number): { at: number; room: number } {
    const at = this.end
    this.end += room + 1
    this.gaps.push(at + room)
    // A slab's cells may hold anything before they become a row.
    this.cells.fill(-12345.678, at, at + room)
    this.limiter.kernel.move(from, fromAt, this.cells, at, room)
    return { at, room }
  }
}

describe.each(BY_NAME)('%s', (_name, limiter) => {
  const { kernel } = limiter

  it('decides inside a typed array as on a plain one', () => {
    fc.assert(
      fc.property(
        traces,
        fc.array(rules, { minLength: 1, maxLength: 3 }),
        ({ rule: first, hits }, others) => {
          const slab = new Slab(limiter)
          const states = new Map<number, number[]>()
          hits.forEach(({ now, cost }, i) => {
            const subject = (i * 7) % 3
            const { limit, burst, countRefused } = others[i % others.length]
            const current = rule(limit, first.window, { burst, countRefused })
            const [state, outcome] = limiter.hit(states.get(subject), current, now, cost)
            if (outcome.allowed || countRefused) states.set(subject, state)

            const wait = waitOf(kernel, slab.cells, slab.row(subject), current, now, cost)
            expect(wait === 0).toBe(outcome.allowed)
            if (cost > 0 && (wait === 0 || countRefused)) slab.charge(subject, current, now, cost)
            const at = slab.row(subject)
            if (wait > 0) expect(waitOf(kernel, slab.cells, at, current, now, cost)).toBe(outcome.retryAfter)
            expect(kernel.remaining(slab.cells, at, current, now)).toBe(outcome.remaining)
            expect(kernel.resetAfter(slab.cells, at, current, now)).toBe(outcome.resetAfter)
            expect(slab.intact()).toBe(true)
          })
        },
      ),
      { numRuns: 200 },
    )
  })

  it('only looks when it is asked', () => {
    fc.assert(
      fc.property(traces, ({ rule, hits }) => {
        const slab = new Slab(limiter)
        for (const { now, cost } of hits) {
          if (cost === 0 || cost > kernel.capacity(rule)) continue
          const at = slab.row(0)
          const before = slab.cells.slice()
          kernel.size(slab.cells, at, rule, now, cost)
          kernel.wait(slab.cells, at, rule, now, cost)
          kernel.remaining(slab.cells, at, rule, now)
          kernel.resetAfter(slab.cells, at, rule, now)
          expect(Buffer.from(slab.cells.buffer).equals(Buffer.from(before.buffer))).toBe(true)
          slab.charge(0, rule, now, cost)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('takes back a charge as if it had never been', () => {
    fc.assert(
      fc.property(steadyTraces, ({ rule, hits }) => {
        let state: number[] | undefined
        hits.forEach(({ now, cost }, i) => {
          const [charged, { allowed }] = limiter.hit(state, rule, now, cost)
          if (!allowed) return
          const restored = limiter.refund?.(charged, rule, now, cost)
          for (const later of hits.slice(i)) {
            const expected = limiter.hit(state, rule, later.now, later.cost)[1]
            expect(limiter.hit(restored, rule, later.now, later.cost)[1]).toEqual(expected)
          }
          state = charged
        })
      }),
      { numRuns: 100 },
    )
  })

  it('never gives back more than was charged, whatever the clock does', () => {
    fc.assert(
      fc.property(traces, ({ rule, hits }) => {
        let state: number[] | undefined
        for (const { now, cost } of hits) {
          const left = limiter.hit(state, rule, now, 0)[1].remaining
          const [charged, { allowed, remaining }] = limiter.hit(state, rule, now, cost)
          if (!allowed) continue
          const restored = limiter.refund?.(charged, rule, now, cost)
          const given = limiter.hit(restored, rule, now, 0)[1].remaining
          expect(given).toBeLessThanOrEqual(left)
          expect(given).toBeGreaterThanOrEqual(remaining)
          state = charged
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('the log of sliding-window', () => {
  const { kernel } = slidingWindow

  it('takes a header of two numbers and grows with what is used', () => {
    const five = rule(5, 1000)
    const lengths: number[] = []
    let state: number[] | undefined
    for (let i = 0; i < 5; i++) {
      state = slidingWindow.hit(state, five, i, 1)[0]
      lengths.push(state.length)
    }
    expect(lengths).toEqual([6, 6, 6, 6, 7])
    const [whole] = slidingWindow.hit(undefined, rule(1000, 1000), 0, 600)
    expect(whole).toHaveLength(2 + 1000)
    const [four] = slidingWindow.hit(undefined, rule(1000, 1000), 0, 4)
    expect(four).toHaveLength(2 + 4)
  })

  it('does not grow for a subject that stays within it', () => {
    const roomy = rule(1000, 1000)
    let state: number[] | undefined
    for (let i = 0; i < 5000; i++) state = slidingWindow.hit(state, roomy, i * 300, 1)[0]
    expect(state).toHaveLength(6)
  })

  it('is never walked: a hit on 100,000 units reads a few cells', () => {
    const large = rule(100_000, 60_000)
    const [full] = slidingWindow.hit(undefined, large, 0, 100_000)
    let reads = 0
    const counting = new Proxy(full, {
      get(target, cell) {
        reads++
        return Reflect.get(target, cell)
      },
    })
    expect(kernel.wait(counting, 0, large, 59_999, 1)).toBe(1)
    kernel.size(counting, 0, large, 60_000, 1)
    kernel.charge(counting, 0, large, 60_000, 1)
    kernel.remaining(counting, 0, large, 60_001)
    kernel.resetAfter(counting, 0, large, 60_001)
    expect(reads).toBeLessThan(200)
  })

  it('gives units back from the middle, around the end of the ring', () => {
    const three = rule(3, 100)
    let state: number[] | undefined
    for (const now of [0, 10, 20, 100, 110]) state = slidingWindow.hit(state, three, now, 1)[0]
    // The log is 20, 100, 110, and 20 stands last in the ring.
    const restored = slidingWindow.refund?.(state ?? [], three, 100, 1)
    expect(slidingWindow.hit(restored, three, 110, 1)[1]).toMatchObject({ allowed: true, remaining: 0 })
    expect(slidingWindow.hit(restored, three, 110, 2)[1]).toMatchObject({ allowed: false, retryAfter: 10 })
    expect(slidingWindow.hit(restored, three, 120, 0)[1].remaining).toBe(2)
  })

  it('finds units that a clock gone back left at a later time', () => {
    const three = rule(3, 100)
    const [first] = slidingWindow.hit(undefined, three, 50, 1)
    const [both] = slidingWindow.hit(first, three, 40, 1)
    expect(slidingWindow.hit(both, three, 149, 0)[1].remaining).toBe(1)
    const restored = slidingWindow.refund?.(both, three, 40, 1)
    expect(slidingWindow.hit(restored, three, 149, 0)[1].remaining).toBe(2)
  })

  it('gives nothing back for units that are gone', () => {
    const one = rule(1, 100, { countRefused: true })
    const [first] = slidingWindow.hit(undefined, one, 0, 1)
    const [pushedOut] = slidingWindow.hit(first, one, 10, 1)
    expect(slidingWindow.refund?.(pushedOut, one, 0, 1)).toEqual(pushedOut)
    const [expired] = slidingWindow.hit(first, one, 100, 1)
    expect(slidingWindow.refund?.(expired, rule(5, 100), 0, 1)).toEqual(expired)
  })
})

it('fixed-window gives nothing back once the window is over', () => {
  const [first] = fixedWindow.hit(undefined, rule(2, 100), 50, 1)
  const [second] = fixedWindow.hit(first, rule(2, 100), 150, 1)
  expect(fixedWindow.refund?.(second, rule(2, 100), 50, 1)).toEqual(second)
})

it('sliding-counter gives back into the window that was charged, as long as it counts', () => {
  const two = rule(2, 100)
  const [first] = slidingCounter.hit(undefined, two, 50, 1)
  const [second] = slidingCounter.hit(first, two, 150, 1)
  const restored = slidingCounter.refund?.(second, two, 50, 1)
  expect(slidingCounter.hit(second, two, 150, 0)[1].remaining).toBe(0)
  expect(slidingCounter.hit(restored, two, 150, 0)[1].remaining).toBe(1)
  const [third] = slidingCounter.hit(second, two, 250, 1)
  expect(slidingCounter.refund?.(third, two, 50, 1)).toEqual(third)
})

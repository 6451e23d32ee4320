/** What the soak counts on; the soak itself is `npm run soak`. */
import { Crowd } from './crowd'
import { slopeOf } from './slope'

const RATE = 2_000
/** s. */
const RUN = 60

test('the slope is that of the line, whatever lies evenly around it', () => {
  const noise = [3, -3, -3, 3]
  const points = Array.from({ length: 40 }, (_, at) => ({
    at,
    value: 100 + 2 * at + noise[at % noise.length],
  }))
  expect(slopeOf(points)).toBeCloseTo(2, 1)
  expect(slopeOf(points.map(({ at }) => ({ at, value: 7 })))).toBe(0)
  expect(slopeOf([{ at: 1, value: 5 }])).toBe(0)
})

describe('the crowd', () => {
  const crowd = new Crowd(RATE)
  const sent = new Map<number, number>()
  for (let update = 0; update < RATE * RUN; update++) {
    const userId = crowd.sender(update)
    sent.set(userId, (sent.get(userId) ?? 0) + 1)
  }
  const most = (users: readonly number[]) => Math.max(...users.map((userId) => sent.get(userId) ?? 0))
  const least = (users: readonly number[]) => Math.min(...users.map((userId) => sent.get(userId) ?? 0))

  test.each(['good', 'accused', 'guests'] as const)(
    '%s stay within the limits, and all of them write',
    (kind) => {
      expect(least(crowd[kind])).toBeGreaterThanOrEqual(9)
      expect(most(crowd[kind])).toBeLessThan(20)
    },
  )

  test('flooders do not', () => {
    expect(least(crowd.flooders)).toBeGreaterThan(400)
  })

  test('nobody is of two kinds', () => {
    const all = [...crowd.good, ...crowd.accused, ...crowd.guests, ...crowd.flooders]
    expect(new Set(all).size).toBe(all.length)
    expect(sent.size).toBe(all.length)
  })
})

import { Backlog } from '../../lib/backlog'

beforeEach(() => jest.useFakeTimers())
afterEach(() => jest.useRealTimers())

function backlogOf(bound: number) {
  const told: { dropped: number; bound: number; at: number }[] = []
  const start = performance.now()
  const backlog = new Backlog(bound, (dropped, passed) =>
    told.push({ dropped, bound: passed, at: performance.now() - start }),
  )
  return { backlog, told }
}

describe('room', () => {
  test('for as many as may be, and again for each that leaves', () => {
    const { backlog } = backlogOf(2)
    backlog.enter()
    expect(backlog.isFull).toBe(false)
    backlog.enter()
    expect([backlog.isFull, backlog.size]).toEqual([true, 2])
    backlog.leave()
    expect([backlog.isFull, backlog.size]).toEqual([false, 1])
  })
})

describe('what is turned away', () => {
  test('is told of at once, then once a second, and at last the remainder', () => {
    const { backlog, told } = backlogOf(1)
    for (let i = 0; i < 25; i++) {
      backlog.turnAway()
      jest.advanceTimersByTime(100)
    }
    expect(told.map(({ dropped, at }) => [dropped, at])).toEqual([
      [1, 0],
      [9, 1_000],
      [10, 2_000],
    ])
    jest.advanceTimersByTime(10_000)
    expect(told.slice(3)).toEqual([{ dropped: 5, bound: 1, at: 3_000 }])
    expect(jest.getTimerCount()).toBe(0)
    backlog.turnAway()
    expect(told.slice(4)).toEqual([{ dropped: 1, bound: 1, at: 12_500 }])
  })

  test('never twice within a second, however it comes', () => {
    const { backlog, told } = backlogOf(1)
    for (const wait of [990, 20, 995, 1, 1_000, 0, 500, 3_000]) {
      backlog.turnAway()
      jest.advanceTimersByTime(wait)
    }
    const gaps = told.slice(1).map(({ at }, i) => at - told[i].at)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000)
    expect(told.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(8)
  })

  test('names the bound that it was turned away by', () => {
    const { backlog, told } = backlogOf(5)
    backlog.turnAway(70)
    expect(told).toMatchObject([{ bound: 70 }])
  })

  test('is told of when it is settled up, and then no timer is left', () => {
    const { backlog, told } = backlogOf(1)
    for (let i = 0; i < 3; i++) backlog.turnAway()
    backlog.settleUp()
    expect(told.map(({ dropped }) => dropped)).toEqual([1, 2])
    backlog.settleUp()
    expect(told).toHaveLength(2)
    expect(jest.getTimerCount()).toBe(0)
  })

  test('in an event that turns away another: no event within the event', () => {
    const told: number[] = []
    const backlog: Backlog = new Backlog(1, (dropped) => {
      told.push(dropped)
      if (told.length === 1) backlog.turnAway()
    })
    backlog.turnAway()
    expect(told).toEqual([1])
    jest.advanceTimersByTime(1_000)
    expect(told).toEqual([1, 1])
  })
})

describe('draining', () => {
  test('ends with the last that leaves', async () => {
    const { backlog } = backlogOf(2)
    backlog.enter()
    backlog.enter()
    let drained = false
    const draining = backlog.drained(1_000).then(() => (drained = true))
    backlog.leave()
    await jest.advanceTimersByTimeAsync(500)
    expect(drained).toBe(false)
    backlog.leave()
    await draining
    expect(jest.getTimerCount()).toBe(0)
  })

  test('ends at once where nothing is under way, and in time where nothing ends', async () => {
    const { backlog } = backlogOf(2)
    await backlog.drained(1_000)
    backlog.enter()
    let drained = false
    const draining = backlog.drained(1_000).then(() => (drained = true))
    await jest.advanceTimersByTimeAsync(999)
    expect(drained).toBe(false)
    await jest.advanceTimersByTimeAsync(1)
    await draining
  })
})

describe('what takes longer than it is waited for', () => {
  const late = (): Error => new Error('late')

  test('counts until it ends', async () => {
    const { backlog } = backlogOf(2)
    let end = (): void => undefined
    const waited = backlog.within(new Promise<void>((resolve) => (end = resolve)), 100, late).catch(String)
    await jest.advanceTimersByTimeAsync(100)
    expect([await waited, backlog.size]).toEqual(['Error: late', 1])
    end()
    await jest.advanceTimersByTimeAsync(0)
    expect([backlog.size, jest.getTimerCount()]).toEqual([0, 0])
  })

  test('and a minute at most, once', async () => {
    const { backlog } = backlogOf(2)
    let end = (): void => undefined
    const waited = backlog.within(new Promise<void>((resolve) => (end = resolve)), 100, late).catch(String)
    await jest.advanceTimersByTimeAsync(60_099)
    expect([await waited, backlog.size]).toEqual(['Error: late', 1])
    await jest.advanceTimersByTimeAsync(1)
    expect(backlog.size).toBe(0)
    end()
    await jest.advanceTimersByTimeAsync(0)
    expect(backlog.size).toBe(0)
  })
})

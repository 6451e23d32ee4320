import { OverloadError, StoreError, StoreTimeoutError } from '../../lib/errors'
import { Convoy, type ConvoyOptions } from '../../lib/stores/convoy'
import { WaitingRoom } from '../../lib/stores/waiting-room'

interface Call {
  readonly jobs: readonly number[]
  readonly timeLeft: number
  answer(results?: readonly (string | Error)[]): void
  fail(error: Error): void
}

/** A convoy over a server that answers when it is told to. */
function convoyOf(options?: ConvoyOptions) {
  const calls: Call[] = []
  const convoy = new Convoy<number, string>(
    (jobs, timeLeft) =>
      new Promise((resolve, reject) => {
        const answer = (results = jobs.map((job) => `did ${job}`)): void => resolve(results)
        calls.push({ jobs, timeLeft, answer, fail: reject })
      }),
    options,
  )
  return { convoy, calls }
}

/** Lets everything happen that needs no time. */
const settle = (): Promise<void> => new Promise((resolve) => process.nextTick(() => setImmediate(resolve)))

function outcomesOf(promises: readonly Promise<string>[]) {
  return Promise.all(promises.map((promise) => promise.catch((error: Error) => error)))
}

describe('who travels with whom', () => {
  test('a lone job sets out at once, with all its time', async () => {
    const { convoy, calls } = convoyOf({ timeout: 300 })
    const result = convoy.run(1)
    await settle()
    expect(calls.map(({ jobs }) => jobs)).toEqual([[1]])
    expect(calls[0].timeLeft).toBeGreaterThan(200)
    calls[0].answer()
    expect(await result).toBe('did 1')
  })

  test('what is asked for in the same breath goes together; what comes later waits for a call to end', async () => {
    const { convoy, calls } = convoyOf({ flights: 1 })
    const first = [1, 2, 3].map((job) => convoy.run(job))
    await settle()
    const later = [4, 5].map((job) => convoy.run(job))
    await settle()
    expect(calls.map(({ jobs }) => jobs)).toEqual([[1, 2, 3]])
    expect(convoy.waiting).toBe(2)
    calls[0].answer()
    expect(await Promise.all(first)).toEqual(['did 1', 'did 2', 'did 3'])
    calls[1].answer()
    expect(await Promise.all(later)).toEqual(['did 4', 'did 5'])
  })

  test('no call takes more than it may, and no more are under way than may be', async () => {
    const { convoy, calls } = convoyOf({ most: 2, flights: 2 })
    const all = [1, 2, 3, 4, 5].map((job) => convoy.run(job))
    await settle()
    expect(calls.map(({ jobs }) => jobs)).toEqual([
      [1, 2],
      [3, 4],
    ])
    calls[1].answer()
    await settle()
    expect(calls.map(({ jobs }) => jobs)).toEqual([[1, 2], [3, 4], [5]])
    calls[0].answer()
    calls[2].answer()
    expect(await Promise.all(all)).toEqual(['did 1', 'did 2', 'did 3', 'did 4', 'did 5'])
  })

  test('many jobs are spread evenly over the calls that are free, if there are enough for each', async () => {
    const { convoy, calls } = convoyOf({ most: 8, share: 3, flights: 3 })
    const few = [1, 2, 3, 4].map((job) => convoy.run(job))
    await settle()
    expect(calls.map(({ jobs }) => jobs.length)).toEqual([3, 1])
    calls.forEach((call) => call.answer())
    await Promise.all(few)
    const many = Array.from({ length: 14 }, (_, job) => convoy.run(job))
    await settle()
    expect(calls.slice(2).map(({ jobs }) => jobs.length)).toEqual([5, 5, 4])
    calls.slice(2).forEach((call) => call.answer())
    await Promise.all(many)
  })
})

describe('failures', () => {
  test('one job fails alone; a call that fails, fails all of its jobs and none else', async () => {
    const { convoy, calls } = convoyOf({ most: 2, flights: 2 })
    const all = outcomesOf([1, 2, 3].map((job) => convoy.run(job)))
    await settle()
    calls[0].answer(['fine', new Error('bad job')])
    calls[1].fail(new Error('lost'))
    expect((await all).map(String)).toEqual(['fine', 'Error: bad job', 'Error: lost'])
  })

  test('a carrier that throws at once is a call that fails', async () => {
    const convoy = new Convoy<number, string>(() => {
      throw new Error('no road')
    })
    await expect(convoy.run(1)).rejects.toThrow('no road')
    await expect(convoy.run(2)).rejects.toThrow('no road')
  })

  test('beyond the bound a job fails at once, and those that wait are served', async () => {
    const { convoy, calls } = convoyOf({ flights: 1, waiting: 2 })
    const first = convoy.run(0)
    await settle()
    const kept = [1, 2].map((job) => convoy.run(job))
    await expect(convoy.run(3)).rejects.toThrow(/too slow: 2 decisions wait already/)
    await expect(convoy.run(4)).rejects.toBeInstanceOf(StoreError)
    calls[0].answer()
    await first
    await settle()
    calls[1].answer()
    expect(await Promise.all(kept)).toEqual(['did 1', 'did 2'])
  })
})

describe('a room that several share', () => {
  /** Three that share `most` places, and whose servers answer nobody. */
  async function sharing(most: number) {
    const sharers: Convoy<number, string>[] = []
    const waiting = new WaitingRoom(most, () => sharers)
    for (let n = 0; n < 3; n++) sharers.push(convoyOf({ flights: 1, waiting, timeout: 60_000 }).convoy)
    for (const convoy of sharers) {
      convoy.run(0).catch(() => undefined)
      await settle()
    }
    /** What those come to that find no place. */
    const flood = async (n: number, count: number): Promise<Error[]> => {
      const refused: Error[] = []
      for (let job = 0; job < count; job++) {
        sharers[n].run(job).catch((error: Error) => refused.push(error))
      }
      await settle()
      return refused
    }
    return { sharers, waiting, flood }
  }

  test('one that hangs leaves the others their part of it', async () => {
    const { sharers, waiting, flood } = await sharing(60)
    const [refused] = await flood(0, 100)
    expect(sharers[0].waiting).toBe(40)
    expect(refused).toBeInstanceOf(OverloadError)
    expect(refused).toMatchObject({ bound: 60, message: expect.stringContaining('is kept for the others') })
    expect(await flood(1, 10)).toEqual([])
    expect(await flood(2, 10)).toEqual([])
    expect(waiting.taken).toBe(60)
    const [tooMany] = await flood(1, 1)
    expect(tooMany).toMatchObject({ message: 'the store is too slow: 60 decisions wait already' })
  })

  test('two that hang leave the third its part, and all of it is of use', async () => {
    const { sharers, waiting, flood } = await sharing(61)
    await flood(0, 30)
    await flood(1, 100)
    expect(sharers.map((convoy) => convoy.waiting)).toEqual([30, 21, 0])
    expect(await flood(2, 10)).toEqual([])
    await flood(2, 10)
    expect(waiting.taken).toBe(61)
  })

  test('of one place the first has it', async () => {
    const { sharers, flood } = await sharing(1)
    expect([(await flood(2, 2)).length, (await flood(1, 1)).length]).toEqual([1, 1])
    expect(sharers.map((convoy) => convoy.waiting)).toEqual([0, 0, 1])
  })
})

describe('time', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }))
  afterEach(() => jest.useRealTimers())

  test('a call without an answer is given up in time, and what waited too long with it', async () => {
    const { convoy, calls } = convoyOf({ flights: 1, timeout: 500 })
    const all = outcomesOf([convoy.run(1)])
    await settle()
    jest.advanceTimersByTime(200)
    const late = outcomesOf([convoy.run(2)])
    jest.advanceTimersByTime(299)
    await settle()
    expect(calls).toHaveLength(1)
    jest.advanceTimersByTime(1)
    expect((await all)[0]).toBeInstanceOf(StoreTimeoutError)
    expect(convoy.lost).toBe(1)
    await settle()
    expect(calls.map(({ jobs }) => jobs)).toEqual([[1], [2]])
    expect(calls[1].timeLeft).toBe(200)
    jest.advanceTimersByTime(200)
    expect((await late)[0]).toBeInstanceOf(StoreTimeoutError)
  })

  test('whoever waits in vain for room in a call is given up, too, and never sent', async () => {
    const { convoy, calls } = convoyOf({ flights: 1, most: 1, timeout: 500 })
    const all = outcomesOf([convoy.run(1), convoy.run(2), convoy.run(3)])
    await settle()
    jest.advanceTimersByTime(400)
    calls[0].answer()
    await settle()
    jest.advanceTimersByTime(100)
    expect((await all).map(String)).toEqual([
      'did 1',
      'StoreTimeoutError: no answer within storeTimeout (500 ms)',
      'StoreTimeoutError: no answer within storeTimeout (500 ms)',
    ])
    calls[1].answer()
    await settle()
    expect(calls.map(({ jobs }) => jobs)).toEqual([[1], [2]])
    expect(convoy.waiting).toBe(0)
  })

  test('a late answer changes nothing but that the call is no longer lost', async () => {
    const { convoy, calls } = convoyOf({ flights: 1, timeout: 100, lost: 2 })
    for (const job of [1, 2]) {
      const outcome = outcomesOf([convoy.run(job)])
      await settle()
      jest.advanceTimersByTime(100)
      expect((await outcome)[0]).toBeInstanceOf(StoreTimeoutError)
    }
    expect(convoy.lost).toBe(2)
    await expect(convoy.run(3)).rejects.toThrow(/does not answer: 2 calls are lost/)
    calls[0].answer()
    calls[1].fail(new Error('socket closed'))
    await settle()
    expect(convoy.lost).toBe(0)
    const again = convoy.run(4)
    await settle()
    calls[2].answer()
    expect(await again).toBe('did 4')
  })
})

describe('draining', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }))
  afterEach(() => jest.useRealTimers())

  test('takes nothing more, and has what was taken answered, what waits too', async () => {
    const { convoy, calls } = convoyOf({ flights: 1, most: 1 })
    const order: string[] = []
    const taken = [1, 2].map((job) => convoy.run(job).then((result) => order.push(result)))
    await settle()
    const drained = convoy.drain().then(() => order.push('drained'))
    await expect(convoy.run(3)).rejects.toThrow(new StoreError('the store is closed'))
    calls[0].answer()
    await settle()
    expect(calls.map(({ jobs }) => jobs)).toEqual([[1], [2]])
    expect(order).toEqual(['did 1'])
    calls[1].answer()
    await Promise.all([...taken, drained])
    expect(order).toEqual(['did 1', 'did 2', 'drained'])
    expect(jest.getTimerCount()).toBe(0)
  })

  test('a call that fails ends it as well, and an idle convoy is drained at once, as often as is asked', async () => {
    const { convoy, calls } = convoyOf()
    const taken = outcomesOf([convoy.run(1)])
    const drained = convoy.drain()
    await settle()
    calls[0].fail(new Error('gone'))
    await drained
    expect((await taken).map(String)).toEqual(['Error: gone'])
    await convoy.drain()
    const idle = convoyOf().convoy
    await idle.drain()
    await expect(idle.run(1)).rejects.toThrow('the store is closed')
  })

  test('waits for an answer that never comes no longer than the timeout, and for a lost call not at all', async () => {
    const { convoy, calls } = convoyOf({ flights: 1, timeout: 500 })
    const lost = outcomesOf([convoy.run(1)])
    await settle()
    jest.advanceTimersByTime(500)
    expect((await lost)[0]).toBeInstanceOf(StoreTimeoutError)
    const order: string[] = []
    const late = [2, 3].map((job) => convoy.run(job).catch(() => order.push(`lost ${job}`)))
    await settle()
    const drained = convoy.drain().then(() => order.push('drained'))
    jest.advanceTimersByTime(499)
    await settle()
    expect(order).toEqual([])
    jest.advanceTimersByTime(1)
    await Promise.all([...late, drained])
    expect(order).toEqual(['lost 2', 'lost 3', 'drained'])
    expect(calls).toHaveLength(2)
    expect(jest.getTimerCount()).toBe(0)
  })
})

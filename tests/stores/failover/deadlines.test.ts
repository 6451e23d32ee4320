import { StoreError } from '../../../lib/errors'
import { Deadlines } from '../../../lib/stores/failover/deadlines'
import { heapUsed } from '../../support/heap'

beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }))
afterEach(() => jest.useRealTimers())

const never = (): Promise<string> => new Promise(() => undefined)
const told = (error: unknown): string => (error as Error).message

test('an answer in time is the answer, an error the error', async () => {
  const deadlines = new Deadlines(200)
  expect(await deadlines.bound(Promise.resolve('yes'))).toBe('yes')
  await expect(deadlines.bound(Promise.reject(new Error('no')))).rejects.toThrow('no')
})

test('each waits for its own time, by one timer for all', async () => {
  const deadlines = new Deadlines(200)
  const ended: string[] = []
  for (const [n, pause] of [0, 50, 50, 250].entries()) {
    await jest.advanceTimersByTimeAsync(pause)
    deadlines.bound(never()).catch((error: unknown) => ended.push(`${n}: ${told(error)}`))
    expect(jest.getTimerCount()).toBe(1)
  }
  // 350 ms have passed: the first three began at 0, 50 and 100.
  expect(ended).toEqual([0, 1, 2].map((n) => `${n}: no answer within 200 ms`))
  await jest.advanceTimersByTimeAsync(199)
  expect(ended).toHaveLength(3)
  await jest.advanceTimersByTimeAsync(1)
  expect(ended).toHaveLength(4)
  expect(jest.getTimerCount()).toBe(0)
})

test('an answer that comes too late goes nowhere', async () => {
  const deadlines = new Deadlines(200)
  let answer = (_: string): void => undefined
  const outcome = deadlines.bound(new Promise<string>((resolve) => (answer = resolve))).catch(told)
  await jest.advanceTimersByTimeAsync(200)
  answer('late')
  expect(await outcome).toBe('no answer within 200 ms')
})

test('what is answered is not kept, though the oldest still waits', async () => {
  const deadlines = new Deadlines(200)
  deadlines.bound(never()).catch(told)
  const before = heapUsed()
  // 40 MB in all.
  for (let n = 0; n < 500; n++)
    await deadlines.bound(Promise.resolve(new Array<number>(10_000).fill(n + 0.5)))
  expect(heapUsed() - before).toBeLessThan(10_000_000)
  deadlines.stop(new StoreError('closed'))
})

test('when it is stopped, nobody waits on', async () => {
  const deadlines = new Deadlines(200)
  const outcomes = [deadlines.bound(never()), deadlines.bound(never())].map((one) => one.catch(told))
  deadlines.stop(new StoreError('closed'))
  expect(await Promise.all(outcomes)).toEqual(['closed', 'closed'])
  expect(jest.getTimerCount()).toBe(0)
})

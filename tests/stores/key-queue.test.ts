import { setImmediate as turn } from 'node:timers/promises'
import { OverloadError, StoreError, StoreTimeoutError } from '../../lib/errors'
import { BatchQueue, type BatchQueueOptions } from '../../lib/stores/batch-queue'
import { KeyQueue } from '../../lib/stores/key-queue'
import { randomOf } from '../../lib/testing/contract/random'
import { decide, limitOf } from '../../lib/testing/contract/requests'
import { TroubledStore } from '../support/troubled-store'

/** A queue whose batches are carried out when the test says so. */
function manual(most?: number) {
  const batches: { jobs: readonly string[]; keys: readonly string[]; finish: () => void }[] = []
  const queue = new BatchQueue<string, string>(
    (jobs, keys) =>
      new Promise((resolve) => {
        const finish = () => resolve(jobs.map((job) => ({ status: 'fulfilled', value: job.toUpperCase() })))
        batches.push({ jobs, keys, finish })
      }),
    { most },
  )
  return { queue, batches }
}

describe('one by one', () => {
  test('works on the same key take turns, others do not wait, and nothing is left behind', async () => {
    const queue = new KeyQueue()
    const log: string[] = []
    let open = (): void => undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    const all = [
      queue.run(['a', 'b'], async () => {
        await gate
        log.push('ab')
      }),
      queue.run(['b', 'c'], async () => void log.push('bc')),
      queue.run(['c', 'a'], async () => void log.push('ca')),
      queue.run(['d'], async () => {
        log.push('d')
        open()
      }),
    ]
    expect(queue.size).toBe(4)
    await Promise.all(all)
    expect(log).toEqual(['d', 'ab', 'bc', 'ca'])
    expect(queue.size).toBe(0)
  })

  test('a work that throws lets the next one in', async () => {
    const queue = new KeyQueue()
    const failed = queue.run(['a'], () => Promise.reject(new Error('no')))
    const next = queue.run(['a'], async () => 'yes')
    await expect(failed).rejects.toThrow('no')
    expect([await next, queue.size]).toEqual(['yes', 0])
  })

  test('a turn that hangs is waited for in patience, and its late answer still arrives', async () => {
    const queue = new KeyQueue(5)
    let answer = (_: string): void => undefined
    const hung = queue.run(['a'], () => new Promise<string>((resolve) => (answer = resolve)))
    const next = queue.run(['a'], async () => 'next')
    // The queue's own timers hold no process alive.
    const alive = setInterval(() => undefined, 1_000)
    expect(await next).toBe('next')
    clearInterval(alive)
    answer('late')
    expect([await hung, queue.size]).toEqual(['late', 0])
  })
})

describe('bounded', () => {
  test('whoever comes when too many have no answer is refused at once; the others get theirs, and it goes on', async () => {
    let open = (): void => undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    const queue = new KeyQueue(5_000, 3)
    const started: string[] = []
    const work = (name: string) => async () => {
      started.push(name)
      await gate
      return name
    }
    // Two under way, one that waits: a store that hangs holds them all.
    const all = [queue.run(['a'], work('a')), queue.run(['b'], work('b')), queue.run(['a'], work('c'))]
    const tooMany = queue.run(['d'], work('d'))
    await expect(tooMany).rejects.toThrow(StoreError)
    await expect(tooMany).rejects.toThrow('the store is too slow: 3 decisions wait already')
    expect([started, queue.size]).toEqual([['a', 'b'], 2])
    open()
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c'])
    expect(await queue.run(['d'], async () => 'd')).toBe('d')
  })

  test('a failure makes room too', async () => {
    const queue = new KeyQueue(5_000, 1)
    for (let n = 0; n < 3; n++) {
      await expect(queue.run(['a'], () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    }
  })

  test('ten thousand may wait by default, and cost what they cost', async () => {
    const { queue, batches } = manual()
    const waiting = Array.from({ length: 10_000 }, (_, n) => queue.run([`k${n % 7}`], String(n)))
    expect([queue.waiting, batches.length]).toEqual([10_000, 7])
    for (let n = 0; n < 100; n++) await expect(queue.run(['k0'], 'x')).rejects.toThrow(StoreError)
    expect(queue.waiting).toBe(10_000)
    // It grows while it is gone through.
    for (const { finish } of batches) {
      finish()
      await turn()
    }
    expect((await Promise.all(waiting)).length).toBe(10_000)
    expect([queue.waiting, queue.size]).toEqual([0, 0])
  })
})

describe('a store that never answers', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'Date'] })
  })
  afterEach(() => jest.useRealTimers())
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms)

  /** A queue whose works hang while told so, and how many were begun. */
  function hanging(options: BatchQueueOptions) {
    const made = { hangs: true, begun: [] as string[], later: (): void => undefined }
    const queue = new BatchQueue<string, string>(async (jobs) => {
      made.begun.push(...jobs)
      if (made.hangs) await new Promise<void>((resolve) => (made.later = resolve))
      return jobs.map((value) => ({ status: 'fulfilled', value }))
    }, options)
    return Object.assign(made, { queue })
  }

  /** What has become of a job so far. */
  function followed(job: Promise<string>): { is: unknown } {
    const followed: { is: unknown } = { is: 'waiting' }
    job.then(
      (value) => (followed.is = value),
      (error: unknown) => (followed.is = error),
    )
    return followed
  }

  test('is given up after `timeout`, whether it was asked or not, and gives its places back', async () => {
    const made = hanging({ most: 1, patience: 100, timeout: 250, waiting: 4 })
    const { queue } = made
    const jobs = ['a', 'b', 'c', 'd'].map((name) => followed(queue.run(['k'], name)))
    await expect(queue.run(['x'], 'x')).rejects.toBeInstanceOf(OverloadError)
    await pass(249)
    // Each had the key for a while.
    expect(made.begun).toEqual(['a', 'b', 'c'])
    expect([jobs.map(({ is }) => is), queue.waiting]).toEqual([Array(4).fill('waiting'), 4])
    await pass(1)
    for (const { is } of jobs) {
      expect(is).toBeInstanceOf(StoreTimeoutError)
      expect(is).toMatchObject({
        timeout: 250,
        message: 'no answer within the longest that the work on a key may wait and take (250 ms)',
      })
    }
    expect([queue.waiting, queue.size]).toEqual([0, 0])
    await pass(1_000)
    // Whoever waits for nothing any more is not carried out.
    expect([made.begun, jest.getTimerCount()]).toEqual([['a', 'b', 'c'], 0])
    made.hangs = false
    expect(await queue.run(['k'], 'e')).toBe('e')
  })

  test('only those that came first are given up, and the next in line takes over', async () => {
    const made = hanging({ most: 1, patience: 1_000, timeout: 200 })
    const first = followed(made.queue.run(['k'], 'first'))
    await pass(150)
    const second = followed(made.queue.run(['k', 'l'], 'second'))
    const third = followed(made.queue.run(['l'], 'third'))
    made.hangs = false
    await pass(49)
    expect([made.begun, second.is, third.is]).toEqual([['first'], 'waiting', 'waiting'])
    await pass(1)
    expect(first.is).toBeInstanceOf(StoreTimeoutError)
    expect([made.begun, second.is, third.is]).toEqual([['first', 'second', 'third'], 'second', 'third'])
    expect([made.queue.waiting, made.queue.size]).toEqual([0, 0])
    // The late answer goes nowhere.
    made.later()
    await pass(1_000)
    expect(first.is).toBeInstanceOf(StoreTimeoutError)
  })

  test('is asked but now and then once too much is lost, and as ever once it has answered', async () => {
    const made = hanging({ patience: 100, timeout: 200, lost: 3 })
    const { queue, begun } = made
    const ask = (n: number) => followed(queue.run([`k${n}`], `job ${n}`))
    for (let n = 0; n < 3; n++) ask(n)
    await pass(200)
    for (let round = 0; round < 5; round++) {
      const jobs = Array.from({ length: 10 }, (_, n) => ask(n))
      await pass(50)
      const refused = jobs.filter(({ is }) => is instanceof StoreError && !(is instanceof StoreTimeoutError))
      expect(refused.length).toBe(round % 2 === 0 ? 9 : 10)
      expect(refused[0].is).toMatchObject({ message: 'the store does not answer: 3 decisions are lost' })
    }
    // One each 100 ms, of which the first is given up as well.
    expect([begun.length, queue.waiting]).toEqual([6, 2])
    made.hangs = false
    await pass(50)
    expect(await queue.run(['k'], 'tried')).toBe('tried')
    for (let n = 0; n < 5; n++) expect(await queue.run([`k${n}`], `job ${n}`)).toBe(`job ${n}`)
  })

  test('however often single answers are lost, it goes on as long as others come', async () => {
    const made = hanging({ patience: 100, timeout: 200, lost: 3, waiting: 5 })
    for (let n = 0; n < 50; n++) {
      made.hangs = true
      const lost = followed(made.queue.run(['hangs'], 'hangs'))
      await pass(200)
      expect(lost.is).toBeInstanceOf(StoreTimeoutError)
      made.hangs = false
      expect(await made.queue.run(['k'], 'answers')).toBe('answers')
    }
    expect([made.queue.waiting, made.queue.size]).toEqual([0, 0])
  })

  test('as the base of a store: ten thousand lost decisions are not the last ones', async () => {
    const store = new TroubledStore()
    store.trouble = 'hangs'
    const lost = Array.from({ length: 10_000 }, (_, n) =>
      decide(store, 'queue:test', { actor: 1 + n, limits: [limitOf()] }).catch((error: unknown) => error),
    )
    await expect(decide(store, 'queue:test')).rejects.toBeInstanceOf(OverloadError)
    await pass(59_999)
    await expect(decide(store, 'queue:test')).rejects.toBeInstanceOf(OverloadError)
    await pass(1)
    for (const error of await Promise.all(lost)) expect(error).toBeInstanceOf(StoreTimeoutError)
    store.trouble = undefined
    for (let n = 0; n < 3; n++) expect((await decide(store, 'queue:test')).reason).toBe(undefined)
  })
})

describe('together', () => {
  test('whoever waits for a key goes with the others, whatever else it holds', async () => {
    const { queue, batches } = manual()
    const all = [
      queue.run(['g', 'a'], 'first'),
      queue.run(['g', 'b'], 'second'),
      queue.run(['b', 'c'], 'third'),
      queue.run(['d'], 'elsewhere'),
      queue.run(['c'], 'fourth'),
      queue.run(['a', 'g'], 'fifth'),
    ]
    expect(batches.map(({ jobs }) => jobs)).toEqual([['first'], ['elsewhere']])
    batches[0].finish()
    batches[1].finish()
    await turn()
    expect(batches).toHaveLength(3)
    expect([...batches[2].jobs].sort()).toEqual(['fifth', 'fourth', 'second', 'third'])
    expect(batches[2].keys).toEqual(['a', 'b', 'c', 'g'])
    batches[2].finish()
    expect(await Promise.all(all)).toEqual(['FIRST', 'SECOND', 'THIRD', 'ELSEWHERE', 'FOURTH', 'FIFTH'])
    expect(queue.size).toBe(0)
  })

  test('a job that also waits for somebody outside the batch stays, and so does what came after it', async () => {
    const { queue, batches } = manual()
    const all = ['a', 'b'].map((key) => queue.run([key], key))
    all.push(queue.run(['a', 'b'], 'both'), queue.run(['a'], 'after'))
    batches[0].finish()
    await turn()
    expect(batches).toHaveLength(2)
    batches[1].finish()
    await turn()
    expect(batches[2].jobs).toEqual(['both', 'after'])
    batches[2].finish()
    expect(await Promise.all(all)).toEqual(['A', 'B', 'BOTH', 'AFTER'])
  })

  test('a batch is bounded, the rest is the next one', async () => {
    const { queue, batches } = manual(3)
    const all = Array.from({ length: 6 }, (_, n) => queue.run(['a'], String(n)))
    for (let n = 0; n < 3; n++) {
      batches[n].finish()
      await turn()
    }
    expect(batches.map(({ jobs }) => jobs.join(''))).toEqual(['0', '123', '45'])
    expect(await Promise.all(all)).toEqual(['0', '1', '2', '3', '4', '5'])
  })

  test('one job’s failure is its own; a batch that fails as a whole fails each', async () => {
    const whole = new BatchQueue<number, number>((jobs) => Promise.reject(new Error(`${jobs.length} lost`)))
    const lost = await Promise.allSettled([1, 2, 3].map((job) => whole.run(['a'], job)))
    expect(lost.map((result) => result.status === 'rejected' && (result.reason as Error).message)).toEqual([
      '1 lost',
      '2 lost',
      '2 lost',
    ])
    expect(whole.size).toBe(0)
    const queue = new BatchQueue<() => Promise<string>, string>((works) =>
      Promise.allSettled(works.map((work) => work())),
    )
    const jobs = ['x', 'y', 'z'].map((name) =>
      queue.run(['a'], () => (name === 'y' ? Promise.reject(new Error('y')) : Promise.resolve(name))),
    )
    const statuses = (await Promise.allSettled(jobs)).map(({ status }) => status)
    expect(statuses).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  test('at random: no key is held twice, each key’s jobs keep their order, all are done', async () => {
    const random = randomOf(3)
    const held = new Set<string>()
    const done = new Map<string, number[]>()
    let most = 0
    const queue = new BatchQueue<{ n: number; keys: string[] }, number>(
      async (jobs, keys) => {
        most = Math.max(most, jobs.length)
        for (const key of keys) {
          expect(held.has(key)).toBe(false)
          held.add(key)
        }
        for (const { n, keys } of jobs) for (const key of keys) done.set(key, [...(done.get(key) ?? []), n])
        for (let turns = random.below(4); turns > 0; turns--) await turn()
        for (const key of keys) held.delete(key)
        return jobs.map(({ n }) => ({ status: 'fulfilled', value: n }))
      },
      { most: 5 },
    )
    const all: Promise<number>[] = []
    for (let n = 0; n < 400; n++) {
      const keys = [...new Set(Array.from({ length: 1 + random.below(3) }, () => `k${random.below(12)}`))]
      all.push(queue.run(keys, { n, keys }))
      if (random.below(10) === 0) await turn()
    }
    expect(await Promise.all(all)).toEqual(Array.from({ length: 400 }, (_, n) => n))
    for (const order of done.values()) expect(order).toEqual([...order].sort((a, b) => a - b))
    expect([most, queue.size]).toEqual([5, 0])
  })
})

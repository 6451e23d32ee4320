import { LimiterError, OverloadError, SentinelUsageError, StoreError } from '../../../lib/errors'
import { isThenable } from '../../../lib/promises'
import { MemoryStore } from '../../../lib/stores/memory'
import type { Decision } from '../../../lib/stores/decision'
import { failover } from '../../../lib/stores/failover'
import { decide, limitOf, queryOf, requestOf } from '../../../lib/testing/contract/requests'
import { TroubledStore } from '../../support/troubled-store'
import {
  BLOCKS,
  block,
  holdFirst,
  idsOf,
  lineOf,
  pass,
  said,
  SPACE,
  troubled,
  useManualTime,
} from './support'

useManualTime()

/** Two users a second may pass: tells which store has counted how much. */
const LIMITS = { limits: [limitOf({ limit: 100 })] }

async function left(store: MemoryStore | TroubledStore): Promise<number> {
  return (await store.peek(queryOf(SPACE, LIMITS.limits[0]))).remaining
}

describe('who answers', () => {
  test('the first store, as long as it does', async () => {
    const { store, stores, events } = await troubled()
    for (let n = 0; n < 10; n++) await decide(store, SPACE, LIMITS)
    expect(await Promise.all(stores.map(left))).toEqual([90, 100])
    expect(events).toEqual([])
  })

  test('a store that answers at once still does, and so does the next where the first throws', async () => {
    class Throwing extends MemoryStore {
      broken = false
      override decide(request: Parameters<MemoryStore['decide']>[0]) {
        if (this.broken) throw new Error('out of order')
        return super.decide(request)
      }
    }
    const first = new Throwing()
    const { store } = await lineOf([first, new MemoryStore()])
    expect(isThenable(store.decide(requestOf(SPACE, LIMITS)))).toBe(false)
    first.broken = true
    for (let n = 0; n < 10; n++) expect(isThenable(store.decide(requestOf(SPACE, LIMITS)))).toBe(false)
    await store.close()
  })

  test('where the first fails, the second answers in the same call; after five times the first is not asked', async () => {
    const { store, stores, events } = await troubled()
    const [first] = stores
    first.trouble = 'fails'
    for (let n = 1; n <= 10; n++) {
      expect((await decide(store, SPACE, LIMITS)).limits[0].remaining).toBe(100 - n)
      expect(said(events)).toEqual(n < 5 ? [] : ['degraded TroubledStore -> TroubledStore 2'])
    }
    expect(events[0]).toMatchObject({ error: { message: 'connection refused' } })
    const { asked } = first
    await decide(store, SPACE, LIMITS)
    expect(first.asked).toBe(asked)
  })

  test('a store that hangs is waited for so long, and no longer; all that wait are answered', async () => {
    const { store, stores } = await troubled()
    stores[0].trouble = 'hangs'
    const actors = Array.from({ length: 100 }, (_, actor) => actor)
    const all = Promise.all(actors.map((actor) => decide(store, SPACE, { ...LIMITS, actor })))
    let answered = false
    void all.then(() => (answered = true))
    await pass(199)
    expect(answered).toBe(false)
    await pass(1)
    expect(answered).toBe(true)
    // From now on it is not even asked.
    await decide(store, SPACE, LIMITS)
  })

  test('a late answer changes nothing', async () => {
    const first = new TroubledStore()
    let answer = (_: Decision): void => undefined
    first.decide = () => new Promise((resolve) => (answer = resolve))
    const { store } = await lineOf([first, new MemoryStore()])
    const decision = decide(store, SPACE, LIMITS)
    await pass(200)
    expect((await decision).limits[0].remaining).toBe(99)
    answer({ ...(await decision), blockAdded: block(5) })
    await pass(1_000)
    expect(await store.findRecord(BLOCKS, 5)).toBe(undefined)
    expect((await store.health()).status).toBe('ok')
  })

  test('now and then a failure opens nothing', async () => {
    const { store, stores, events } = await troubled()
    for (let n = 0; n < 40; n++) {
      stores[0].trouble = n % 5 === 0 ? undefined : 'fails'
      await decide(store, SPACE, LIMITS)
    }
    expect(events).toEqual([])
  })

  test('three in a line: the third answers where two fail', async () => {
    const { store, stores, events } = await troubled(3)
    stores[0].trouble = stores[1].trouble = 'loses'
    for (let n = 0; n < 6; n++) await decide(store, SPACE, LIMITS)
    expect(await left(stores[2])).toBe(94)
    expect(said(events)).toEqual([
      'degraded TroubledStore -> TroubledStore 2',
      'degraded TroubledStore 2 -> TroubledStore 3',
    ])
  })

  test('where none is left it is said at once, of each why; the first that is back serves at once', async () => {
    const { store, stores, events } = await troubled()
    stores[0].trouble = 'fails'
    stores[1].trouble = 'fails'
    const message =
      'no store answers (TroubledStore: connection refused; TroubledStore 2: connection refused)'
    for (let n = 0; n < 8; n++) {
      const failed = await decide(store, SPACE, LIMITS).catch((error: unknown) => error)
      expect(failed).toBeInstanceOf(StoreError)
      expect(failed).toMatchObject({ message, cause: { message: 'connection refused' } })
    }
    expect(said(events)).toEqual([
      'degraded TroubledStore -> TroubledStore 2',
      'degraded TroubledStore 2 -> none',
    ])
    expect(await store.health()).toMatchObject({ status: 'down', error: message })
    stores[1].trouble = undefined
    await pass(2_000)
    await decide(store, SPACE, LIMITS)
    stores[0].trouble = undefined
    await pass(5_000)
    expect(said(events).slice(2)).toEqual([
      'recovered TroubledStore 2, 0 replayed',
      'recovered TroubledStore, 0 replayed',
    ])
  })
})

describe('which errors are the store’s', () => {
  const throwing = async (error: Error) => {
    const first = new MemoryStore()
    first.decide = () => {
      throw error
    }
    const second = new MemoryStore()
    return { ...(await lineOf([first, second])), first, second }
  }

  test('not those that speak of what was asked: they are the caller’s, and nobody else is asked', async () => {
    for (const error of [new LimiterError('shop', 'broken'), new SentinelUsageError('no such actor')]) {
      const { store, second, events } = await throwing(error)
      for (let n = 0; n < 10; n++) await expect(decide(store, SPACE, LIMITS)).rejects.toBe(error)
      expect(await left(second)).toBe(100)
      expect(events).toEqual([])
    }
  })

  test('not that it has too much to do: another answers, and it is asked again', async () => {
    const { store, second, events } = await throwing(new OverloadError('10,000 wait already'))
    for (let n = 0; n < 20; n++) await decide(store, SPACE, LIMITS)
    expect(await left(second)).toBe(80)
    expect((await store.health()).stores?.[0]).toMatchObject({ breaker: 'closed' })
    expect(events).toEqual([])
  })

  test('where all have too much to do, that is what is said, and no new error is made for it', async () => {
    const { store, first, second, events } = await throwing(new OverloadError('10,000 wait already'))
    const full = new OverloadError('5,000 wait already', 5_000)
    second.decide = () => {
      throw full
    }
    for (const one of [first, second]) one.putRecords = () => Promise.reject(full)
    for (let n = 0; n < 20; n++) await expect(decide(store, SPACE, LIMITS)).rejects.toBe(full)
    expect(events).toEqual([])
    const write = store.putRecords(BLOCKS, [block(1)], 'replace')
    await expect(write).rejects.toBe(full)
    expect(events).toEqual([])
  })

  test('nor does a trial fail by it', async () => {
    const { store, stores } = await troubled()
    stores[0].trouble = 'fails'
    for (let n = 0; n < 5; n++) await decide(store, SPACE, LIMITS)
    stores[0].trouble = undefined
    await pass(200)
    const own = stores[0].decide.bind(stores[0])
    stores[0].decide = () => Promise.reject(new OverloadError('10,000 wait already'))
    await decide(store, SPACE, LIMITS)
    expect((await store.health()).stores?.[0]).toMatchObject({ breaker: 'half-open' })
    stores[0].decide = own
  })
})

describe('every other call goes the same way', () => {
  test('limits, records, entries, the clock', async () => {
    const { store, stores } = await troubled()
    stores[0].trouble = 'loses'
    const limit = LIMITS.limits[0]
    await decide(store, SPACE, LIMITS)
    expect((await store.peek(queryOf(SPACE, limit))).remaining).toBe(99)
    await store.reset(queryOf(SPACE, limit))
    expect((await store.peek(queryOf(SPACE, limit))).remaining).toBe(100)
    expect(Math.abs((await store.now()) - Date.now())).toBeLessThan(1_000)
    expect(await store.findRecord(BLOCKS, 5)).toBe(undefined)
    await store.migrateChat(SPACE, -1, -2, [])
    await store.putRecords(BLOCKS, [block(5)], 'replace')
    expect(await store.findRecord(BLOCKS, 5)).toEqual(block(5))
    expect((await store.listRecords(BLOCKS, { limit: 10 })).records).toEqual([block(5)])
    expect(await store.dropRecords(BLOCKS, [5])).toEqual([block(5)])
  })

  test('a version of one store is no version of another', async () => {
    const { store, stores } = await troubled()
    const version = await store.swap('k', null, 'first')
    if (version === null) throw new Error('the first write is refused')
    // The second store's first version has the same number.
    await stores[1].swap('k', null, 'second')
    for (let n = 0; n < 5; n++) {
      stores[0].trouble = 'fails'
      await store.get('k')
    }
    expect(await store.swap('k', version, 'lost')).toBe(null)
    expect(await store.delete('k', version)).toBe(false)
    expect((await store.get('k'))?.value).toBe('second')
    const own = (await store.get('k'))?.version
    expect(await store.swap('k', own ?? null, 'mine')).not.toBe(null)
    expect(await store.delete('k')).toBe(true)
  })

  test('a list that another store has begun has to be begun anew', async () => {
    const { store, stores } = await troubled()
    await store.putRecords(BLOCKS, [block(1), block(2), block(3)], 'replace')
    const { cursor } = await store.listRecords(BLOCKS, { limit: 1 })
    if (cursor === undefined) throw new Error('there must be more')
    stores[0].trouble = 'fails'
    for (let n = 0; n < 5; n++) await store.get('k')
    await expect(store.listRecords(BLOCKS, { cursor, limit: 1 })).rejects.toThrow(
      /begin anew, without cursor/,
    )
    await expect(store.scan('', { cursor, limit: 1 })).rejects.toBeInstanceOf(SentinelUsageError)
    await expect(store.scan('', { cursor: 'nonsense', limit: 1 })).rejects.toThrow(/cursor must be what/)
    expect((await store.listRecords(BLOCKS, { limit: 5 })).records).toHaveLength(3)
  })
})

describe('health', () => {
  test('of each store, and of all together', async () => {
    const { store, stores } = await troubled()
    expect(await store.health()).toMatchObject({
      status: 'ok',
      name: 'failover',
      latency: expect.any(Number) as number,
      stores: [
        { status: 'ok', name: 'TroubledStore', breaker: 'closed' },
        { status: 'ok', name: 'TroubledStore 2', breaker: 'closed' },
      ],
    })
    stores[0].trouble = 'fails'
    await store.putRecords(BLOCKS, [block(1)], 'replace')
    const { asked } = stores[0]
    expect(await store.health()).toMatchObject({
      status: 'degraded',
      stores: [
        { status: 'down', breaker: 'open', error: 'connection refused', lag: expect.any(Number) as number },
        { status: 'ok', breaker: 'closed' },
      ],
    })
    // What is open is not asked, for this neither.
    expect(stores[0].asked).toBe(asked)
  })

  test('a store that hangs is waited for no longer than for any call', async () => {
    const { store, stores } = await troubled()
    stores[0].trouble = 'hangs'
    const health = store.health()
    await pass(200)
    expect(await health).toMatchObject({ status: 'degraded', stores: [{ status: 'down' }, { status: 'ok' }] })
  })
})

describe('connecting and closing', () => {
  test('the first store is waited for, but not for long where another can serve', async () => {
    const first = new TroubledStore()
    first.trouble = 'hangs'
    let connected = false
    const line = lineOf([first, new MemoryStore()])
    void line.then(() => (connected = true))
    await pass(199)
    expect(connected).toBe(false)
    await pass(1)
    const { store, events } = await line
    expect(events).toMatchObject([{ type: 'degraded', by: 'MemoryStore' }])
    expect((await decide(store, SPACE, LIMITS)).limits[0].remaining).toBe(99)
  })

  test('a store that is slow to connect for the first time serves as soon as it has', async () => {
    const first = new TroubledStore()
    let connect = (): void => undefined
    first.connect = () => new Promise<void>((resolve) => (connect = resolve))
    const line = lineOf([first, new MemoryStore()])
    await pass(200)
    const { store, events } = await line
    await pass(700)
    expect((await store.health()).stores?.[0]).toMatchObject({ breaker: 'open', error: 'not connected' })
    connect()
    await pass(0)
    expect(said(events)).toEqual([
      'degraded TroubledStore -> MemoryStore',
      'recovered TroubledStore, 0 replayed',
    ])
    await decide(store, SPACE, LIMITS)
    expect(await left(first)).toBe(99)
  })

  test('one that refuses is not waited for, and connected later', async () => {
    const first = new TroubledStore()
    first.trouble = 'fails'
    const { store, events } = await lineOf([first, new MemoryStore()])
    expect(said(events)).toEqual(['degraded TroubledStore -> MemoryStore'])
    first.trouble = undefined
    await pass(5_000)
    expect(first.connects).toBe(2)
    expect((await store.health()).status).toBe('ok')
  })

  test('one that refuses at first and is back serves, though another is still at it', async () => {
    const stores = [new TroubledStore(), new TroubledStore()]
    stores[0].trouble = 'fails'
    stores[1].trouble = 'hangs'
    let connected = false
    const line = lineOf(stores)
    void line.then(() => (connected = true))
    // By now it would be content with either of them.
    await pass(250)
    stores[0].trouble = undefined
    await pass(1_000)
    expect(connected).toBe(true)
    await (await line).store.close()
  })

  test('where none connects it says of each why; later on one that does is enough', async () => {
    const stores = [new TroubledStore(), new TroubledStore()]
    for (const one of stores) one.trouble = 'fails'
    const line = lineOf(stores)
    const store = await line.catch((error: unknown) => String(error))
    expect(store).toMatch(
      /no store answers \(TroubledStore: connection refused; TroubledStore 2: connection refused\)/,
    )
  })

  test('an attempt to connect after a failed one costs nothing, and succeeds once a store is there', async () => {
    const stores = [new TroubledStore(), new TroubledStore()]
    for (const one of stores) one.trouble = 'fails'
    const store = failover(stores)
    for (let n = 0; n < 10; n++) await expect(store.connect()).rejects.toThrow(/no store answers/)
    expect(stores.map(({ connects }) => connects)).toEqual([1, 1])
    stores[1].trouble = undefined
    await pass(3_000)
    await store.connect()
    await decide(store, SPACE, LIMITS)
    expect(await left(stores[1])).toBe(99)
  })

  test('all are closed, those too that cannot be, and nothing runs any more', async () => {
    const { store, stores } = await troubled(3)
    stores[0].trouble = 'fails'
    for (let n = 0; n < 5; n++) await decide(store, SPACE, LIMITS)
    stores[1].close = () => Promise.reject(new Error('stuck'))
    await expect(store.close()).rejects.toThrow('not every store could be closed (TroubledStore 2: stuck)')
    expect([stores[0].closes, stores[2].closes]).toEqual([1, 1])
    await store.close()
    await expect(decide(store, SPACE, LIMITS)).rejects.toThrow('the store is closed')
    await expect(store.connect()).rejects.toThrow('the store is closed')
    await expect(store.putRecords(BLOCKS, [block(1)], 'replace')).rejects.toThrow('the store is closed')
    const { asked } = stores[0]
    await pass(60_000)
    expect(stores[0].asked).toBe(asked)
    expect(jest.getTimerCount()).toBe(0)
  })

  test('a store that connects only afterwards is closed then', async () => {
    const first = new TroubledStore()
    let connect = (): void => undefined
    first.connect = () => new Promise<void>((resolve) => (connect = resolve))
    const line = lineOf([first, new MemoryStore()])
    await pass(200)
    await (await line).store.close()
    connect()
    await pass(0)
    expect(first.closes).toBe(2)
  })

  test('what fails only afterwards has no other store serve', async () => {
    const { store, stores, events } = await troubled(2, { failures: 1 })
    stores[0].trouble = 'hangs'
    const written = store.putRecords(BLOCKS, [block(1)], 'replace').catch((error: unknown) => String(error))
    await pass(10)
    const closing = store.close()
    const { asked } = stores[1]
    stores[0].trouble = 'fails'
    await closing
    expect(await written).toBe('StoreError: the store is closed')
    await expect(store.get('k')).rejects.toThrow('the store is closed')
    expect(stores[1].asked).toBe(asked)
    expect(said(events)).toEqual([])
  })

  test.each(['closed', 'away'] as const)(
    'a copy that waits for its turn is not made when its store is %s',
    async (how) => {
      const { store, stores } = await troubled(2, { failures: 1, settle: '1h' })
      await decide(store, SPACE)
      await pass(100)
      const copyOn = holdFirst(stores[1], 'get', 'blocks')
      const written = [block(1), block(2)].map((one) => store.putRecords(BLOCKS, [one], 'replace'))
      await pass(10)
      const closing = how === 'closed' ? store.close() : pass(300)
      if (how === 'away') await closing
      copyOn()
      await Promise.all([closing, ...written])
      await pass(1)
      expect(await idsOf(stores[0], 'blocks')).toEqual([1, 2])
      expect(await idsOf(stores[1], 'blocks')).toEqual([1])
      await store.close()
    },
  )

  test('decisions that wait when it is closed are told so', async () => {
    const { store, stores } = await troubled()
    stores[0].trouble = 'hangs'
    const decision = decide(store, SPACE, LIMITS).catch((error: unknown) => String(error))
    await pass(10)
    await store.close()
    expect(await decision).toBe('StoreError: the store is closed')
  })
})

test('an observer that throws, or rejects, disturbs neither the store nor the other observers', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const stores = [new TroubledStore(), new TroubledStore()]
  const store = failover(stores)
  const heard: string[] = []
  store.observe(() => {
    throw new Error('broken observer')
  })
  store.observe(async () => Promise.reject(new Error('broken promise')))
  store.observe(({ type }) => void heard.push(type))
  await store.connect()
  stores[0].trouble = 'fails'
  for (let n = 0; n < 6; n++) await decide(store, SPACE, LIMITS)
  stores[0].trouble = undefined
  await pass(5_000)
  expect((await store.health()).status).toBe('ok')
  expect(heard).toEqual(['degraded', 'recovered'])
  expect(warn.mock.calls.map(([text]) => text)).toEqual(
    ['observer', 'promise', 'observer', 'promise'].map(
      (what) => `a listener of a store failed: broken ${what}`,
    ),
  )
  warn.mockRestore()
  await store.close()
})

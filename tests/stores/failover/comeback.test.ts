import { MemoryStore } from '../../../lib/stores/memory'
import { decide, limitOf, queryOf } from '../../../lib/testing/contract/requests'
import {
  BLOCKS,
  block,
  holdFirst,
  idsOf,
  lineOf,
  MEMBERS,
  pass,
  recordsOf,
  REGISTRATIONS,
  said,
  SPACE,
  troubled,
  useManualTime,
  type Line,
} from './support'

useManualTime()

const LIMITS = { limits: [limitOf({ limit: 100 })] }

/** Fails often enough that it is not asked any more. */
async function fail({ store, stores }: Line): Promise<void> {
  stores[0].trouble = 'fails'
  for (let n = 0; n < 5; n++) await decide(store, SPACE, LIMITS)
}

async function breakerOf({ store }: Line): Promise<string | undefined> {
  return (await store.health()).stores?.[0].breaker
}

describe('probes', () => {
  test('are made at growing intervals, two seconds at most, each spread by chance', async () => {
    const line = await troubled()
    await fail(line)
    const probes: number[] = []
    let { asked } = line.stores[0]
    for (let at = 0; at < 12_000; at += 10) {
      await pass(10)
      if (line.stores[0].asked > asked) probes.push(at)
      asked = line.stores[0].asked
    }
    const pauses = probes.map((at, n) => at - (probes[n - 1] ?? 0))
    const longest = [100, 200, 400, 800, 1_600, ...Array.from({ length: 9 }, () => 2_000)]
    for (const [n, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(longest[n] / 2 - 20)
      expect(pause).toBeLessThanOrEqual(longest[n] + 20)
    }
    expect(probes.length).toBeGreaterThan(8)
  })

  test('a store that says of itself that it is down is not tried', async () => {
    const line = await troubled()
    await fail(line)
    line.stores[0].trouble = undefined
    line.stores[0].health = async () => ({ status: 'down', error: 'read-only' })
    await pass(10_000)
    expect((await line.store.health()).stores?.[0]).toMatchObject({ breaker: 'open', error: 'read-only' })
  })
})

describe('the way back', () => {
  test('without traffic it is back by itself, not before it has been well for a second', async () => {
    const line = await troubled()
    await fail(line)
    line.stores[0].trouble = undefined
    await pass(100)
    expect(await breakerOf(line)).toBe('half-open')
    await pass(890)
    expect(await breakerOf(line)).toBe('half-open')
    await pass(400)
    expect(await breakerOf(line)).toBe('closed')
    expect(said(line.events)).toEqual([
      'degraded TroubledStore -> TroubledStore 2',
      'recovered TroubledStore, 0 replayed',
    ])
    expect(line.events[1]).toMatchObject({
      away: expect.any(Number) as number,
      at: expect.any(Number) as number,
    })
  })

  test('decisions are tried on it one at a time, all others go where they went', async () => {
    const line = await troubled(2, { settle: '10m', successes: 1_000_000 })
    await fail(line)
    line.stores[0].trouble = undefined
    await pass(100)
    expect(await breakerOf(line)).toBe('half-open')
    await Promise.all(
      Array.from({ length: 10 }, (_, actor) => decide(line.store, SPACE, { ...LIMITS, actor })),
    )
    const counts = await Promise.all(
      line.stores.map(async (store) => {
        const actors = Array.from({ length: 10 }, (_, actor) => actor)
        const lefts = await Promise.all(
          actors.map(async (actor) => store.peek(queryOf(SPACE, LIMITS.limits[0], undefined, actor))),
        )
        return lefts.filter(({ remaining }) => remaining === 99).length
      }),
    )
    expect(counts).toEqual([1, 9])
  })

  test('a failed trial is answered by the other in the same call, and it is away again for longer', async () => {
    const line = await troubled()
    await fail(line)
    line.stores[0].trouble = undefined
    await pass(100)
    expect(await breakerOf(line)).toBe('half-open')
    line.stores[0].trouble = 'fails'
    expect((await decide(line.store, SPACE, LIMITS)).limits[0].remaining).toBe(94)
    expect(await breakerOf(line)).toBe('open')
    line.stores[0].trouble = undefined
    await pass(99)
    expect(await breakerOf(line)).toBe('open')
    await pass(101)
    expect(await breakerOf(line)).toBe('half-open')
    expect(said(line.events)).toHaveLength(1)
  })

  test('a trial that hangs is given up in time, too', async () => {
    const line = await troubled()
    await fail(line)
    line.stores[0].trouble = undefined
    await pass(100)
    line.stores[0].trouble = 'hangs'
    const decision = decide(line.store, SPACE, LIMITS)
    await pass(200)
    expect((await decision).limits[0].remaining).toBe(94)
    expect(await breakerOf(line)).toBe('open')
  })

  test('with five good trials and a second, it serves', async () => {
    const line = await troubled()
    await fail(line)
    line.stores[0].trouble = undefined
    await pass(100)
    for (let n = 0; n < 11; n++) {
      await decide(line.store, SPACE, LIMITS)
      await pass(100)
    }
    expect(said(line.events).at(-1)).toBe('recovered TroubledStore, 0 replayed')
    const before = (await line.stores[1].peek(queryOf(SPACE, LIMITS.limits[0]))).remaining
    await decide(line.store, SPACE, LIMITS)
    expect((await line.stores[1].peek(queryOf(SPACE, LIMITS.limits[0]))).remaining).toBe(before)
  })

  test('where nobody else serves it does at once', async () => {
    const line = await troubled(2, { settle: '1h' })
    await fail(line)
    line.stores[1].trouble = 'fails'
    for (let n = 0; n < 5; n++) await decide(line.store, SPACE, LIMITS).catch(() => undefined)
    expect((await line.store.health()).status).toBe('down')
    line.stores[0].trouble = undefined
    await pass(200)
    expect((await decide(line.store, SPACE, LIMITS)).reason).toBe(undefined)
    expect(said(line.events).at(-1)).toBe('recovered TroubledStore, 0 replayed')
  })

  test('a store that fails again soon is probed no sooner than before', async () => {
    const line = await troubled()
    await fail(line)
    await pass(10_000)
    line.stores[0].trouble = undefined
    await pass(4_000)
    expect(await breakerOf(line)).toBe('closed')
    await fail(line)
    line.stores[0].trouble = undefined
    await pass(900)
    expect(await breakerOf(line)).toBe('open')
    await pass(5_000)
    expect(await breakerOf(line)).toBe('closed')
    // Ten times `settle` later that is forgotten.
    await pass(10_000)
    await fail(line)
    line.stores[0].trouble = undefined
    await pass(100)
    expect(await breakerOf(line)).toBe('half-open')
  })
})

describe('what it has missed', () => {
  const back = async (line: Line): Promise<void> => {
    line.stores[0].trouble = undefined
    await pass(5_000)
    expect(await breakerOf(line)).toBe('closed')
  }

  test('is with it before it serves again, in order', async () => {
    const line = await troubled()
    const { store, stores } = line
    await store.putRecords(BLOCKS, [block(1, 'old'), block(2), block(3)], 'replace')
    await store.putRecords(REGISTRATIONS, [{ userId: 1, since: 5, profile: 'a' }], 'keep-since')
    await fail(line)
    await store.putRecords(BLOCKS, [block(1, 'new'), block(4)], 'replace')
    await store.dropRecords(BLOCKS, [2, 9])
    await store.putRecords(BLOCKS, [block(9)], 'replace')
    await store.dropRecords(BLOCKS, [9])
    await store.putRecords(REGISTRATIONS, [{ userId: 1, since: 7, profile: 'b' }], 'keep-since')
    await store.putRecords(MEMBERS, [{ userId: 1, since: 7, updateId: 1, reachable: false }], 'later')
    expect(await recordsOf(store, 'blocks')).toEqual([block(1, 'new'), block(3), block(4)])
    await back(line)
    expect(await recordsOf(stores[0], 'blocks')).toEqual([block(1, 'new'), block(3), block(4)])
    expect(await recordsOf(stores[0], 'registrations')).toEqual([{ userId: 1, since: 5, profile: 'b' }])
    expect(await idsOf(stores[0], 'members')).toEqual([1])
    expect(said(line.events).at(-1)).toBe('recovered TroubledStore, 6 replayed')
  })

  test('one write that fails is enough: what it has missed, it must not judge without', async () => {
    const line = await troubled()
    line.stores[0].trouble = 'loses'
    expect(await line.store.putRecords(BLOCKS, [block(1)], 'replace')).toEqual([block(1)])
    expect(await breakerOf(line)).toBe('open')
    expect((await decide(line.store, SPACE, { block: true, actor: 1 })).reason).toBe('blocked')
    await back(line)
    expect(await idsOf(line.stores[0], 'blocks')).toEqual([1])
  })

  test('a write that hangs is made by the next store, in time', async () => {
    const line = await troubled()
    line.stores[0].trouble = 'hangs'
    const written = line.store.putRecords(BLOCKS, [block(1)], 'replace')
    await pass(210)
    expect(await written).toEqual([block(1)])
    await back(line)
    expect(await idsOf(line.stores[0], 'blocks')).toEqual([1])
  })

  test('blocks that decisions have added meanwhile, but none that would end a ban sooner', async () => {
    const line = await troubled()
    await fail(line)
    await line.stores[0].putRecords(BLOCKS, [block(7)], 'replace').catch(() => undefined)
    const flood = { limits: [limitOf({ limit: 1, blockFor: 60_000 })] }
    for (const actor of [6, 7]) {
      await decide(line.store, SPACE, { ...flood, actor })
      expect((await decide(line.store, SPACE, { ...flood, actor })).blockAdded).toMatchObject({
        userId: actor,
      })
    }
    line.stores[0].trouble = undefined
    await line.stores[0].putRecords(BLOCKS, [block(7)], 'replace')
    await pass(5_000)
    expect(await recordsOf(line.stores[0], 'blocks')).toEqual([
      expect.objectContaining({ userId: 6, by: 'sentinel' }),
      block(7),
    ])
  })

  test('with three in a line, each gets what it has missed', async () => {
    const line = await troubled(3)
    const { store, stores } = line
    await fail(line)
    await store.putRecords(BLOCKS, [block(1)], 'replace')
    stores[1].trouble = 'fails'
    await store.putRecords(BLOCKS, [block(2)], 'replace')
    stores[1].trouble = undefined
    await pass(5_000)
    await store.putRecords(BLOCKS, [block(3)], 'replace')
    await store.dropRecords(BLOCKS, [1])
    expect(await Promise.all(stores.slice(1).map((one) => idsOf(one, 'blocks')))).toEqual([
      [2, 3],
      [2, 3],
    ])
    await back(line)
    expect(await idsOf(stores[0], 'blocks')).toEqual([2, 3])
    expect(said(line.events)).toEqual([
      'degraded TroubledStore -> TroubledStore 2',
      'degraded TroubledStore 2 -> TroubledStore 3',
      'recovered TroubledStore 2, 1 replayed',
      'recovered TroubledStore, 3 replayed',
    ])
  })

  test('a store in the middle that comes back last undoes nothing', async () => {
    const line = await troubled(3, { copies: false })
    const { store, stores } = line
    await fail(line)
    stores[1].trouble = 'fails'
    await store.putRecords(BLOCKS, [block(1), block(2)], 'replace')
    await back(line)
    await store.dropRecords(BLOCKS, [1])
    stores[1].trouble = undefined
    await pass(5_000)
    expect(await idsOf(stores[1], 'blocks')).toEqual([2])
  })

  test('a write under way while it returns is made there, too, before anybody is told that it was', async () => {
    const line = await troubled(2, { timeout: '1s', settle: '100ms', successes: 1 })
    const { store, stores } = line
    await fail(line)
    let go = (): void => undefined
    const gate = new Promise<void>((resolve) => (go = resolve))
    const get = stores[1].get.bind(stores[1])
    // The first trip of a write to the store that serves.
    stores[1].get = async (key) => {
      if (key.includes('blocks')) await gate
      return get(key)
    }
    const written = store.putRecords(BLOCKS, [block(1)], 'replace')
    stores[0].trouble = undefined
    await pass(500)
    expect(await breakerOf(line)).toBe('closed')
    go()
    await written
    expect(await idsOf(stores[0], 'blocks')).toEqual([1])
    expect(await breakerOf(line)).toBe('closed')
  })
})

test('as long as it misses something, nothing is tried on it', async () => {
  const line = await troubled(2, { settle: '1h' })
  await fail(line)
  line.stores[0].trouble = undefined
  await pass(100)
  expect(await breakerOf(line)).toBe('half-open')
  const carryOn = holdFirst(line.stores[0], 'get', 'blocks')
  await line.store.putRecords(BLOCKS, [block(42)], 'replace')
  for (let n = 0; n < 5; n++)
    expect((await decide(line.store, SPACE, { block: true })).reason).toBe('blocked')
  carryOn()
  await pass(1)
  expect((await decide(line.store, SPACE, { block: true })).reason).toBe('blocked')
  expect(await idsOf(line.stores[0], 'blocks')).toEqual([42])
})

test('nor does it serve, however well it is otherwise', async () => {
  const line = await troubled(2, { settle: '300ms', successes: 1, timeout: '1s' })
  await fail(line)
  line.stores[0].trouble = undefined
  await pass(100)
  expect(await breakerOf(line)).toBe('half-open')
  const carryOn = holdFirst(line.stores[0], 'get', 'blocks')
  await line.store.putRecords(BLOCKS, [block(42)], 'replace')
  await pass(800)
  expect(await breakerOf(line)).toBe('half-open')
  carryOn()
  await pass(400)
  expect(await breakerOf(line)).toBe('closed')
})

test('on a link that is too narrow for many writes at once, they travel in ever smaller batches', async () => {
  const line = await troubled(2, { failures: 1 })
  const [first] = line.stores
  await fail(line)
  await line.store.putRecords(
    BLOCKS,
    Array.from({ length: 300 }, (_, n) => block(n + 1)),
    'replace',
  )
  const put = first.putRecords.bind(first)
  const sizes: number[] = []
  first.putRecords = async (place, records, meeting) => {
    sizes.push(records.length)
    await new Promise((resolve) => setTimeout(resolve, 20 * records.length))
    return put(place, records, meeting)
  }
  first.trouble = undefined
  await pass(60_000)
  expect(await idsOf(first, 'blocks')).toHaveLength(300)
  expect(await breakerOf(line)).toBe('closed')
  // What was in time is gone on from, not begun with anew.
  expect(sizes.filter((size) => size > 100).length).toBeLessThan(3)
  await line.store.close()
})

describe('a full journal', () => {
  test('refuses a write that needs another place, before anything is written', async () => {
    const line = await troubled(2, { journal: { most: 2 } })
    const { store, stores } = line
    await fail(line)
    await store.putRecords(BLOCKS, [block(1), block(2)], 'replace')
    await expect(store.putRecords(BLOCKS, [block(3)], 'replace')).rejects.toThrow(
      /the journal is full: TroubledStore has missed writes of 2 users \(journal.most\)/,
    )
    await expect(store.dropRecords(REGISTRATIONS, [1])).rejects.toThrow(/full/)
    expect(await idsOf(stores[1], 'blocks')).toEqual([1, 2])
    // What is in it may change.
    await store.dropRecords(BLOCKS, [1])
    stores[0].trouble = undefined
    await pass(5_000)
    expect(await idsOf(stores[0], 'blocks')).toEqual([2])
    await store.putRecords(BLOCKS, [block(3)], 'replace')
  })

  test('and a block that a decision has added is told of, and stands all the same', async () => {
    const line = await troubled(3, { journal: { most: 1 } })
    await fail(line)
    await line.store.putRecords(BLOCKS, [block(1)], 'replace')
    const flood = { limits: [limitOf({ limit: 1, blockFor: 60_000 })], actor: 6 }
    await decide(line.store, SPACE, flood)
    expect((await decide(line.store, SPACE, flood)).blockAdded).toBeDefined()
    expect(said(line.events).at(-1)).toMatch(
      /^storeError journal: the journal is full: TroubledStore has .* does not get the block of user 6 .* stands in TroubledStore 2$/,
    )
    // Those behind get it, as ever.
    await pass(10)
    expect(await idsOf(line.stores[2], 'blocks')).toEqual([1, 6])
    line.stores[0].trouble = undefined
    await pass(3_000)
    expect(await idsOf(line.stores[0], 'blocks')).toEqual([1])
  })

  test('what is only in memory when it is closed is told of', async () => {
    const line = await troubled()
    await fail(line)
    await line.store.putRecords(BLOCKS, [block(1)], 'replace')
    await line.store.close()
    expect(said(line.events).at(-1)).toMatch(
      /^storeError journal: closed before TroubledStore had got 1 writes/,
    )
  })
})

test('events of the stores are passed on', async () => {
  class Talking extends MemoryStore {
    say() {
      this.report({ type: 'storeError', source: 'invalidation', error: new Error('lost'), at: 1 })
    }
  }
  const first = new Talking()
  const { store, events } = await lineOf([first, new MemoryStore()])
  first.say()
  expect(said(events)).toEqual(['storeError invalidation: lost'])
  await store.close()
  first.say()
  expect(events).toHaveLength(1)
})

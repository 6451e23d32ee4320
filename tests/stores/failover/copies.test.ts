import fc from 'fast-check'
import { MemoryStore } from '../../../lib/stores/memory'
import type { FailoverOptions } from '../../../lib/stores/failover'
import type { UserNamespace } from '../../../lib/stores/user-record'
import { decide, limitOf } from '../../../lib/testing/contract/requests'
import { TroubledStore } from '../../support/troubled-store'
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

const ids = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n)

/** Until nobody answers from the first store any more. */
async function fail({ store, stores }: Line): Promise<void> {
  stores[0].trouble = 'fails'
  for (let n = 0; n < 5; n++) await store.get('k')
}

describe('what was there before', () => {
  test('is copied as soon as the bot is used, page by page', async () => {
    const line = await troubled()
    await line.stores[0].putRecords(
      BLOCKS,
      ids(1, 2_500).map((id) => block(id)),
      'replace',
    )
    await line.stores[0].putRecords(
      REGISTRATIONS,
      [{ userId: 5, since: 1, profile: { plan: 'free' } }],
      'replace',
    )
    await line.stores[1].putRecords(BLOCKS, [block(9_999)], 'replace')
    await decide(line.store, SPACE)
    await pass(100)
    expect(await idsOf(line.stores[1], 'blocks')).toEqual(ids(1, 2_500))
    expect(await recordsOf(line.stores[1], 'registrations')).toEqual([
      { userId: 5, since: 1, profile: { plan: 'free' } },
    ])
    await fail(line)
    expect((await decide(line.store, SPACE, { block: true, actor: 2_500 })).reason).toBe('blocked')
    expect((await decide(line.store, SPACE, { registration: 'required', actor: 5 })).reason).toBe(undefined)
    expect((await decide(line.store, SPACE, { registration: 'required', actor: 6 })).reason).toBe(
      'unregistered',
    )
  })

  test('what other processes write is there after the next refresh, and what they delete is gone', async () => {
    const line = await troubled(2, { copies: { refresh: '1m' } })
    await decide(line.store, SPACE)
    await line.store.putRecords(BLOCKS, [block(1), block(2)], 'replace')
    await pass(1_000)
    await line.stores[0].dropRecords(BLOCKS, [1])
    await line.stores[0].putRecords(BLOCKS, [block(3)], 'replace')
    await pass(50_000)
    expect(await idsOf(line.stores[1], 'blocks')).toEqual([1, 2])
    await pass(11_000)
    expect(await idsOf(line.stores[1], 'blocks')).toEqual([2, 3])
  })

  test('not with copies: false', async () => {
    const line = await troubled(2, { copies: false })
    await line.stores[0].putRecords(BLOCKS, [block(1)], 'replace')
    await line.store.putRecords(BLOCKS, [block(2)], 'replace')
    await pass(600_000)
    expect(await idsOf(line.stores[1], 'blocks')).toEqual([])
    await fail(line)
    expect((await decide(line.store, SPACE, { registration: 'required', actor: 6 })).reason).toBe(
      'unregistered',
    )
  })

  test('for two stores behind it, each', async () => {
    const line = await troubled(3)
    await line.stores[0].putRecords(BLOCKS, [block(1)], 'replace')
    await decide(line.store, SPACE)
    await pass(100)
    expect(await Promise.all(line.stores.map((store) => idsOf(store, 'blocks')))).toEqual([[1], [1], [1]])
  })
})

describe('what this process writes', () => {
  test('is in the copy by the time it is told of as written', async () => {
    const line = await troubled()
    const { store, stores } = line
    await store.putRecords(BLOCKS, [block(1), block(2)], 'replace')
    await store.dropRecords(BLOCKS, [1])
    await store.putRecords(REGISTRATIONS, [{ userId: 1, since: 1 }], 'keep-since')
    await store.putRecords(REGISTRATIONS, [{ userId: 1, since: 9, profile: 'x' }], 'keep-since')
    await store.putRecords(MEMBERS, [{ userId: 1, since: 9, updateId: 2, reachable: false }], 'later')
    await store.putRecords(MEMBERS, [{ userId: 1, since: 8, updateId: 1, reachable: true }], 'later')
    for (const name of ['blocks', 'registrations', 'members'] satisfies UserNamespace[]) {
      expect(await recordsOf(stores[1], name)).toEqual(await recordsOf(stores[0], name))
    }
    expect(await idsOf(stores[1], 'blocks')).toEqual([2])
  })

  test('and so are blocks that decisions have added, in the first store or in a trial', async () => {
    const { store, stores } = await troubled()
    const flood = { limits: [limitOf({ limit: 1, blockFor: 60_000 })] }
    await decide(store, SPACE, flood)
    await decide(store, SPACE, flood)
    await pass(1)
    expect(await recordsOf(stores[1], 'blocks')).toMatchObject([{ userId: 42, by: 'sentinel' }])
  })

  test('a copy that is slow to be written does not overtake what is written to its store later', async () => {
    const line = await troubled()
    const { store, stores } = line
    await decide(store, SPACE)
    await pass(50)
    const copyOn = holdFirst(stores[1], 'get', 'blocks')
    const banned = store.putRecords(BLOCKS, [block(1)], 'replace')
    await pass(10)
    await fail(line)
    const lifted = store.dropRecords(BLOCKS, [1])
    await pass(10)
    copyOn()
    await Promise.all([banned, lifted])
    expect(await idsOf(stores[1], 'blocks')).toEqual([])
  })

  test('a copy that fails hinders no write, and is made anew when it is back', async () => {
    const line = await troubled()
    const { store, stores } = line
    await decide(store, SPACE)
    await pass(100)
    stores[1].trouble = 'fails'
    for (const id of ids(1, 10)) await store.putRecords(BLOCKS, [block(id)], 'replace')
    expect((await store.health()).stores?.[1]).toMatchObject({ breaker: 'open' })
    expect(line.events).toEqual([])
    stores[1].trouble = undefined
    await pass(10_000)
    expect(await idsOf(stores[1], 'blocks')).toEqual(ids(1, 10))
    expect(line.events).toEqual([])
  })
})

describe('while a copy is made', () => {
  test('what is written is not undone by it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.boolean(), fc.nat(3)), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 6 })),
        async (writes, before) => {
          const stores = [new TroubledStore(), new TroubledStore()]
          // Each page is read, and then takes its time to arrive.
          const list = stores[0].listRecords.bind(stores[0])
          const pages: (() => void)[] = []
          stores[0].listRecords = async (place, { cursor }) => {
            const page = await list(place, cursor === undefined ? { limit: 2 } : { cursor, limit: 2 })
            await new Promise<void>((resolve) => void pages.push(resolve))
            return page as never
          }
          await stores[0].putRecords(
            BLOCKS,
            [...new Set(before)].map((id) => block(id)),
            'replace',
          )
          const { store } = await lineOf(stores)
          await decide(store, SPACE)
          for (const [userId, put, progress] of writes) {
            for (let n = 0; n < progress; n++) {
              pages.shift()?.()
              await pass(3)
            }
            if (put) await store.putRecords(BLOCKS, [block(userId, 'new')], 'replace')
            else await store.dropRecords(BLOCKS, [userId])
          }
          for (let n = 0; n < 20; n++) {
            pages.shift()?.()
            await pass(3)
          }
          stores[0].listRecords = list
          expect(await recordsOf(stores[1], 'blocks')).toEqual(await recordsOf(stores[0], 'blocks'))
          await store.close()
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a write that had begun before it is not undone, either', async () => {
    const { store, stores } = await troubled()
    await stores[0].putRecords(BLOCKS, [block(1)], 'replace')
    const writeOn = holdFirst(stores[0], 'get', 'blocks')
    const listOn = holdFirst(stores[0], 'scan', 'blocks')
    // The first use: the copying begins while this is on its way, and reads what is about to go.
    const dropped = store.dropRecords(BLOCKS, [1])
    await pass(50)
    writeOn()
    await dropped
    listOn()
    await pass(50)
    expect(await idsOf(stores[0], 'blocks')).toEqual([])
    expect(await idsOf(stores[1], 'blocks')).toEqual([])
  })

  test('and the first store fails, the copy stays as it is, and nobody registered is locked out', async () => {
    const stores = [new TroubledStore(), new TroubledStore()]
    await stores[0].putRecords(
      REGISTRATIONS,
      ids(1, 3_000).map((userId) => ({ userId, since: 1 })),
      'replace',
    )
    const { store, events } = await lineOf(stores)
    await decide(store, SPACE)
    await pass(1)
    await fail({ store, stores, events })
    await pass(1_000)
    const copied = await idsOf(stores[1], 'registrations')
    expect(copied.length).toBeLessThan(3_000)
    expect((await decide(store, SPACE, { registration: 'required', actor: 3_000 })).reason).toBe(undefined)
    expect((await decide(store, SPACE, { registration: 'ask', actor: 3_000 })).unasked).toBe(true)
    stores[0].trouble = undefined
    await pass(10_000)
    expect(await idsOf(stores[1], 'registrations')).toEqual(ids(1, 3_000))
  })
})

describe('a copy that is spoilt while it is made', () => {
  const RECORDS = ids(1, 2_500).map((userId) => ({ userId, since: 1 }))
  const reasonOf = async ({ store }: Line, actor: number) =>
    (await decide(store, SPACE, { registration: 'required', actor })).reason

  /** Pages of registrations arrive one by one, as the test tells them to. */
  const paged = async (options?: FailoverOptions) => {
    const line = await troubled(2, options)
    const [first, second] = line.stores
    await first.putRecords(REGISTRATIONS, RECORDS, 'replace')
    const list = first.listRecords.bind(first)
    const pages: (() => void)[] = []
    first.listRecords = async (place, page) => {
      const read = await list(place, page)
      if (place.namespace === 'registrations') await new Promise<void>((resolve) => void pages.push(resolve))
      return read
    }
    const next = async (): Promise<void> => {
      pages.shift()?.()
      await pass(10)
    }
    const swap = second.swap.bind(second)
    const writeUncopied = async (userId: number): Promise<void> => {
      second.swap = () => Promise.reject(new Error('connection reset'))
      await line.store.putRecords(REGISTRATIONS, [{ userId, since: 1 }], 'keep-since')
      second.swap = swap
    }
    await decide(line.store, SPACE)
    await pass(10)
    return { line, next, writeUncopied }
  }

  test('by a write that it did not get is not whole: nobody is locked out', async () => {
    const { line, next, writeUncopied } = await paged()
    await writeUncopied(5_000)
    for (let n = 0; n < 3; n++) await next()
    expect(await idsOf(line.stores[1], 'registrations')).toEqual(ids(1, 2_500))
    await fail(line)
    expect(await reasonOf(line, 5_000)).toBe(undefined)
    line.stores[0].trouble = undefined
    for (let n = 0; n < 20; n++) {
      await pass(500)
      await next()
    }
    expect(await idsOf(line.stores[1], 'registrations')).toEqual([...ids(1, 2_500), 5_000])
    await fail(line)
    expect(await reasonOf(line, 5_000)).toBe(undefined)
    expect(await reasonOf(line, 6_000)).toBe('unregistered')
    await line.store.close()
  })

  test('by a page that came while its store was away is not whole, though it is back at the end', async () => {
    const { line, next, writeUncopied } = await paged({ failures: 1, successes: 1, settle: '50ms' })
    await writeUncopied(5_000)
    await next()
    await pass(600)
    expect((await line.store.health()).stores?.[1]).toMatchObject({ breaker: 'closed' })
    for (let n = 0; n < 2; n++) await next()
    const copied = await idsOf(line.stores[1], 'registrations')
    expect(copied).toHaveLength(1_500)
    const missing = ids(1, 2_500).filter((id) => !copied.includes(id))
    await fail(line)
    expect(await reasonOf(line, missing[0])).toBe(undefined)
    await line.store.close()
  })

  test('again and again is made anew all the same', async () => {
    const line = await troubled(2, { failures: 1_000 })
    const { store, stores } = line
    await decide(store, SPACE)
    await pass(100)
    const swap = stores[1].swap.bind(stores[1])
    for (const id of ids(1, 8)) {
      stores[1].swap = () => Promise.reject(new Error('connection reset'))
      await store.putRecords(BLOCKS, [block(id)], 'replace')
      stores[1].swap = swap
      await pass(500)
    }
    expect(await idsOf(stores[1], 'blocks')).toEqual(expect.arrayContaining(ids(1, 5)))
    await store.close()
  })
})

test('a store that was away may have forgotten its copy: until it is made anew, nobody is locked out', async () => {
  const line = await troubled()
  await decide(line.store, SPACE)
  await pass(100)
  await fail(line)
  const registered = { registration: 'required', actor: 6 } as const
  expect((await decide(line.store, SPACE, registered)).reason).toBe('unregistered')
  line.stores[1].trouble = 'fails'
  for (let n = 0; n < 5; n++) await decide(line.store, SPACE, registered).catch(() => undefined)
  line.stores[1].trouble = undefined
  await pass(2_000)
  expect((await decide(line.store, SPACE, registered)).reason).toBe(undefined)
  line.stores[0].trouble = undefined
  await pass(10_000)
  await fail(line)
  expect((await decide(line.store, SPACE, registered)).reason).toBe('unregistered')
})

describe('too many records', () => {
  test('are said so once; of registrations, nobody counts as unregistered', async () => {
    const line = await troubled(2, { copies: { most: 2, refresh: '1m' } })
    await line.stores[0].putRecords(
      REGISTRATIONS,
      ids(1, 3).map((userId) => ({ userId, since: 1 })),
      'replace',
    )
    await decide(line.store, SPACE)
    await pass(300_000)
    expect(said(line.events)).toEqual([
      expect.stringMatching(
        /^storeError copies: TroubledStore has more than 2 registrations of test:failover/,
      ),
    ])
    await fail(line)
    expect((await decide(line.store, SPACE, { registration: 'required', actor: 9 })).reason).toBe(undefined)
  })

  test('when there are fewer again, the copy is whole', async () => {
    const line = await troubled(2, { copies: { most: 2, refresh: '1m' } })
    await line.store.putRecords(
      REGISTRATIONS,
      ids(1, 3).map((userId) => ({ userId, since: 1 })),
      'replace',
    )
    await pass(70_000)
    await line.stores[0].dropRecords(REGISTRATIONS, [1])
    await pass(70_000)
    await fail(line)
    expect((await decide(line.store, SPACE, { registration: 'required', actor: 1 })).reason).toBe(
      'unregistered',
    )
  })
})

test('a copy that cannot be made is told of, and made later', async () => {
  const first = new TroubledStore()
  const list = first.listRecords.bind(first)
  first.listRecords = () => Promise.reject(new Error('no permission to scan'))
  const { store, events } = await lineOf([first, new MemoryStore()])
  await store.putRecords(BLOCKS, [block(1)], 'replace')
  await pass(1)
  expect(said(events)).toEqual(['storeError copies: no permission to scan'])
  first.listRecords = list
  await pass(5_100)
  expect(events).toHaveLength(1)
  await store.close()
  expect(jest.getTimerCount()).toBe(0)
})

test('what another process copies there while this one compares is not deleted', async () => {
  const stores = [new TroubledStore(), new TroubledStore()]
  const [first, shared] = stores
  await first.putRecords(BLOCKS, [block(1)], 'replace')
  await shared.putRecords(BLOCKS, [block(8)], 'replace')
  const listOn = holdFirst(first, 'scan', 'blocks')
  const { store } = await lineOf(stores)
  await decide(store, SPACE)
  await pass(10)
  // This process has listed the first store by now.
  for (const one of stores) await one.putRecords(BLOCKS, [block(7)], 'replace')
  listOn()
  await pass(100)
  expect(await idsOf(shared, 'blocks')).toEqual([1, 7])
  await store.close()
})

describe('a store behind the first that restarts empty without failing a call', () => {
  const empty = async (store: TroubledStore): Promise<void> => {
    for (const place of [BLOCKS, REGISTRATIONS]) await store.dropRecords(place, ids(1, 9))
  }
  const line = async () => {
    const made = await troubled(2)
    await made.store.putRecords(BLOCKS, [block(1)], 'replace')
    await made.store.putRecords(REGISTRATIONS, [{ userId: 2, since: 1 }], 'keep-since')
    await pass(1_500)
    return made
  }

  test('has its copies again within seconds', async () => {
    const { store, stores, events } = await line()
    await empty(stores[1])
    await pass(12_000)
    expect(await idsOf(stores[1], 'blocks')).toEqual([1])
    expect(await idsOf(stores[1], 'registrations')).toEqual([2])
    expect(events).toEqual([])
    await store.close()
    expect(jest.getTimerCount()).toBe(0)
  })

  test('though there was nothing to copy at first', async () => {
    const { store, stores } = await troubled(2)
    await decide(store, SPACE)
    await pass(300)
    const records = ids(1, 2).map((userId) => ({ userId, since: 1 }))
    for (const one of records) await store.putRecords(REGISTRATIONS, [one], 'keep-since')
    await empty(stores[1])
    // What is written since then is there, and hides nothing.
    await store.putRecords(REGISTRATIONS, [{ userId: 3, since: 1 }], 'keep-since')
    await pass(12_000)
    expect(await idsOf(stores[1], 'registrations')).toEqual(ids(1, 3))
    await store.close()
  })

  test('and what is deleted, or over, is no loss', async () => {
    const { store, stores } = await line()
    const scans = jest.spyOn(stores[0], 'scan')
    await stores[0].dropRecords(BLOCKS, [1])
    await stores[1].dropRecords(BLOCKS, [1])
    await store.dropRecords(REGISTRATIONS, [2])
    await pass(60_000)
    expect(scans).not.toHaveBeenCalled()
    await store.close()
  })

  test('and as long as it is known to have lost them, nobody is locked out', async () => {
    const made = await line()
    await empty(made.stores[1])
    // It is noticed, and the first fails before they are made anew.
    await pass(10_100)
    await fail(made)
    const registered = { registration: 'required', actor: 2 } as const
    expect((await decide(made.store, SPACE, registered)).reason).toBe(undefined)
    await made.store.close()
  })

  test('one that fails to be looked at is away after a while, like any other', async () => {
    const made = await line()
    made.stores[1].trouble = 'fails'
    await pass(60_000)
    expect((await made.store.health()).stores?.[1]).toMatchObject({ breaker: 'open' })
    expect(made.events).toEqual([])
    made.stores[1].trouble = undefined
    await pass(20_000)
    expect((await made.store.health()).stores?.[1]).toMatchObject({ breaker: 'closed' })
    await made.store.close()
  })
})

test('whoever is removed while nobody can say whether they were there counts as removed', async () => {
  const stores = [new TroubledStore(), new TroubledStore()]
  stores[0].trouble = 'fails'
  const { store } = await lineOf(stores)
  for (const place of [BLOCKS, REGISTRATIONS]) {
    expect(await store.dropRecords(place, [5])).toEqual([{ userId: 5, since: expect.any(Number) as number }])
  }
  expect(await store.dropRecords(MEMBERS, [5])).toEqual([undefined])
  await store.putRecords(BLOCKS, [block(6, 'spam')], 'replace')
  expect(await store.dropRecords(BLOCKS, [6, 7])).toMatchObject([
    { userId: 6, reason: 'spam' },
    { userId: 7 },
  ])
  // Once the copies are whole, it is known.
  stores[0].trouble = undefined
  await pass(5_000)
  expect(await store.dropRecords(BLOCKS, [5])).toEqual([undefined])
  await fail({ store, stores, events: [] })
  expect(await store.dropRecords(BLOCKS, [5])).toEqual([undefined])
  expect(await store.dropRecords(REGISTRATIONS, [5])).toEqual([undefined])
  await store.close()
})

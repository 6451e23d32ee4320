import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { MemoryStore, type StorageAdapter } from 'telegraf-sentinel'
import { SentinelUsageError } from '../../lib/errors'
import { Blocks, Registrations, type RecordChange } from '../../lib/stores/records'
import type { RecordPlace, UserNamespace, UserRecordOf } from '../../lib/stores/user-record'
import { START } from '../../lib/testing/contract/requests'
import { FileStore } from '../../samples/own-store/file-store'
import { guarded, stopAll } from '../support/guarded'
import { heapUsed } from '../support/heap'
import { MapStore } from '../support/map-store'
import { NativeStore } from '../support/native-store'

afterEach(stopAll)

const SPACE = 'test:bulk'
const now = (): number => START

/** A source of ids that tells how far it was read, and whether it was told to end. */
class Source {
  pulled = 0
  ended = false

  constructor(
    private readonly count: number,
    private readonly odd: ReadonlyMap<number, () => unknown> = new Map(),
  ) {}

  async *ids(): AsyncGenerator<number> {
    try {
      for (let id = 1; id <= this.count; id++) {
        this.pulled++
        const odd = this.odd.get(id)
        yield odd === undefined ? id : (odd() as number)
      }
    } finally {
      this.ended = true
    }
  }
}

/** Counts the calls, and holds them back until the test lets them go. */
class Gated extends MapStore {
  readonly sizes: number[] = []
  gate: Promise<unknown> = Promise.resolve()

  override async putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    ...rest: ['replace' | 'keep-since' | 'later']
  ) {
    this.sizes.push(records.length)
    await this.gate
    return super.putRecords(place, records, ...rest)
  }

  override async dropRecords<N extends UserNamespace>(place: RecordPlace<N>, userIds: readonly number[]) {
    this.sizes.push(userIds.length)
    return super.dropRecords(place, userIds)
  }
}

async function idsIn(records: Blocks | Registrations, limit: number): Promise<number[]> {
  const ids: number[] = []
  let cursor: string | undefined
  do {
    const page: { entries: { userId: number }[]; cursor?: string } = await records.list({ limit, cursor })
    ids.push(...page.entries.map(({ userId }) => userId))
    cursor = page.cursor
  } while (cursor !== undefined)
  return ids.sort((a, b) => a - b)
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

describe.each<[string, () => StorageAdapter]>([
  ['MemoryStore', () => new MemoryStore()],
  ['a four-primitive store', () => new MapStore()],
])('ten thousand on %s', (_name, makeStore) => {
  test('registrations come from an async source, are listed and go again', async () => {
    const registrations = new Registrations(makeStore(), SPACE, now)
    const done: number[] = []
    const added = await registrations.addMany(new Source(10_000).ids(), { onProgress: (n) => done.push(n) })
    expect([added, done]).toEqual([10_000, upTo(10).map((n) => n * 1_000)])
    expect(await idsIn(registrations, 777)).toEqual(upTo(10_000))
    const gone = new Set(upTo(10_500).filter((id) => id % 2 === 0))
    done.length = 0
    expect(await registrations.removeMany(gone, { onProgress: (n) => done.push(n) })).toBe(5_000)
    expect(done).toEqual([1_000, 2_000, 3_000, 4_000, 5_000, 5_250])
    expect(await idsIn(registrations, 1_000)).toEqual(upTo(10_000).filter((id) => id % 2 === 1))
  })

  test('blocks have options of their own', async () => {
    let time = START
    const blocks = new Blocks(makeStore(), SPACE, () => time)
    const items = upTo(10_000).map((id) =>
      id % 2 === 0 ? id : { userId: id, for: '1h', reason: `r${id}`, by: 'ann' },
    )
    expect(await blocks.addMany(items)).toBe(10_000)
    expect(await blocks.get(2)).toEqual({ userId: 2, since: START })
    const odd = { userId: 4_001, reason: 'r4001', by: 'ann', since: START, until: START + 3_600_000 }
    expect(await blocks.get(4_001)).toEqual(odd)
    time += 3_600_000
    expect(await idsIn(blocks, 999)).toEqual(upTo(10_000).filter((id) => id % 2 === 0))
    // Those that are over are gone, but were none any more.
    expect(await blocks.removeMany(upTo(10_000))).toBe(5_000)
    expect(await blocks.list()).toEqual({ entries: [] })
  })
})

describe('one after another', () => {
  test('a user that comes twice is added twice: the last word stands, the first date stays', async () => {
    const told: RecordChange[] = []
    const store = new Gated()
    const options = { changed: (change: RecordChange) => void told.push(change) }
    await new Registrations(store, SPACE, () => START - 5).add(7)
    const registrations = new Registrations(store, SPACE, now, options)
    const items = [{ userId: 7, profile: 'a' }, 8, { userId: 7, profile: 'b' }, { userId: 8, profile: 'c' }]
    expect(await registrations.addMany(items)).toBe(4)
    expect(store.sizes).toEqual([1, 2])
    expect(await registrations.get(7)).toEqual({ userId: 7, profile: 'b', since: START - 5 })
    expect(told).toEqual([
      { type: 'registrationAdded', record: { userId: 7, profile: 'a', since: START - 5 } },
      { type: 'registrationAdded', record: { userId: 8, since: START } },
      { type: 'registrationAdded', record: { userId: 7, profile: 'b', since: START - 5 } },
      { type: 'registrationAdded', record: { userId: 8, profile: 'c', since: START } },
    ])
    told.length = 0
    expect(await registrations.removeMany([7, 9, 7])).toBe(1)
    expect(store.sizes).toEqual([1, 2, 2])
    expect(told).toEqual([
      { type: 'registrationRemoved', record: { userId: 7, profile: 'b', since: START - 5 } },
    ])
  })

  test('what a caller does to a profile later changes nothing', async () => {
    const registrations = new Registrations(new MapStore(), SPACE, now)
    const profile = { plan: 'free' }
    function* items() {
      yield { userId: 1, profile }
      profile.plan = 'pro'
      yield { userId: 2, profile }
    }
    await registrations.addMany(items())
    profile.plan = 'gold'
    expect((await registrations.get(2))?.profile).toEqual({ plan: 'pro' })
  })

  test('each is an event of the sentinel, which connects at the first use', async () => {
    const { sentinel, events } = await guarded({ store: new MapStore() })
    await sentinel.blocks.addMany([1, 2])
    await sentinel.blocks.removeMany([2, 3])
    await sentinel.registrations.addMany([{ userId: 4, profile: {} }])
    await sentinel.registrations.removeMany([4])
    expect(events).toMatchObject([
      { type: 'blockAdded', block: { userId: 1 } },
      { type: 'blockAdded', block: { userId: 2 } },
      { type: 'blockRemoved', block: { userId: 2 } },
      { type: 'registrationAdded', registration: { userId: 4 } },
      { type: 'registrationRemoved', registration: { userId: 4 } },
    ])
    await sentinel.close()
    await expect(sentinel.blocks.addMany([1])).rejects.toMatchObject({ code: 'SENTINEL_STORE' })
  })

  test('a sentinel uses what its store has for records of its own', async () => {
    // A native store: its records are not where its primitives are.
    const { sentinel } = await guarded({ store: new NativeStore() })
    await sentinel.registrations.addMany([1, 2, 3])
    await sentinel.registrations.removeMany([2])
    expect(await idsIn(sentinel.registrations, 1)).toEqual([1, 3])
    expect([await sentinel.registrations.get(2), (await sentinel.registrations.get(3))?.userId]).toEqual([
      undefined,
      3,
    ])
  })

  test('nothing is nothing', async () => {
    const store = new Gated()
    const onProgress = jest.fn()
    expect(await new Blocks(store, SPACE, now).addMany([], { onProgress })).toBe(0)
    expect([store.sizes, onProgress.mock.calls]).toEqual([[], []])
  })
})

describe('back-pressure', () => {
  test('a source is not read ahead of a slow store', async () => {
    const store = new Gated()
    let open = (): void => undefined
    store.gate = new Promise<void>((resolve) => (open = resolve))
    const source = new Source(5_000)
    const adding = new Registrations(store, SPACE, now).addMany(source.ids())
    for (let n = 0; n < 20; n++) await turn()
    expect(store.sizes).toEqual([1_000])
    expect(source.pulled).toBeLessThanOrEqual(2_000)
    open()
    expect(await adding).toBe(5_000)
    expect(store.sizes).toEqual([1_000, 1_000, 1_000, 1_000, 1_000])
  })

  test('everything else in the process goes on', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await new Registrations(new MemoryStore(), SPACE, now).addMany(upTo(20_000))
    clearInterval(timer)
    expect(turns).toBeGreaterThan(10)
  })

  test('a million are added in constant memory', async () => {
    class Sink extends MapStore {
      override async putRecords<N extends UserNamespace>(
        _place: RecordPlace<N>,
        records: readonly UserRecordOf[N][],
      ) {
        return [...records]
      }
    }
    const registrations = new Registrations(new Sink(), SPACE, now)
    const used: number[] = []
    const added = await registrations.addMany(new Source(1_000_000).ids(), {
      onProgress: (done) => {
        if (done % 100_000 === 0) used.push(heapUsed())
      },
    })
    expect(added).toBe(1_000_000)
    // Nine hundred thousand records would be at least five times as much.
    expect(Math.max(...used) - used[0]).toBeLessThan(10_000_000)
  })

  test('two hundred thousand are listed in constant memory', async () => {
    const registrations = new Registrations(new MemoryStore(), SPACE, now)
    await registrations.addMany(new Source(200_000).ids())
    const before = heapUsed()
    let [count, most, pages] = [0, 0, 0]
    let cursor: string | undefined
    do {
      const page: { entries: unknown[]; cursor?: string } = await registrations.list({ limit: 1_000, cursor })
      count += page.entries.length
      cursor = page.cursor
      if (++pages % 20 === 0) most = Math.max(most, heapUsed())
    } while (cursor !== undefined)
    expect([count, pages]).toEqual([200_000, 200])
    // The list as a whole would be at least twice as much.
    expect(most - before).toBeLessThan(8_000_000)
  })
})

describe('what is wrong', () => {
  const wrong: [string, unknown, RegExp][] = [
    ['a text', '1500', /items\[1499\]: userId must be .* the text '1500'/],
    ['no user', { reason: 'x' }, /items\[1499\]: userId must be .* not undefined/],
    ['null', null, /items\[1499\]: userId .* not null/],
    ['a duration', { userId: 5, for: 'soon' }, /items\[1499\]: for must be .* not soon/],
    ['a reason', { userId: 5, reason: 5 }, /items\[1499\]: reason must be a text/],
    ['a name', { userId: 5, fro: '1h' }, /items\[1499\]: a block has no option 'fro'; did you mean 'for'/],
  ]

  test.each(wrong)(
    'an item that is %s: its place is named, whole thousands stay',
    async (_what, item, said) => {
      const blocks = new Blocks(new MapStore(), SPACE, now)
      const source = new Source(9_000, new Map([[1_500, () => item]]))
      const failed = blocks.addMany(source.ids())
      await expect(failed).rejects.toThrow(SentinelUsageError)
      await expect(failed).rejects.toThrow(said)
      await expect(failed).rejects.toThrow('the 1000 items before items[1000] are done')
      expect([source.ended, source.pulled]).toEqual([true, 2_000])
      expect(await idsIn(blocks, 500)).toEqual(upTo(1_000))
    },
  )

  test('an item of registrations', async () => {
    const registrations = new Registrations(new MapStore(), SPACE, now)
    const add = (item: unknown) => registrations.addMany([1, item as number])
    await expect(add({ userId: 2, profile: { at: new Date() } })).rejects.toThrow(
      /items\[1\]: .* JSON: at is/,
    )
    await expect(add({ userId: 2, profil: {} })).rejects.toThrow(/items\[1\]: .*did you mean 'profile'/)
    await expect(registrations.removeMany([1, 2.5])).rejects.toThrow(/items\[1\]: userId .* not 2.5/)
    expect(await registrations.list()).toEqual({ entries: [] })
  })

  test.each([
    ['a text', '123'],
    ['a number', 5],
    ['nothing', undefined],
    ['null', null],
    ['an object', {}],
  ])('%s is no list', async (_what, items) => {
    const add = new Blocks(new MapStore(), SPACE, now).addMany(items as never)
    await expect(add).rejects.toThrow(/items must be an array, or another iterable/)
    await expect(add).rejects.toThrow(SentinelUsageError)
  })

  test('an option', async () => {
    const blocks = new Blocks(new MapStore(), SPACE, now)
    await expect(blocks.addMany([1], { onprogress: () => 1 } as never)).rejects.toThrow(
      "no option 'onprogress'; did you mean 'onProgress'?",
    )
    await expect(blocks.removeMany([1], { onProgress: 5 } as never)).rejects.toThrow(/must be a function/)
    expect(await blocks.list()).toEqual({ entries: [] })
  })

  test('an error of the source passes through; the thousands before it stay', async () => {
    const error = new Error('the file ends here')
    const fail = (): never => {
      throw error
    }
    const blocks = new Blocks(new MapStore(), SPACE, now)
    await expect(blocks.addMany(new Source(9_000, new Map([[1_500, fail]])).ids())).rejects.toBe(error)
    expect(await idsIn(blocks, 1_000)).toEqual(upTo(1_000))
  })

  test.each<[string, (blocks: Blocks, store: Gated, source: Source) => Promise<unknown>]>([
    [
      'the store',
      (blocks, store, source) => {
        store.gate = Promise.reject(new Error('no'))
        return blocks.addMany(source.ids())
      },
    ],
    [
      'onProgress',
      (blocks, _store, source) =>
        blocks.addMany(source.ids(), {
          onProgress: () => {
            throw new Error('no')
          },
        }),
    ],
  ])('a failure of %s passes through, and the source is told to end', async (_what, add) => {
    const store = new Gated()
    const source = new Source(9_000)
    await expect(add(new Blocks(store, SPACE, now), store, source)).rejects.toThrow('no')
    expect([source.ended, source.pulled]).toEqual([true, 1_000])
  })
})

test('two processes add to one file at once: all are there', async () => {
  const root = mkdtempSync(join(tmpdir(), 'bulk-'))
  const folder = join(root, 'store')
  const start = (from: number, to: number) =>
    fork(resolve(__dirname, '../support/bulk-worker.ts'), [folder, String(from), String(to)], {
      execArgv: ['-r', 'ts-node/register/transpile-only', '-r', resolve(__dirname, '../support/self.js')],
    })
  const codes = await Promise.all([start(1, 200), start(101, 300)].map((child) => once(child, 'exit')))
  expect(codes.map(([code]) => code)).toEqual([0, 0])
  const store = new FileStore(folder)
  await store.connect()
  expect(await idsIn(new Registrations(store, SPACE, now), 64)).toEqual(upTo(300))
  rmSync(root, { recursive: true })
})

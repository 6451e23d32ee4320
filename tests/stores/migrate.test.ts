import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  MemoryStore,
  migrateStore,
  SentinelOptionsError,
  type MigrateProgress,
  type StorageAdapter,
} from 'telegraf-sentinel'
import { Blocks, Members, Registrations } from '../../lib/stores/records'
import type { RecordPlace, UserNamespace, UserRecordOf } from '../../lib/stores/user-record'
import { START } from '../../lib/testing/contract/requests'
import { FileStore } from '../../samples/own-store/file-store'
import { MapStore } from '../support/map-store'

const MAIN = 'sentinel:main'
const NAMESPACES = ['blocks', 'registrations', 'members'] as const
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

/** A store with a clock, that can be used only when it is connected. */
class Guarded extends MapStore {
  connects = 0
  closes = 0
  time = START

  override async connect(): Promise<void> {
    this.connects++
  }

  override async close(): Promise<void> {
    this.closes++
  }

  override now(): number {
    if (this.connects === 0) throw new Error('not connected')
    return this.time
  }
}

/** Blocks 1 … 25 (every fifth not for ever), registrations 1 … 250, members 1 … 30. */
async function fill(store: StorageAdapter, space = MAIN, length = '100y'): Promise<void> {
  const now = (): number => START
  await new Blocks(store, space, now).addMany(
    upTo(25).map((userId) => ({ userId, reason: `r${userId}`, ...(userId % 5 === 0 && { for: length }) })),
  )
  await new Registrations(store, space, now).addMany(
    upTo(250).map((userId) => ({ userId, profile: { userId } })),
  )
  const members = new Members(store, space, now)
  for (const id of upTo(30)) await members.record(id, id % 2 === 0, START + id, id)
}

/** All records of a space, by user id. */
async function contentOf(store: StorageAdapter, space = MAIN) {
  const all = async <N extends UserNamespace>(namespace: N) => {
    const records: UserRecordOf[N][] = []
    let cursor: string | undefined
    do {
      const page = await store.listRecords({ space, namespace }, { cursor, limit: 100 })
      records.push(...page.records)
      cursor = page.cursor
    } while (cursor !== undefined)
    return records.sort((a, b) => a.userId - b.userId)
  }
  return {
    blocks: await all('blocks'),
    registrations: await all('registrations'),
    members: await all('members'),
  }
}

describe('a migration', () => {
  test.each<[string, () => StorageAdapter, () => StorageAdapter]>([
    ['MapStore', () => new Guarded(), () => new Guarded()],
    ['MemoryStore', () => new Guarded(), () => new MemoryStore()],
  ])('brings all that lasts to a %s, again and again', async (_name, makeFrom, makeTo) => {
    const [from, to] = [makeFrom(), makeTo()]
    await fill(from)
    const counts = { blocks: 25, registrations: 250, members: 30 }
    expect(await migrateStore(from, to)).toEqual(counts)
    const content = await contentOf(from)
    expect(await contentOf(to)).toEqual(content)
    expect(await migrateStore(from, to, { page: 7 })).toEqual(counts)
    expect(await contentOf(to)).toEqual(content)
    expect(content.members[4]).toEqual({ userId: 5, reachable: false, since: START + 5, updateId: 5 })
  })

  test('connects both stores and closes neither', async () => {
    const [from, to] = [new Guarded(), new Guarded()]
    expect(await migrateStore(from, to)).toEqual({ blocks: 0, registrations: 0, members: 0 })
    expect([from, to].map(({ connects, closes }) => [connects, closes])).toEqual([
      [1, 0],
      [1, 0],
    ])
  })

  test('leaves out blocks that are over by the source’s clock', async () => {
    const [from, to] = [new Guarded(), new Guarded()]
    await fill(from, MAIN, '1m')
    from.time = START + 60_000
    const progress: MigrateProgress[] = []
    const counts = await migrateStore(from, to, { count: true, onProgress: (p) => progress.push(p) })
    expect(counts.blocks).toBe(20)
    expect(progress[0]).toMatchObject({ namespace: 'blocks', copied: 20, total: 20 })
    expect((await contentOf(to)).blocks.map(({ userId }) => userId)).toEqual(
      upTo(25).filter((id) => id % 5 > 0),
    )
  })

  test('leaves what is later in the target', async () => {
    const [from, to] = [new MapStore(), new MapStore()]
    await fill(from)
    await new Blocks(to, MAIN, () => START + 1).add(1, { reason: 'later' })
    await new Blocks(to, MAIN, () => START - 1).add(2, { reason: 'earlier' })
    await new Registrations(to, MAIN, () => START + 1).add(3)
    await new Members(to, MAIN, () => START).record(4, false, START + 4, 5)
    await new Blocks(to, MAIN, () => START).add(99)
    await migrateStore(from, to)
    const found = await contentOf(to)
    expect(found.blocks[0]).toEqual({ userId: 1, reason: 'later', since: START + 1 })
    expect(found.blocks[1]).toEqual({ userId: 2, reason: 'r2', since: START })
    expect(found.blocks.at(-1)).toEqual({ userId: 99, since: START })
    expect(found.registrations[2]).toEqual({ userId: 3, since: START + 1 })
    expect(found.members[3]).toEqual({ userId: 4, reachable: false, since: START + 4, updateId: 5 })
  })

  test('goes to another prefix and bot, and touches no other', async () => {
    const store = new MapStore()
    await fill(store, 'p:old')
    await fill(store)
    const counts = await migrateStore(store, store, { prefix: 'p', bot: 'old', toPrefix: 'q:', toBot: 'new' })
    expect(counts.registrations).toBe(250)
    expect(await contentOf(store, 'q%003a:new')).toEqual(await contentOf(store, 'p:old'))
    const bot = await migrateStore(store, new MapStore(), { bot: 'old' })
    expect(bot).toEqual({ blocks: 0, registrations: 0, members: 0 })
  })

  test('tells how far it is after each page', async () => {
    const from = new MapStore()
    await fill(from)
    const progress: MigrateProgress[] = []
    const onProgress = (made: MigrateProgress) => void progress.push(made)
    await migrateStore(from, new MapStore(), { page: 100, count: true, onProgress })
    expect(progress.map(({ namespace, copied, total }) => [namespace, copied, total])).toEqual([
      ['blocks', 25, 25],
      ['registrations', 100, 250],
      ['registrations', 200, 250],
      ['registrations', 250, 250],
      ['members', 30, 30],
    ])
    progress.length = 0
    await migrateStore(from, new MapStore(), { onProgress })
    expect(progress[0]).toEqual({ namespace: 'blocks', copied: 25, token: expect.any(String) })
  })

  test('meets a target that is written to at the same time', async () => {
    const [from, to] = [new MapStore(), new MapStore()]
    await fill(from)
    const later = new Registrations(to, MAIN, () => START + 9)
    let writes = Promise.resolve<unknown>(undefined)
    await migrateStore(from, to, {
      page: 10,
      onProgress: ({ namespace, copied }) => {
        if (namespace !== 'registrations') return
        // Users that are copied already, that are next, and that come last.
        for (const id of [copied - 5, copied + 1, 251 - copied]) {
          writes = Promise.all([writes, later.add(id, 'live')])
        }
      },
    })
    await writes
    for (const { userId, profile, since } of (await contentOf(to)).registrations) {
      const live = profile === 'live'
      expect([live ? 'live' : profile, since <= START + 9]).toEqual([live ? 'live' : { userId }, true])
    }
    expect(await later.get(5)).toMatchObject({ profile: 'live' })
    expect((await contentOf(to)).registrations.filter(({ userId }) => userId <= 250)).toHaveLength(250)
    const content = await contentOf(to)
    await migrateStore(from, to)
    expect(await contentOf(to)).toEqual(content)
  })
})

describe('an interrupted migration', () => {
  /** Copies until some pages are done; the last token. */
  async function interrupted(from: StorageAdapter, to: StorageAdapter, pages: number): Promise<string> {
    let token = ''
    let left = pages
    const copying = migrateStore(from, to, {
      page: 20,
      onProgress: (progress) => {
        token = progress.token
        if (--left === 0) throw new Error('killed')
      },
    })
    await expect(copying).rejects.toThrow('killed')
    return token
  }

  test.each([1, 2, 3, 8, 15, 17])('after %i pages goes on from there', async (pages) => {
    const [from, to] = [new MapStore(), new MapStore()]
    await fill(from)
    const resumeFrom = await interrupted(from, to, pages)
    const before = { ...to.calls }
    expect(await migrateStore(from, to, { resumeFrom, page: 20 })).toEqual({
      blocks: 25,
      registrations: 250,
      members: 30,
    })
    expect(await contentOf(to)).toEqual(await contentOf(from))
    // Each record is written once.
    expect(to.calls.swap).toBe(305)
    expect(before.swap).toBeLessThanOrEqual(305)
  })

  test('goes on where the token says, whatever it is called', async () => {
    const [from, to] = [new MapStore(), new MapStore()]
    await fill(from)
    const resumeFrom = await interrupted(from, to, 3)
    await expect(migrateStore(from, to, { resumeFrom, toBot: 'other' })).rejects.toThrow(
      'resumeFrom: belongs to another migration, from sentinel:main to sentinel:main, not from sentinel:main to sentinel:other',
    )
    for (const nonsense of ['x', 'e30', Buffer.from('{"counts":').toString('base64url')]) {
      await expect(migrateStore(from, to, { resumeFrom: nonsense })).rejects.toThrow(
        'resumeFrom: must be the token of a progress report',
      )
    }
  })

  test('stops behind the page at a signal', async () => {
    const [from, to] = [new MapStore(), new MapStore()]
    await fill(from)
    const controller = new AbortController()
    const reason = new Error('enough')
    const progress: MigrateProgress[] = []
    const onProgress = (made: MigrateProgress) => {
      progress.push(made)
      if (progress.length === 3) controller.abort(reason)
    }
    const copying = migrateStore(from, to, { page: 20, signal: controller.signal, onProgress })
    await expect(copying).rejects.toBe(reason)
    expect(progress).toHaveLength(3)
    const resumed = await migrateStore(from, to, { resumeFrom: progress[2].token })
    expect(resumed).toEqual({ blocks: 25, registrations: 250, members: 30 })
    expect(to.calls.swap).toBe(305)
  })

  test('that a store fails at rejects with its error, and is done by the next run', async () => {
    const from = new MapStore()
    await fill(from)
    class Failing extends MapStore {
      left = 4
      override async putRecords<N extends UserNamespace>(
        place: RecordPlace<N>,
        records: readonly UserRecordOf[N][],
        ...rest: ['replace' | 'keep-since' | 'later']
      ) {
        if (--this.left === 0) throw new Error('the disk is full')
        return super.putRecords(place, records, ...rest)
      }
    }
    const to = new Failing()
    await expect(migrateStore(from, to, { page: 10 })).rejects.toThrow('the disk is full')
    expect(await migrateStore(from, to)).toEqual({ blocks: 25, registrations: 250, members: 30 })
    expect(await contentOf(to)).toEqual(await contentOf(from))
  })
})

test('a process killed halfway loses nothing, however often', async () => {
  const root = mkdtempSync(join(tmpdir(), 'migrate-'))
  const [source, target] = [join(root, 'from'), join(root, 'to')]
  const [from, to] = [new FileStore(source), new FileStore(target)]
  await from.connect()
  await fill(from)
  const worker = resolve(__dirname, '../support/migrate-worker.ts')
  const execArgv = ['-r', 'ts-node/register/transpile-only', '-r', resolve(__dirname, '../support/self.js')]
  let token = ''
  const run = async (pages: number) => {
    const child = fork(worker, [source, target, token], { execArgv })
    let left = pages
    let counts: unknown
    child.on('message', (said: { token?: string; counts?: unknown }) => {
      if (said.token !== undefined) token = said.token
      counts = said.counts
      if (--left === 0) child.kill('SIGKILL')
    })
    const [code, signal] = await once(child, 'exit')
    return { code, signal, counts }
  }
  for (const pages of [2, 3]) expect(await run(pages)).toMatchObject({ code: null, signal: 'SIGKILL' })
  const { code, counts } = await run(Infinity)
  expect([code, counts]).toEqual([0, { blocks: 25, registrations: 250, members: 30 }])
  expect(await contentOf(to)).toEqual(await contentOf(from))
  rmSync(root, { recursive: true })
})

describe('what is wrong', () => {
  test.each<[string, unknown, unknown, unknown, RegExp]>([
    [
      'no stores',
      'redis://a:b@c',
      undefined,
      {},
      /from: must be a store .*'redis:\/\/…@c'\nto: must be a store/,
    ],
    [
      'a name',
      new MapStore(),
      new MapStore(),
      { prefx: 'x' },
      /prefx: is not an option; did you mean 'prefix'/,
    ],
    ['a page', new MapStore(), new MapStore(), { page: 0 }, /page: must be a positive integer, not 0/],
    ['a bot', new MapStore(), new MapStore(), { bot: '' }, /bot: must be a non-empty string/],
    ['a signal', new MapStore(), new MapStore(), { signal: true }, /signal: must be an AbortSignal/],
    [
      'a callback',
      new MapStore(),
      new MapStore(),
      { onProgress: 1, count: 1 },
      /onProgress: .*\ncount: must be true/,
    ],
  ])('%s', async (_what, from, to, options, said) => {
    const failed = migrateStore(from as never, to as never, options as never)
    await expect(failed).rejects.toThrow(SentinelOptionsError)
    await expect(failed).rejects.toThrow(said)
  })

  test('namespaces are all there are', async () => {
    expect(Object.keys(await migrateStore(new MapStore(), new MapStore())).sort()).toEqual(
      [...NAMESPACES].sort(),
    )
  })
})

import { join } from 'node:path'
import { createSentinel, type StorageAdapter } from 'telegraf-sentinel'
import { openStore } from '../../lib/stores/open'
import type { RecordPlace, UserNamespace, UserRecordOf } from '../../lib/stores/user-record'
import { startPostgres, type PostgresServer } from '../support/servers/postgres'
import { startRedis, type RedisServer } from '../support/servers/redis'
import { Folder } from './shell'

jest.setTimeout(120_000)

const SPACE = 'sentinel:main'
const USERS = 4_200

let redis: RedisServer
let postgres: PostgresServer
const folder = new Folder()

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([startRedis(), startPostgres()])
})
afterAll(async () => {
  folder.remove()
  await Promise.all([redis.stop(), postgres.stop()])
})

/** What a URL's store holds. */
async function contentOf(url: string) {
  const store = openStore(url, { timeout: 30_000 })
  await store.connect()
  const content = {
    blocks: await allOf(store, { space: SPACE, namespace: 'blocks' }),
    registrations: await allOf(store, { space: SPACE, namespace: 'registrations' }),
    members: await allOf(store, { space: SPACE, namespace: 'members' }),
  }
  await store.close()
  return content
}

async function allOf<N extends UserNamespace>(store: StorageAdapter, place: RecordPlace<N>) {
  const found: UserRecordOf[N][] = []
  let cursor: string | undefined
  do {
    const page = await store.listRecords(place, { cursor, limit: 1_000 })
    found.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return found.sort((a, b) => a.userId - b.userId)
}

/** Fills the store by way of the sentinel, as a bot would. */
async function fill(url: string): Promise<void> {
  const sentinel = createSentinel({ store: url, storeTimeout: '30s' })
  const ids = Array.from({ length: USERS }, (_, i) => i + 1)
  expect(
    await sentinel.registrations.addMany(
      ids.map((userId) => ({ userId, profile: { name: `\u0000 💥 \ud800 '${userId}` } })),
    ),
  ).toBe(USERS)
  const blocks = [-1_001_234_567_890, { userId: 2 ** 52, for: '1h', reason: "it's \u0000", by: '"ann"' }]
  expect(await sentinel.blocks.addMany(blocks)).toBe(2)
  await sentinel.members.record(5, false, 1_700_000_000_000, 12)
  await sentinel.close()
}

test('from Redis to PostgreSQL, killed on the way, then on to PGlite, and back to Redis', async () => {
  await fill(redis.url)
  const content = await contentOf(redis.url)
  expect([content.registrations.length, content.blocks.length, content.members.length]).toEqual([USERS, 2, 1])

  const toPostgres = ['migrate', '--from', redis.url, '--to', postgres.url]
  const killed = await folder.run(toPostgres, folder.signalAfter(3, 'SIGKILL'))
  expect(killed).toMatchObject({ signal: 'SIGKILL' })
  expect((await contentOf(postgres.url)).registrations).toHaveLength(2_000)
  const resumed = await folder.run(toPostgres)
  expect(resumed).toMatchObject({ code: 0, err: '' })
  expect(resumed.out).toContain('2 blocks, 4,200 registrations and 1 members')
  expect(resumed.out + resumed.err).not.toContain(postgres.password)
  expect(await contentOf(postgres.url)).toEqual(content)

  const pglite = `pglite:${join(folder.path, 'data')}`
  expect(await folder.run(['migrate', '--from', postgres.url, '--to', pglite])).toMatchObject({
    code: 0,
    err: '',
  })
  expect(await contentOf(pglite)).toEqual(content)

  await redis.admin('FLUSHALL')
  expect(await folder.run(['migrate', '--from', pglite, '--to', redis.url])).toMatchObject({
    code: 0,
    err: '',
  })
  expect(await contentOf(redis.url)).toEqual(content)
})

test('a server that is not there, a wrong password: what it is, and no stack', async () => {
  const args = (to: string) => ['migrate', '--from', 'redis://:hunter2@127.0.0.1:1', '--to', to]
  const wrong = postgres.urlFor({ password: 'hunter2' })
  const [gone, refused] = await Promise.all([
    folder.run(args(postgres.url)),
    folder.run(['migrate', '--from', redis.url, '--to', wrong]),
  ])
  for (const { code, out, err } of [gone, refused]) {
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^telegraf-sentinel: .+\n$/)
    expect(err).not.toMatch(/hunter2|\n {4}at /)
  }
  expect(gone.err).toContain('127.0.0.1:1')
  expect(refused.err).toMatch(/password/)
})

/** Stores on this run's clients: decisions, records, lists, what processes tell each other, and lost connections. */
import 'reflect-metadata'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, createClientPool, createCluster, createSentinel as createRedisSentinel } from 'redis'
import pg from 'pg'
import { createSentinel, layered, type Sentinel, type StorageAdapter } from 'telegraf-sentinel'
import { PostgresStore } from 'telegraf-sentinel/postgres'
import { RedisStore, type RedisLike } from 'telegraf-sentinel/redis'
import { startPostgres, type PostgresServer } from '../support/servers/postgres'
import { startRedis, startRedisCluster, startRedisSentinel } from '../support/servers/redis'
import type { RedisCluster, RedisSentinels, RedisServer } from '../support/servers/redis'
import { cleanUp, DELIVERIES, guarded } from './driven'
import { versions } from './loaded'

jest.setTimeout(60_000)

/** Longer than a busy machine needs. */
const AMPLE = '20s'

let redis: RedisServer
let postgres: PostgresServer
let cluster: RedisCluster | undefined
let sentinels: RedisSentinels | undefined
/** The other runs' clients are these, or those of tests/stores/redis. */
const hasCluster = versions.telegraf === '4.16' && versions.redis === '5'
beforeAll(async () => {
  ;[redis, postgres, cluster, sentinels] = await Promise.all([
    startRedis(),
    startPostgres(),
    hasCluster ? startRedisCluster() : undefined,
    hasCluster ? startRedisSentinel() : undefined,
  ])
})
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await cleanUp()
  for (const close of closing.splice(0).reverse()) await close()
})
afterAll(() => Promise.all([redis, postgres, cluster, sentinels].map((server) => server?.stop())))

const KINDS: readonly (readonly [name: string, make: () => StorageAdapter])[] = [
  ['a Redis URL', () => new RedisStore(redis.url, { timeout: AMPLE })],
  ['createClient', () => new RedisStore(createClient({ url: redis.url }), { timeout: AMPLE })],
  ['createClientPool', () => new RedisStore(createClientPool({ url: redis.url }), { timeout: AMPLE })],
  ['a PostgreSQL URL', () => new PostgresStore(postgres.url, { timeout: AMPLE })],
  ['a Pool of pg', () => new PostgresStore(poolOfPg(), { timeout: AMPLE })],
  ...(hasCluster
    ? [['createCluster', () => new RedisStore(clusterClient(), { timeout: AMPLE })] as const]
    : []),
]

function clusterClient(): RedisLike {
  return createCluster({ rootNodes: [...(cluster?.rootNodes ?? [])] })
}

function poolOfPg(): pg.Pool {
  const pool = new pg.Pool({ connectionString: postgres.url })
  closing.push(() => pool.end())
  return pool
}

let runs = 0

/** A sentinel with records of its own. */
function sentinelOn(store: StorageAdapter, prefix = `interop${++runs}`): Sentinel {
  const limit = { name: 'hits', limit: 3, window: '1h' } as const
  const sentinel = createSentinel({ store, prefix, storeTimeout: AMPLE, rateLimit: limit })
  closing.push(async () => {
    await sentinel.close()
    await store.close()
  })
  return sentinel
}

describe.each(KINDS)('with %s', (_name, make) => {
  test('a limit holds for all who share it, whatever the first ones to connect do', async () => {
    const prefix = `interop${++runs}`
    const sentinels = [sentinelOn(make(), prefix), sentinelOn(make(), prefix)]
    const asked = Array.from({ length: 20 }, (_, i) => sentinels[i % 2].limits.consume('hits', { userId: 7 }))
    const allowed = (await Promise.all(asked)).filter((verdict) => verdict.allowed)
    expect(allowed).toHaveLength(3)
    expect(await sentinels[0].limits.peek('hits', { userId: 7 })).toMatchObject({ limit: 3, remaining: 0 })
    await sentinels[1].limits.reset('hits', { userId: 7 })
    expect(await sentinels[0].limits.peek('hits', { userId: 7 })).toMatchObject({ remaining: 3 })
  })

  test('first calls that come all at once wait for the connection', async () => {
    const store = make()
    closing.push(() => store.close())
    const keys = Array.from({ length: 30 }, (_, i) => `sentinel:interop:own:first:${i}`)
    expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual(keys.map(() => undefined))
  })

  test('records are kept and listed page by page', async () => {
    const { blocks, registrations } = sentinelOn(make())
    const ids = Array.from({ length: 25 }, (_, i) => 100 + i)
    await Promise.all(ids.map((id) => blocks.add(id, { for: '1h', reason: `reason ${id}` })))
    await registrations.add(7, { name: 'Ann', tags: ['a', 'é', '🔥'] })
    expect(await registrations.get(7)).toMatchObject({
      userId: 7,
      profile: { name: 'Ann', tags: ['a', 'é', '🔥'] },
    })
    expect(await blocks.get(101)).toMatchObject({ userId: 101, reason: 'reason 101' })
    await blocks.remove(101)
    const listed: number[] = []
    let cursor: string | undefined
    do {
      const page = await blocks.list({ limit: 7, cursor })
      listed.push(...page.entries.map(({ userId }) => userId))
      ;({ cursor } = page)
    } while (cursor !== undefined)
    expect(listed.sort()).toEqual(ids.filter((id) => id !== 101))
  })

  test('what one process writes another one, behind a memory of its own, learns at once', async () => {
    const prefix = `interop${++runs}`
    const [near, far] = [1, 2].map(() => sentinelOn(layered('memory', make()), prefix))
    await Promise.all([near.ready(), far.ready()])
    await near.blocks.add(7)
    expect(await far.blocks.get(7)).toMatchObject({ userId: 7 })
    await far.blocks.remove(7)
    const start = performance.now()
    while ((await near.blocks.get(7)) !== undefined && performance.now() - start < 10_000) {
      await new Promise(setImmediate)
    }
    expect(await near.blocks.get(7)).toBeUndefined()
  })
})

describe.each(DELIVERIES)('by %s', (delivery) => {
  test.each([
    ['Redis', () => redis.url],
    ['PostgreSQL', () => postgres.url],
  ])('a bot on %s: limits, and an update that is handed over twice', async (_name, url) => {
    const { telegram, sentinel, outcomes } = await guarded(delivery, {
      ...{ store: url(), prefix: `interop${++runs}`, storeTimeout: AMPLE, reply: false },
      ...{ rateLimit: { limit: 2, window: '1h' }, deduplicate: '1h' },
    })
    closing.push(() => sentinel.close())
    const [one, two, three] = ['a', 'b', 'c'].map((text) => telegram.updates.text(text, { from: 7 }))
    for (const update of [one, one, two, three]) telegram.send(update)
    await telegram.idle({ timeout: AMPLE })
    expect(outcomes.sort()).toEqual(['allowed', 'allowed', 'duplicate', 'limited'])
  })
})

test.each(KINDS.slice(0, 3))('connections of %s come back by themselves', async (_name, make) => {
  const sentinel = sentinelOn(make())
  await sentinel.limits.consume('hits', { userId: 7 })
  await redis.restart()
  const start = performance.now()
  const failures: unknown[] = []
  for (;;) {
    try {
      expect(await sentinel.limits.consume('hits', { userId: 7 })).toMatchObject({ allowed: true })
      break
    } catch (error) {
      failures.push(error)
      if (performance.now() - start > 20_000) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  // The script that the server has forgotten was no failure of its own.
  expect(failures.map(String).join()).not.toContain('NOSCRIPT')
})

/** How many sockets hold the process, once they are no more than `most`, or after two seconds. */
async function heldSockets(most: number): Promise<number> {
  const end = performance.now() + 2_000
  for (;;) {
    const held = process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
    if (held <= most || performance.now() > end) return held
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

type Hanging = readonly [name: string, make: () => RedisLike, servers: () => readonly RedisServer[]]
const HANGING: readonly Hanging[] = [
  ['createClient', () => createClient({ url: redis.url }), () => [redis]],
  ['createClientPool', () => createClientPool({ url: redis.url }), () => [redis]],
  ...(hasCluster
    ? [
        ['createCluster', clusterClient, () => cluster?.nodes ?? []] as const,
        [
          'createSentinel',
          sentinelClient,
          () => (sentinels === undefined ? [] : [sentinels.master]),
        ] as const,
      ]
    : []),
]

function sentinelClient(): RedisLike {
  if (sentinels === undefined) throw new Error('this run has none')
  const { name, sentinelRootNodes } = sentinels
  return createRedisSentinel({ name, sentinelRootNodes: [...sentinelRootNodes] })
}

test.each(HANGING)(
  'a server that hangs while the store on %s closes holds no process',
  async (_name, make, serversOf) => {
    const before = await heldSockets(0)
    const store = new RedisStore(make(), { timeout: 200 })
    await store.connect()
    await store.swap(`sentinel:interop:own:hangs:${++runs}`, null, 1)
    const servers = serversOf()
    for (const server of servers) server.pause()
    try {
      await expect(store.get(`sentinel:interop:own:hangs:${runs}`)).rejects.toThrow('no answer within')
      await store.close()
      expect(await heldSockets(before)).toBeLessThanOrEqual(before)
    } finally {
      for (const server of servers) server.resume()
    }
  },
)

// Nothing of the versions matters to PGlite but Node's: one of the runs is enough.
if (versions.telegraf === '4.16' && versions.redis === '6') {
  test('PGlite keeps a block and a limit', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sentinel-interop-'))
    closing.push(async () => rmSync(folder, { recursive: true }))
    const sentinel = sentinelOn(new PostgresStore(`pglite:${join(folder, 'data')}`, { timeout: AMPLE }))
    await sentinel.ready()
    await sentinel.blocks.add(7)
    expect(await sentinel.blocks.get(7)).toMatchObject({ userId: 7 })
    expect(await sentinel.limits.consume('hits', { userId: 8 })).toMatchObject({ allowed: true })
  })
}

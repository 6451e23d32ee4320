/** A store that closes answers what it was asked before, and nothing that it is asked after. */
import { createClient, createCluster } from 'redis'
import { StoreError, StoreTimeoutError } from '../../../lib/errors'
import { RedisStore } from '../../../lib/stores/redis'
import type { RedisLike } from '../../../lib/stores/redis'
import { limitOf, queryOf, requestOf, tally } from '../../../lib/testing/contract/requests'
import { startRedis, startRedisCluster } from '../../support/servers/redis'
import type { RedisServer } from '../../support/servers/redis'
import { AMPLE, failureOf } from './probe'

jest.setTimeout(60_000)

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterEach(() => server.resume())
afterAll(async () => server.stop())

const space = 'sentinel:main'
let actors = 0

function open(source: string | RedisLike = server.url, timeout = AMPLE): RedisStore {
  return new RedisStore(source, { timeout })
}

test('decisions under way are all answered, and counted', async () => {
  const store = open()
  await store.connect()
  const actor = ++actors
  const limits = [limitOf({ limit: 10_000 })]
  const asked = Array.from({ length: 3000 }, async () => store.decide(requestOf(space, { actor, limits })))
  const closing = store.close()
  const after = await failureOf((async () => store.decide(requestOf(space, { actor, limits })))())
  expect(after).toBeInstanceOf(StoreError)
  expect(after.message).toBe(`the store on ${server.url} was closed`)
  const decisions = await Promise.all(asked)
  expect(decisions.every(({ reason }) => reason === undefined)).toBe(true)
  await closing
  const other = open()
  const left = await other.peek(queryOf(space, limits[0], undefined, actor))
  expect(left.remaining).toBe(7000)
  await other.close()
})

test('so are those that have not connected yet', async () => {
  const store = open()
  const asked = [1, 2, 3].map(async () =>
    store.decide(requestOf(space, { actor: ++actors, limits: [limitOf()] })),
  )
  await store.close()
  expect((await Promise.all(asked)).map(({ reason }) => reason)).toEqual([undefined, undefined, undefined])
})

test('and those with own limiters, which take several steps', async () => {
  const store = open()
  await store.connect()
  const limits = [limitOf({ limiter: tally, bucket: 'own', limit: 7 }), limitOf({ limit: 100 })]
  const actor = ++actors
  const asked = Array.from({ length: 30 }, async () => store.decide(requestOf(space, { actor, limits })))
  await store.close()
  const decisions = await Promise.all(asked)
  expect(decisions.filter(({ reason }) => reason === undefined)).toHaveLength(7)
})

test('records under way are written', async () => {
  const store = open()
  await store.connect()
  const place = { space, namespace: 'blocks' } as const
  const records = Array.from({ length: 2000 }, (_, n) => ({ userId: 1_000_000 + n, since: 1 }))
  const written = store.putRecords(place, records, 'replace')
  await store.close()
  expect(await written).toHaveLength(2000)
  const refused = [
    store.findRecord(place, 1),
    store.putRecords(place, records, 'replace'),
    store.listRecords(place, { limit: 1 }),
    store.get(`${space}:own::a`),
    store.swap(`${space}:own::a`, null, 1),
    store.now(),
    store.connect(),
  ]
  for (const work of refused) expect((await failureOf(work)).message).toContain('was closed')
  const other = open()
  expect(
    await other.dropRecords(
      place,
      records.map(({ userId }) => userId),
    ),
  ).not.toContain(undefined)
  await other.close()
})

test('a server that does not answer is waited for as long as the timeout, no longer', async () => {
  const store = open(server.url, 400)
  await store.connect()
  server.pause()
  const asked = Array.from({ length: 500 }, async () =>
    failureOf((async () => store.decide(requestOf(space, { actor: ++actors, limits: [limitOf()] })))()),
  )
  const start = performance.now()
  await store.close()
  expect(performance.now() - start).toBeLessThan(400 + 1000)
  for (const failure of await Promise.all(asked)) expect(failure).toBeInstanceOf(StoreTimeoutError)
})

test('a client of the bot’s stays open, and may have another store', async () => {
  const client = createClient({ url: server.url })
  client.on('error', () => undefined)
  await client.connect()
  const store = open(client)
  const asked = Array.from({ length: 100 }, async () =>
    store.decide(requestOf(space, { actor: ++actors, limits: [limitOf()] })),
  )
  await store.close()
  expect(await Promise.all(asked)).toHaveLength(100)
  expect(client.isReady).toBe(true)
  const next = open(client)
  expect((await next.health()).status).toBe('ok')
  await next.close()
  await client.close()
})

test('closing again, or an unused store, does nothing', async () => {
  const store = open()
  await Promise.all([store.close(), store.close()])
  await store.close()
})

test('on a Cluster decisions over several slots are answered too', async () => {
  const cluster = await startRedisCluster()
  const store = open(createCluster({ rootNodes: [...cluster.rootNodes] }))
  await store.connect()
  const limits = [limitOf({ limit: 1000 }), limitOf({ bucket: 'chat', scope: 'chat', limit: 25 })]
  const asked = Array.from({ length: 100 }, async (_, n) =>
    store.decide(requestOf(space, { actor: n + 1, limits })),
  )
  await store.close()
  const decisions = await Promise.all(asked)
  expect(decisions.filter(({ reason }) => reason === undefined)).toHaveLength(25)
  await cluster.stop()
})

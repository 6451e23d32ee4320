/** A store that cannot write is not well, whatever it answers to a PING. */
import { rmSync } from 'node:fs'
import { createClient, createClientPool, createCluster } from 'redis'
import { StoreError } from '../../../lib/errors'
import { RedisStore } from '../../../lib/stores/redis'
import { connectionOf } from '../../../lib/stores/redis/connect'
import type { RedisConnection } from '../../../lib/stores/redis/connection'
import { Writable } from '../../../lib/stores/redis/writable'
import { limitOf, requestOf } from '../../../lib/testing/contract/requests'
import { startRedis, startRedisCluster } from '../../support/servers/redis'
import type { RedisServer } from '../../support/servers/redis'
import { AMPLE, eventually, failureOf } from './probe'

jest.setTimeout(60_000)

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

function storeOn(...[source, options]: ConstructorParameters<typeof RedisStore>): RedisStore {
  const store = new RedisStore(source, { timeout: AMPLE, ...options })
  opened.push(store)
  return store
}

describe('a server that writes', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis({ args: ['--requirepass', 'hunter2'] })
  })
  afterAll(async () => server.stop())

  const url = () => server.url.replace('//', '//:hunter2@')
  const address = () => `127.0.0.1:${server.port}`

  test('is well; its name is its address, without the password; nothing is left there', async () => {
    const store = storeOn(url())
    await store.connect()
    const health = await store.health()
    expect(health).toEqual({
      status: 'ok',
      name: `redis ${address()}`,
      latency: expect.any(Number) as number,
      waiting: 0,
    })
    expect(await server.admin('DBSIZE')).toBe(0)
    expect(JSON.stringify(health)).not.toContain('hunter2')
  })

  test('is named by what the client says of it', async () => {
    const names = [createClient({ url: url() }), createClientPool({ url: url() })].map(
      async (client) => (await storeOn(client).health()).name,
    )
    expect(await Promise.all(names)).toEqual([`redis ${address()}`, 'redis pool'])
  })

  test('costs one trip', async () => {
    const store = storeOn(url())
    await store.health()
    await server.admin('CONFIG', 'RESETSTAT')
    for (let n = 0; n < 3; n++) await store.health()
    const stats = String(await server.admin('INFO', 'commandstats'))
    expect(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]).toBe('3')
    expect(stats).not.toMatch(/cmdstat_(ping|eval|set):/)
  })
})

describe('a server that does not write', () => {
  let server: RedisServer
  beforeEach(async () => {
    server = await startRedis({ args: ['--save', '3600 1'] })
  })
  afterEach(async () => server.stop())

  const set = (name: string, value: string) => server.admin('CONFIG', 'SET', name, value)

  test('a read-only replica is down, and no store connects to it', async () => {
    const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${server.port}`] })
    const store = storeOn(replica.url)
    const says = 'is a read-only replica: connect to its master'
    await eventually(async () => expect((await failureOf(store.connect())).message).toContain(says))
    expect(await store.health()).toMatchObject({
      status: 'down',
      error: expect.stringContaining(says) as string,
    })
    await replica.admin('REPLICAOF', 'NO', 'ONE')
    expect((await store.health()).status).toBe('ok')
    await store.connect()
    await replica.stop()
  })

  test.each([
    ['is out of memory', async () => set('maxmemory', '1'), 'memory of'],
    ['lacks replicas', async () => set('min-replicas-to-write', '1'), 'fewer replicas'],
  ])('one that %s is down', async (_name, spoil, says) => {
    const store = storeOn(server.url)
    expect((await store.health()).status).toBe('ok')
    await spoil()
    const { status, error } = await store.health()
    expect([status, error]).toEqual(['down', expect.stringContaining(says)])
    expect((await failureOf(store.connect())).message).toContain(says)
  })

  test('one that cannot save is down', async () => {
    const store = storeOn(server.url)
    await server.admin('SET', 'a', 'b')
    const [, folder] = (await server.admin('CONFIG', 'GET', 'dir')) as string[]
    rmSync(folder, { recursive: true })
    await server.admin('BGSAVE')
    await eventually(async () => {
      const { status, error } = await store.health()
      expect([status, error]).toEqual(['down', expect.stringContaining('cannot save to its disk')])
    })
  })

  test('one that is gone is down, and one that hangs by the timeout, with those who wait for it', async () => {
    const store = storeOn(server.url, { timeout: 300 })
    await store.connect()
    server.pause()
    const limits = [limitOf()]
    const asked = Array.from({ length: 2000 }, async () =>
      store.decide(requestOf('sentinel:main', { limits })),
    )
    const settled = Promise.allSettled(asked)
    await new Promise((resolve) => setImmediate(resolve))
    const { status, waiting } = await store.health()
    expect(status).toBe('down')
    // Three calls of 256 decisions are under way.
    expect(waiting).toBe(2000 - 3 * 256)
    await settled
    expect((await store.health()).waiting).toBe(0)
    server.resume()
    await server.kill()
    expect((await store.health()).status).toBe('down')
    await server.restart()
    await eventually(async () => expect((await store.health()).status).toBe('ok'))
  })
})

describe('a server older than Redis 7, which knows no script flags', () => {
  /** A real connection, on which the server answers as an older one does. */
  class Older implements Pick<RedisConnection, 'run' | 'command' | 'link' | 'topology'> {
    readonly link: RedisConnection['link']
    readonly topology: RedisConnection['topology']
    readonly asked: string[] = []

    constructor(private readonly newer: RedisConnection) {
      this.link = newer.link
      this.topology = newer.topology
    }

    run(...[script, ...rest]: Parameters<RedisConnection['run']>): ReturnType<RedisConnection['run']> {
      this.asked.push(script.source.startsWith('#!') ? 'flags' : 'script')
      if (!script.source.startsWith('#!')) return this.newer.run(script, ...rest)
      const message = "ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'"
      return Promise.reject(new StoreError(`the server: ${message}`, { cause: new Error(message) }))
    }

    command(...args: Parameters<RedisConnection['command']>): ReturnType<RedisConnection['command']> {
      this.asked.push(String(args[0][0]))
      return this.newer.command(...args)
    }
  }

  test('is asked once whether it does, then by a write that leaves nothing', async () => {
    const server = await startRedis({
      users: ['user least on >secret resetchannels ~sentinel:* +eval +evalsha +set +ping'],
    })
    const connection = connectionOf(server.url.replace('//', '//least:secret@'), { timeout: AMPLE })
    opened.push(connection)
    const older = new Older(connection)
    const writable = new Writable(older as unknown as RedisConnection, AMPLE)
    expect(await writable.troubles()).toEqual({ errors: [], all: false })
    expect(older.asked).toEqual(['flags', 'PING'])
    writable.seen('sentinel:main')
    expect(await writable.troubles()).toEqual({ errors: [], all: false })
    expect(older.asked.slice(2)).toEqual(['script'])
    expect(await server.admin('DBSIZE')).toBe(0)
    const master = await startRedis()
    await server.admin('REPLICAOF', '127.0.0.1', String(master.port))
    await eventually(async () => {
      const { errors, all } = await writable.troubles()
      expect([all, errors[0]?.message]).toEqual([true, expect.stringContaining('read-only replica')])
    })
    await Promise.all([server.stop(), master.stop()])
  })
})

test('a Cluster of which one master is away is degraded', async () => {
  const cluster = await startRedisCluster()
  const store = storeOn(createCluster({ rootNodes: [...cluster.rootNodes] }), { timeout: 300 })
  await store.connect()
  expect(await store.health()).toMatchObject({ status: 'ok', name: 'redis cluster' })
  cluster.nodes[0].pause()
  expect((await store.health()).status).toBe('degraded')
  cluster.nodes[0].resume()
  await cluster.ready()
  await eventually(async () => expect((await store.health()).status).toBe('ok'))
  await cluster.stop()
})

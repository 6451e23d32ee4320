import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { StoreError } from '../../../lib/errors'
import { PostgresStore } from '../../../lib/stores/postgres'
import { decide, limitOf } from '../../../lib/testing/contract/requests'
import { until } from '../../support/servers/child'
import { freePort } from '../../support/servers/process'
import { startPostgres, type PostgresServer } from '../../support/servers/postgres'

jest.setTimeout(60_000)

const limits = [limitOf({ limit: 1_000_000 })]

/** What is to be undone after a test, the last first, whatever came of it. */
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const act of undo.splice(0).reverse()) await act()
})

/** A port that counts who connects, and does to them what it is told to do. */
async function turnstile(
  port: number,
  act: (socket: Socket) => void,
): Promise<{ count(): number; server: Server }> {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => undefined)
    undo.push(() => socket.destroy())
    act(socket)
  })
  server.listen(port, '127.0.0.1')
  undo.push(() => server.close())
  await once(server, 'listening')
  return { count: () => connections, server }
}

/** 10,000 decisions within a second, ten every millisecond: what each came to. */
async function flood(store: PostgresStore): Promise<(Error | 'decided')[]> {
  const outcomes: Promise<Error | 'decided'>[] = []
  const start = performance.now()
  while (outcomes.length < 10_000) {
    while (outcomes.length < Math.min(10_000, (performance.now() - start) * 10)) {
      const decision = decide(store, 'flood:main', { actor: outcomes.length + 1, limits })
      outcomes.push(
        Promise.resolve(decision).then(
          () => 'decided' as const,
          (error: Error) => error,
        ),
      )
    }
    await delay(1)
  }
  return Promise.all(outcomes)
}

function storeAt(url: string, options: { timeout: string; pool?: number; schema?: string }): PostgresStore {
  const store = new PostgresStore(url, options)
  undo.push(() => store.close())
  return store
}

const codesOf = (outcomes: readonly (Error | 'decided')[]): unknown[] => [
  ...new Set(
    outcomes.map((one) => (one instanceof Error ? (one.cause as { code?: string } | undefined)?.code : one)),
  ),
]

test('while the server is away, 10,000 decisions make a handful of connections; back, it is found again', async () => {
  const server = await startPostgres()
  undo.push(() => server.stop())
  const store = storeAt(server.url, { timeout: '500ms' })
  await store.connect()
  await decide(store, 'flood:main', { limits })
  await server.shutdown()
  // Refuses as a port on which nobody listens does, but for the counting.
  const gate = await turnstile(server.port, (socket) => socket.resetAndDestroy())
  const outcomes = await flood(store)
  // The first may have gone out on a connection whose end was not known yet.
  expect(codesOf(outcomes)).toContain('ECONNRESET')
  expect(codesOf(outcomes)).not.toContain('decided')
  expect(gate.count()).toBeGreaterThan(2)
  expect(gate.count()).toBeLessThan(30)
  gate.server.close()
  const refused = await flood(store)
  expect(codesOf(refused)).toContain('ECONNREFUSED')
  await server.start()
  const back = performance.now()
  await until(
    async () => (await store.health()).status === 'ok',
    () => 'the server is not found again',
  )
  // A second, and what a busy machine takes.
  expect(performance.now() - back).toBeLessThan(5_000)
  expect(new Set(await flood(store))).toEqual(new Set(['decided']))
})

test('a server that accepts and then says nothing gets a handful of connections, and close() does not wait for it', async () => {
  const port = await freePort()
  const gate = await turnstile(port, () => undefined)
  const store = storeAt(`postgres://bot:secret@127.0.0.1:${port}/bot`, { timeout: '300ms' })
  const early = await flood(store)
  expect(early.every((one) => one instanceof StoreError)).toBe(true)
  await until(
    async () => /cannot be reached/.test((await store.health()).error ?? ''),
    () => 'the first attempt is not given up',
  )
  const outcomes = await flood(store)
  expect(outcomes.every((one) => one instanceof StoreError)).toBe(true)
  // Those who try, or hope with them, wait for as long as they may; the others are told at once.
  const told = outcomes.filter((one) =>
    /cannot be reached at postgres:\/\/bot@127\.0\.0\.1/.test(String(one)),
  )
  expect(told.length).toBeGreaterThan(1_000)
  expect(gate.count()).toBeLessThan(10)
  const closed = performance.now()
  await store.close()
  expect(performance.now() - closed).toBeLessThan(2_000)
})

test('backends that are terminated again and again take nothing with them but what they are at', async () => {
  const server = await startPostgres()
  undo.push(() => server.stop())
  const store = storeAt(server.url, { timeout: '10s' })
  await store.connect()
  const admin = new Client(server.url)
  await admin.connect()
  undo.push(() => admin.end())
  const terminations: { from: number; to: number }[] = []
  const failures: { from: number; to: number; error: Error }[] = []
  let decided = 0
  let over = false
  const user = async (actor: number): Promise<void> => {
    while (!over) {
      const from = performance.now()
      try {
        await decide(store, 'flood:main', { actor, limits })
        decided++
      } catch (thrown) {
        failures.push({ from, to: performance.now(), error: thrown as Error })
      }
      await delay(Math.random() * 4)
    }
  }
  const users = Array.from({ length: 24 }, (_, n) => user(n + 1))
  for (let round = 0; round < 60; round++) {
    await delay(20)
    const from = performance.now()
    await admin.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'telegraf-sentinel'`,
    )
    // What has been said of it meanwhile is read.
    await delay(5)
    terminations.push({ from, to: performance.now() })
  }
  over = true
  await Promise.all(users)
  const others = failures.filter(
    (failure) => !terminations.some(({ from, to }) => failure.from < to && failure.to > from),
  )
  expect(others).toEqual([])
  // It knew that the connection was broken.
  expect(failures.filter(({ error }) => /not queryable/.test(String(error.cause)))).toEqual([])
  expect(failures.length).toBeGreaterThan(0)
  expect(decided).toBeGreaterThan(failures.length)
})

describe('a server with no connection left', () => {
  let server: PostgresServer
  const MOST = 6
  /** Takes so many; those of an earlier test come free a moment after they were ended. */
  const take = async (count: number): Promise<Client[]> => {
    const taken: Client[] = []
    await until(
      async () => {
        const client = new Client(server.url)
        client.on('error', () => undefined)
        const connected = await client.connect().then(
          () => true,
          () => false,
        )
        if (connected) {
          taken.push(client)
          undo.push(() => client.end())
        }
        return taken.length === count
      },
      () => `only ${taken.length} of ${count} connections were to be had`,
    )
    return taken
  }
  const refusals = (): number =>
    server.log().match(/too many clients|remaining connection slots/g)?.length ?? 0
  beforeAll(async () => {
    const settings = {
      max_connections: String(MOST),
      superuser_reserved_connections: '0',
      reserved_connections: '0',
    }
    server = await startPostgres({ settings })
  })
  afterAll(() => server.stop())

  test('the one connection that the store has serves all its calls', async () => {
    const store = storeAt(server.url, { timeout: '5s' })
    await store.connect()
    await take(MOST - 1)
    expect(new Set(await flood(store))).toEqual(new Set(['decided']))
    const place = { space: 'flood:main', namespace: 'blocks' } as const
    const records = Array.from({ length: 50 }, (_, n) => ({ userId: n + 1, since: 1 }))
    await Promise.all(records.map((record) => store.putRecords(place, [record], 'replace')))
  })

  test('a store that has none is told so at once, and serves once there is one', async () => {
    const store = storeAt(server.url, { timeout: '5s' })
    const [one] = await take(MOST)
    const before = refusals()
    const outcomes = await flood(store)
    expect(codesOf(outcomes)).toEqual(['53300'])
    expect(refusals() - before).toBeLessThan(30)
    await one.end()
    await until(
      async () => (await store.health()).status === 'ok',
      () => 'a free connection is not found',
    )
  })
})

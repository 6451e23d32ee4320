import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import { Client, Pool } from 'pg'
import { StoreError } from '../../../lib/errors'
import { PostgresStore } from '../../../lib/stores/postgres'
import { OwnPool } from '../../../lib/stores/postgres/own-pool'
import { loadPg } from '../../../lib/stores/postgres/peers'
import { lettingGo } from '../../../lib/stores/postgres/pglite'
import { decide, limitOf } from '../../../lib/testing/contract/requests'
import { startPostgres, type PostgresServer } from '../../support/servers/postgres'
import { inNode } from './node'

jest.setTimeout(60_000)

const limits = [limitOf({ limit: 1_000 })]
const registrations = { space: 'closing:main', namespace: 'registrations' } as const

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const act of undo.splice(0).reverse()) await act()
})

const sources: Record<string, () => Promise<ConstructorParameters<typeof PostgresStore>[0]>> = {
  'a URL': async () => server.url,
  'a Pool': async () => {
    const pool = new Pool({ connectionString: server.url, max: 3 })
    undo.push(() => pool.end())
    return pool
  },
  'a Client': async () => {
    const client = new Client(server.url)
    undo.push(() => client.end())
    await client.connect()
    return client
  },
  'a PGlite': async () => {
    const pglite = lettingGo(new PGlite())
    undo.push(() => pglite.close())
    return pglite
  },
}

test.each(Object.keys(sources))(
  'on %s close() waits for what was asked for before, and refuses the rest',
  async (name) => {
    const source = await sources[name]()
    const store = new PostgresStore(source, { timeout: '10s', schema: 'closing' })
    undo.push(() => store.close())
    await store.connect()
    const before = Array.from({ length: 2_000 }, () => decide(store, `closing:${name}`, { limits }))
    const records = Array.from({ length: 2_500 }, (_, n) => ({ userId: n + 1, since: n }))
    const written = store.putRecords(registrations, records, 'replace')
    const closed = store.close()
    await expect(decide(store, `closing:${name}`, { limits })).rejects.toThrow(StoreError)
    await expect(decide(store, `closing:${name}`, { limits })).rejects.toThrow(/closed/)
    let settled = 0
    for (const each of [...before, written]) void each.then(() => settled++)
    await closed
    expect(settled).toBe(2_001)
    const reasons = (await Promise.all(before)).map(({ reason }) => reason)
    expect(reasons.filter((reason) => reason === undefined).length).toBe(1_000)
    expect(await written).toEqual(records)
    for (const call of [
      () => store.now(),
      () => store.get('key'),
      () => store.findRecord(registrations, 1),
    ]) {
      await expect(call()).rejects.toThrow(/closed/)
    }
    expect(await store.health()).toMatchObject({
      status: 'down',
      error: expect.stringMatching(/closed/) as string,
    })
    await store.connect()
    expect((await store.findRecord(registrations, 2_500))?.since).toBe(2_499)
  },
)

test('a server that hangs holds up close() no longer than the timeout, and what waits is told', async () => {
  const store = new PostgresStore(server.url, { timeout: '500ms', schema: 'hangs' })
  await store.connect()
  await decide(store, 'closing:hangs', { limits })
  const channel = store.openChannel({ message() {}, connected() {}, lost() {} })
  server.pause()
  undo.push(() => server.resume())
  const decisions = Array.from({ length: 500 }, () => decide(store, 'closing:hangs', { limits }))
  const failures = Promise.allSettled([...decisions, store.get('key'), channel?.send('x')])
  const start = performance.now()
  await store.close()
  expect(performance.now() - start).toBeLessThan(3_000)
  expect((await failures).every((one) => one.status === 'rejected' && one.reason instanceof StoreError)).toBe(
    true,
  )
})

test('a pool that is closed while the server refuses its settings dials no more', async () => {
  let connections = 0
  // As PgBouncer, in PostgreSQL's protocol: an error, fatal.
  const fields = Buffer.from('SFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0')
  const head = Buffer.from('E\0\0\0\0')
  head.writeUInt32BE(fields.length + 4, 1)
  const bouncer = createServer((socket) => {
    connections++
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(Buffer.concat([head, fields])))
  })
  bouncer.listen(0, '127.0.0.1')
  await once(bouncer, 'listening')
  undo.push(() => bouncer.close())
  const { port } = bouncer.address() as AddressInfo
  let ended: Promise<void> | undefined
  const pg = loadPg()
  class Refused extends pg.Client {
    /** When the pool hangs up on what refuses its settings. */
    override end(): Promise<void> {
      ended ??= pool.end()
      return super.end()
    }
  }
  const pool = new OwnPool({ Client: Refused }, `postgres://postgres@127.0.0.1:${port}/postgres`, {
    max: 1,
    timeout: 500,
    surroundings: { schema: 'public', where: 'the bouncer' },
  })
  await expect(pool.connect()).rejects.toThrow('the store is closed')
  await ended
  // Whoever dials after all has come through by then.
  await delay(200)
  expect(connections).toBe(1)
})

test('a process that waits for close() sees it done, and then ends', async () => {
  const body = `
    const store = new PostgresStore(process.env.SERVER, { schema: 'ends', timeout: '10s' })
    await store.connect()
    await new Promise((resolve) => store.openChannel({ message() {}, connected: resolve, lost() {} }) && setTimeout(() => {}, 300))
    const decision = decide(store, 'closing:ends', { limits: [limitOf({})] })
    await store.close()
    console.log('closed', (await decision).reason ?? 'allowed')`
  expect(await inNode(body, { SERVER: server.url })).toBe('closed allowed')
})

test('health names the store without its password, and says how many decisions wait', async () => {
  const store = new PostgresStore(server.url, { schema: 'named', timeout: '10s' })
  undo.push(() => store.close())
  await store.connect()
  const name = `postgres 127.0.0.1:${server.port}/postgres`
  expect(await store.health()).toEqual({
    name,
    status: 'ok',
    waiting: 0,
    latency: expect.any(Number) as number,
  })
  const decisions = Array.from({ length: 2_000 }, () => decide(store, 'closing:named', { limits }))
  expect((await store.health()).waiting).toBeGreaterThan(1_000)
  await Promise.all(decisions)
  for (const kind of ['a Pool', 'a Client']) {
    const other = new PostgresStore(await sources[kind]())
    undo.push(() => other.close())
    expect((await other.health()).name).toBe(name)
  }
  expect((await new PostgresStore(await sources['a PGlite']()).health()).name).toBe('pglite (your own)')
})

import { Client, Pool } from 'pg'
import { StoreError, StoreTimeoutError } from '../../../lib/errors'
import { PostgresStore } from '../../../lib/stores/postgres'
import { decide, limitOf, START } from '../../../lib/testing/contract/requests'
import { until } from '../../support/servers/child'
import { freePort } from '../../support/servers/process'
import { startPostgres, type PostgresServer } from '../../support/servers/postgres'
import { inNode } from './node'

const registrations = { space: 'trouble:main', namespace: 'registrations' } as const

async function failureOf(act: () => unknown): Promise<Error> {
  try {
    await act()
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
  throw new Error('it did not fail')
}

/** What connecting comes to; whatever it says must not show a password. */
async function refusalOf(url: string): Promise<string> {
  const store = new PostgresStore(url)
  const error = await failureOf(() => store.connect())
  await store.close()
  expect(error).toBeInstanceOf(StoreError)
  expect(`${error.message} ${error.stack}`).not.toMatch(/hunter2/)
  return error.message
}

describe('a server in trouble', () => {
  let server: PostgresServer
  beforeAll(async () => {
    // What is committed must outlive the kill.
    server = await startPostgres({ durable: true })
  })
  afterAll(() => server.stop())

  test('a wrong URL, password or database is told apart, and no password is shown', async () => {
    const port = await freePort()
    expect(await refusalOf(`postgres://bot:hunter2@127.0.0.1:${port}/bot`)).toMatch(
      new RegExp(`cannot be reached at postgres://bot@127.0.0.1:${port}/bot`),
    )
    expect(await refusalOf(server.urlFor({ password: 'hunter2' }))).toMatch(/user or password is wrong/)
    expect(await refusalOf(server.urlFor({ database: 'nowhere' }))).toMatch(
      /no such database.*CREATE DATABASE/,
    )
    expect(await refusalOf('postgres://bot:hunter2@nowhere.invalid/bot')).toMatch(/host/)
    const unparsable = await failureOf(() => new PostgresStore('postgres://bot:hunter2@[/bot').connect())
    expect(unparsable.message).not.toMatch(/hunter2/)
  })

  test('a server that only reads says so; health is down', async () => {
    const admin = new Client(server.url)
    await admin.connect()
    await admin.query('CREATE DATABASE reading')
    const url = server.urlFor({ database: 'reading' })
    const store = new PostgresStore(url)
    await store.connect()
    expect((await store.health()).status).toBe('ok')
    await store.close()
    await admin.query('ALTER DATABASE reading SET default_transaction_read_only = on')
    await admin.end()
    await store.connect()
    for (const act of [
      () => store.swap('key', null, 1),
      () => decide(store, 'a:b', { limits: [limitOf({})] }),
      () => store.putRecords(registrations, [{ userId: 1, since: 1 }], 'replace'),
    ]) {
      expect((await failureOf(act)).message).toMatch(/only reads.*replica/)
    }
    expect((await store.health()).status).toBe('down')
    await store.close()
  })

  test('while the server hangs each call ends in time, and none is sent again afterwards', async () => {
    const store = new PostgresStore(server.url, { timeout: 300, schema: 'hanging' })
    await store.connect()
    const limits = [limitOf({ limit: 10 })]
    await decide(store, 'hang:main', { limits })
    await store.findRecord(registrations, 1)
    server.pause()
    const start = performance.now()
    const calls = [
      ...Array.from({ length: 5 }, () => () => decide(store, 'hang:main', { limits })),
      () => store.get('key'),
      () => store.findRecord(registrations, 1),
      () => store.now(),
    ]
    const failures = await Promise.all(calls.map(failureOf))
    expect(failures.every((error) => error instanceof StoreTimeoutError)).toBe(true)
    expect(performance.now() - start).toBeLessThan(1_500)
    expect((await store.health()).status).toBe('down')
    server.resume()
    // Those five travelled in one statement, which was sent and may have counted, once.
    const { limits: states } = await decide(store, 'hang:main', { limits: [limitOf({ limit: 10 })] })
    expect([3, 8]).toContain(states[0].remaining)
    await store.close()
  })

  test('a call that hangs on a lock costs its connection, not those after it; the server gives it up', async () => {
    const pool = new Pool({ connectionString: server.url, max: 1 })
    const theirs = new PostgresStore(pool, { timeout: 300, schema: 'locked' })
    const ours = new PostgresStore(server.url, { timeout: 300, schema: 'locked', pool: 1 })
    await theirs.connect()
    await ours.connect()
    const admin = new Client(server.url)
    await admin.connect()
    await admin.query('BEGIN; LOCK TABLE locked.entries')
    for (const store of [theirs, ours]) {
      const error = await failureOf(() => store.swap('key', null, 1))
      expect(error.message).toMatch(/no answer within|took too long/)
      expect(await store.now()).toBeGreaterThan(START)
    }
    const waiting = `SELECT count(*)::int4 AS n FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND application_name = 'telegraf-sentinel'`
    await until(
      async () => (await admin.query<{ n: number }>(waiting)).rows[0].n === 0,
      () => 'a statement that nobody waits for still waits for its lock',
    )
    await admin.query('COMMIT')
    await admin.end()
    await theirs.close()
    await ours.close()
    await pool.end()
  })

  test('killed in the middle: no crash, recovery by itself, blocks and registrations are all there', async () => {
    const store = new PostgresStore(server.url, { timeout: '2s', schema: 'killed' })
    await store.connect()
    const blocks = { space: 'trouble:main', namespace: 'blocks' } as const
    const stored = { blocks: 0, registrations: 0 }
    let going = true
    const writing = async (): Promise<void> => {
      for (let userId = 1; going; userId++) {
        try {
          await store.putRecords(registrations, [{ userId, since: START, profile: 'x' }], 'keep-since')
          stored.registrations = userId
          await store.putRecords(blocks, [{ userId, since: START }], 'replace')
          stored.blocks = userId
          await decide(store, 'trouble:main', { actor: userId, limits: [limitOf({})] })
        } catch (error) {
          expect(error).toBeInstanceOf(StoreError)
          return
        }
      }
    }
    const written = writing()
    while (stored.blocks < 50) await store.now()
    await server.kill()
    await written
    going = false
    expect((await failureOf(() => store.now())).message).toMatch(/cannot be reached|broke/)
    await server.start()
    for (let userId = 1; userId <= stored.blocks; userId++) {
      expect((await store.findRecord(registrations, userId))?.profile).toBe('x')
    }
    const { records } = await store.listRecords(blocks, { limit: 100_000 })
    expect(records.length).toBeGreaterThanOrEqual(stored.blocks)
    expect((await decide(store, 'trouble:main', { limits: [limitOf({})] })).reason).toBe(undefined)
    await store.close()
  })

  test('a pool of the user’s without a listener outlives the server’s restart', async () => {
    const pool = new Pool({ connectionString: server.url })
    const store = new PostgresStore(pool)
    await store.connect()
    await server.kill()
    await server.start()
    expect(await store.now()).toBeGreaterThan(START)
    await store.close()
    expect((await pool.query('SELECT 1 AS open')).rows).toEqual([{ open: 1 }])
    await pool.end()
  })

  test('a process that is done exits by itself, without close()', async () => {
    const body = `
      const store = new PostgresStore(process.env.SERVER, { schema: 'exits', timeout: '10s' })
      await store.connect()
      console.log((await decide(store, 'exit:main', { limits: [limitOf({})] })).reason ?? 'allowed')`
    expect(await inNode(body, { SERVER: server.url })).toBe('allowed')
  })

  test.each([
    ['pg', 'postgres://localhost/bot'],
    ['@electric-sql/pglite', 'pglite:data'],
  ])('where the package %s is missing, the error says what to install', async (name, url) => {
    const body = `
      const Module = require('node:module')
      const original = Module._resolveFilename
      Module._resolveFilename = function (request, ...rest) {
        if (request !== '${name}') return original.call(this, request, ...rest)
        throw Object.assign(new Error("Cannot find module '${name}'"), { code: 'MODULE_NOT_FOUND' })
      }
      try { new PostgresStore('${url}') } catch (error) { console.log(error.message) }`
    expect(await inNode(body)).toMatch(`npm install ${name}`)
  })
})

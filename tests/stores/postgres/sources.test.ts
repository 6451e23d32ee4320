import { PGlite } from '@electric-sql/pglite'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Pool } from 'pg'
import { SentinelOptionsError, StoreError } from '../../../lib/errors'
import { PostgresStore } from '../../../lib/stores/postgres'
import { lettingGo } from '../../../lib/stores/postgres/pglite'
import { unusable } from '../../../lib/stores/postgres/pglite-folder'
import { decide, limitOf, queryOf } from '../../../lib/testing/contract/requests'
import { startPostgres, type PostgresServer } from '../../support/servers/postgres'
import { inNode } from './node'

const timeout = '10s'
const limits = [limitOf({ limit: 2 })]

describe('what the store works on', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  /** Every kind of call, many at once. */
  async function exercise(store: PostgresStore, space: string): Promise<void> {
    await store.connect()
    const decisions = await Promise.all(Array.from({ length: 20 }, () => decide(store, space, { limits })))
    expect(decisions.filter(({ reason }) => reason === undefined).length).toBe(2)
    const place = { space, namespace: 'registrations' } as const
    const records = Array.from({ length: 50 }, (_, n) => ({ userId: n + 1, since: n }))
    expect(await store.putRecords(place, records, 'replace')).toEqual(records)
    expect((await store.listRecords(place, { limit: 100 })).records).toEqual(records)
    await Promise.all(records.map(({ userId }) => store.findRecord(place, userId)))
    expect((await store.peek(queryOf(space, limits[0]))).remaining).toBe(0)
    await store.reset(queryOf(space, limits[0]))
    expect((await store.peek(queryOf(space, limits[0]))).remaining).toBe(2)
    await store.close()
  }

  test('a URL, with the options beside it or after it; it may be closed and used again', async () => {
    const store = new PostgresStore({ url: server.url, schema: 'beside', pool: 1, timeout })
    await exercise(store, 'url:1')
    await exercise(store, 'url:2')
    await exercise(new PostgresStore(server.url.replace('postgres:', 'postgresql:'), { timeout }), 'url:3')
  })

  test('a Pool, which stays open; no connection is left in a transaction, none has a listener too many', async () => {
    const pool = new Pool({ connectionString: server.url, max: 3 })
    await exercise(new PostgresStore(pool, { timeout }), 'pool:1')
    await exercise(new PostgresStore({ pool, schema: 'pooled', timeout }), 'pool:2')
    expect([pool.totalCount, pool.waitingCount].map((count, n) => count <= [3, 0][n])).toEqual([true, true])
    const client = await pool.connect()
    expect(client.listenerCount('error')).toBeLessThan(3)
    client.release()
    const states = await pool.query(
      `SELECT state FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'`,
    )
    expect(states.rows).toEqual([])
    await pool.end()
  })

  test('a connected Client, one statement after another, which stays open', async () => {
    const client = new Client(server.url)
    await client.connect()
    await exercise(new PostgresStore(client, { timeout }), 'client:1')
    await exercise(new PostgresStore({ client, timeout }), 'client:2')
    expect((await client.query('SELECT 1 AS open')).rows).toEqual([{ open: 1 }])
    expect(client.listenerCount('error')).toBe(0)
    await client.end()
  })

  test('anything with query(text, values)', async () => {
    const pool = new Pool({ connectionString: server.url, max: 3 })
    const query = (text: string, values?: unknown[]) => pool.query(text, values)
    await exercise(new PostgresStore({ query }, { timeout }), 'query:1')
    await pool.end()
  })

  test('a PGlite of the user’s, which stays open', async () => {
    const pglite = lettingGo(new PGlite())
    await exercise(new PostgresStore(pglite, { timeout }), 'pglite:1')
    await exercise(new PostgresStore({ client: pglite, schema: 'other', timeout }), 'pglite:2')
    expect(pglite.closed).toBe(false)
    await pglite.close()
  })

  test('mistakes are told all at once', () => {
    const wrong = {
      schema: 'no-dash',
      migrate: 'never',
      timeout: -1,
      pool: 0,
      waiting: 0.5,
      batch: 'x',
      schemas: 1,
    }
    const failure = (source: unknown, options: object): string => {
      try {
        return String(new PostgresStore(source as string, options))
      } catch (error) {
        expect(error).toBeInstanceOf(SentinelOptionsError)
        return error instanceof Error ? error.message : ''
      }
    }
    const message = failure(42, wrong)
    for (const name of ['source', ...Object.keys(wrong)])
      expect(message).toMatch(new RegExp(`^${name}: `, 'm'))
    expect(message).toMatch(/did you mean 'schema'/)
    for (const source of [
      'mysql://localhost',
      'pglite:',
      '',
      null,
      undefined,
      {},
      { url: 'redis://x' },
      { pool: 3 },
    ]) {
      expect(failure(source, {})).toMatch(/^source: must be a URL/m)
    }
    for (const options of [null, 5, 'x', []]) {
      expect(failure(server.url, options as never)).toMatch(/^options: must be an object, not \w+/)
    }
    for (const source of [new Pool(), new Client()]) {
      expect(failure(source, { pool: 3 })).toMatch(/^pool: says how many connections the store makes/m)
    }
    expect(failure({ url: server.url, client: { query: () => ({}) } }, {})).toMatch(/give one of/)
  })
})

describe('pglite:<folder>', () => {
  const root = mkdtempSync(join(tmpdir(), 'telegraf-sentinel-pglite-'))
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  test('opened again, all is there; open once at a time; idle, it holds no process', async () => {
    const url = `pglite:${join(root, 'data')}`
    const store = new PostgresStore(url, { timeout })
    await store.connect()
    const place = { space: 'keep:main', namespace: 'blocks' } as const
    await store.putRecords(place, [{ userId: 5, since: 1, reason: 'a\u0000\ud800' }], 'replace')
    await decide(store, 'keep:main', { limits })
    await expect(new PostgresStore(url).connect()).rejects.toThrow(/open already in this process/)
    const elsewhere = `await new PostgresStore(process.env.URL).connect()`
    await expect(inNode(elsewhere, { URL: url })).rejects.toMatchObject({
      stdout: expect.stringMatching(new RegExp(`open in process ${process.pid}`)) as string,
    })
    await store.close()
    expect(existsSync(join(root, 'data.lock'))).toBe(false)

    // A process that ends without close() leaves its lock, and says nothing by it.
    const body = `
      const store = new PostgresStore(process.env.URL, { timeout: '10s' })
      await store.connect()
      const { limits } = await decide(store, 'keep:main', { limits: [limitOf({ limit: 2 })] })
      console.log(limits[0].remaining)`
    expect(await inNode(body, { URL: url })).toBe('0')
    await store.connect()
    expect(await store.findRecord(place, 5)).toEqual({ userId: 5, since: 1, reason: 'a\u0000\ud800' })
    expect((await decide(store, 'keep:main', { limits })).reason).toBe('limited')
    await store.close()
  })

  test('a symlink to it, or to its parent, is no way round the lock', async () => {
    mkdirSync(join(root, 'real'))
    symlinkSync(join(root, 'real'), join(root, 'parent'))
    // Not there yet, as on the first start.
    const store = new PostgresStore(`pglite:${join(root, 'parent', 'linked')}`, { timeout })
    await store.connect()
    symlinkSync(join(root, 'real', 'linked'), join(root, 'link'))
    for (const path of ['link', join('real', 'linked'), join('parent', 'linked')]) {
      const again = new PostgresStore(`pglite:${join(root, path)}`)
      await expect(again.connect()).rejects.toThrow(/open already in this process/)
    }
    const elsewhere = `await new PostgresStore(process.env.URL).connect()`
    await expect(inNode(elsewhere, { URL: `pglite:${join(root, 'link')}` })).rejects.toMatchObject({
      stdout: expect.stringMatching(new RegExp(`open in process ${process.pid}`)) as string,
    })
    await store.close()
    expect(existsSync(join(root, 'real', 'linked.lock'))).toBe(false)
  })

  test.each(['global/pg_control', 'base'])(
    'without %s it is damaged, and the error says so',
    async (part) => {
      const path = join(realpathSync(root), 'damaged')
      const store = new PostgresStore(`pglite:${path}`, { timeout })
      await store.connect()
      await store.close()
      rmSync(join(path, part), { recursive: true })
      for (const call of ['connect', 'now'] as const) {
        const damaged = new PostgresStore(`pglite:${path}`, { timeout })
        const failure: unknown = await damaged[call]().catch((error: unknown) => error)
        expect(failure).toBeInstanceOf(StoreError)
        expect(String(failure)).toContain(`PGlite cannot start from the folder ${path}: it is damaged`)
        expect(String(failure)).toMatch(/Restore it from a backup, or delete it to begin anew/)
        await damaged.close()
        expect(existsSync(`${path}.lock`)).toBe(false)
      }
      // Begun anew, as it advises.
      rmSync(path, { recursive: true })
      await store.connect()
      await store.close()
      rmSync(path, { recursive: true })
    },
  )

  test('what PGlite throws that is no error is shown as what it is', () => {
    const folder = { path: '/data', release: () => undefined }
    expect(unusable(folder, { name: 'ErrnoError', errno: 44 }).message).toMatch(
      /It said: \{ name: 'ErrnoError', errno: 44 \}$/,
    )
  })

  test('a folder that cannot be made says why', async () => {
    await expect(new PostgresStore(`pglite:${join(root, 'a', 'b')}`).connect()).rejects.toThrow(
      /cannot be used.*ENOENT/,
    )
    writeFileSync(join(root, 'file'), '')
    await expect(new PostgresStore(`pglite:${join(root, 'file', 'b')}`).connect()).rejects.toThrow(
      /not a folder/,
    )
    await expect(new PostgresStore(`pglite:${join(root, 'file')}`).connect()).rejects.toThrow(
      /cannot be used/,
    )
  })
})

import { Client } from 'pg'
import { PostgresStore, schemaSql } from '../../../lib/stores/postgres'
import { decide, limitOf, START } from '../../../lib/testing/contract/requests'
import { hasSystemPostgres, startPostgres, type PostgresServer } from '../../support/servers/postgres'
import { inNode } from './node'

const versions = hasSystemPostgres() ? (['embedded', 'system'] as const) : (['embedded'] as const)

describe.each(versions)('migrations on the %s server', (version) => {
  let server: PostgresServer
  let admin: Client
  beforeAll(async () => {
    server = await startPostgres({ version })
    admin = new Client(server.url)
    await admin.connect()
  })
  afterAll(async () => {
    await admin.end()
    await server.stop()
  })

  const appliedIn = async (schema: string): Promise<unknown[]> =>
    (await admin.query(`SELECT version FROM "${schema}".migrations ORDER BY version`)).rows

  async function using<T>(store: PostgresStore, act: (store: PostgresStore) => Promise<T>): Promise<T> {
    try {
      await store.connect()
      return await act(store)
    } finally {
      await store.close()
    }
  }

  test('four processes at once make the tables, once', async () => {
    const body = `
      const store = new PostgresStore(process.env.SERVER, { schema: 'crowd', timeout: '20s' })
      await store.connect()
      console.log((await decide(store, 'crowd:main', { limits: [limitOf({ limit: 9 })] })).reason ?? 'allowed')
      await store.close()`
    const said = await Promise.all(Array.from({ length: 4 }, () => inNode(body, { SERVER: server.url })))
    expect(said).toEqual(['allowed', 'allowed', 'allowed', 'allowed'])
    expect(await appliedIn('crowd')).toEqual([{ version: 1 }])
  })

  test('stores of one process at once make the tables, once', async () => {
    const stores = Array.from({ length: 8 }, () => new PostgresStore(server.url, { schema: 'inner' }))
    await Promise.all(stores.map((store) => store.connect()))
    await Promise.all(stores.map((store) => store.close()))
    expect(await appliedIn('inner')).toEqual([{ version: 1 }])
  })

  test('check: says what is missing and what to do, and makes nothing', async () => {
    const store = new PostgresStore(server.url, { schema: 'checked', migrate: 'check' })
    await expect(using(store, () => store.now())).rejects.toThrow(
      /"checked" has no tables, version 1 is needed.*npx telegraf-sentinel schema --schema checked/,
    )
    const { rows } = await admin.query(`SELECT to_regnamespace('checked') AS found`)
    expect(rows).toEqual([{ found: null }])
    await admin.query(schemaSql({ schema: 'checked' }))
    await using(store, async () => expect(await store.swap('key', null, 1)).toBe('1'))
  })

  test('off: asks nothing; a call then says what is missing', async () => {
    const store = new PostgresStore(server.url, { schema: 'nowhere', migrate: 'off' })
    await using(store, async () => {
      const missing = /tables of schema "nowhere" are missing.*npx telegraf-sentinel schema --schema nowhere/
      await expect(store.get('key')).rejects.toThrow(missing)
      await expect(decide(store, 'a:b', { block: true })).rejects.toThrow(missing)
      expect((await store.health()).error).toMatch(missing)
    })
  })

  test('a database of a newer version is left alone', async () => {
    await admin.query(schemaSql({ schema: 'newer' }))
    await admin.query('INSERT INTO newer.migrations (version) VALUES (99)')
    for (const migrate of ['auto', 'check'] as const) {
      const store = new PostgresStore(server.url, { schema: 'newer', migrate })
      await expect(using(store, () => store.now())).rejects.toThrow(
        /version 99, of a newer telegraf-sentinel/,
      )
    }
  })

  test('schemaSql may be run again, keeps what is there, and takes any name of a schema as it is', async () => {
    await admin.query(schemaSql({ schema: 'Twice' }))
    await using(new PostgresStore(server.url, { schema: 'Twice', migrate: 'check' }), async (store) => {
      await store.swap('key', null, 'kept')
      await admin.query(schemaSql({ schema: 'Twice' }))
      expect((await store.get('key'))?.value).toBe('kept')
    })
    expect(await appliedIn('Twice')).toEqual([{ version: 1 }])
    expect(() => schemaSql({ schema: 'a"; DROP' })).toThrow(/schema: must be a name of letters/)
  })

  test('a role with the documented privileges, and no more, can do all but make the tables', async () => {
    await admin.query(schemaSql({ schema: 'least' }))
    await admin.query(`CREATE ROLE bot LOGIN PASSWORD 'secret'`)
    const url = server.urlFor({ user: 'bot', password: 'secret' })
    const make = (): PostgresStore => new PostgresStore(url, { schema: 'least', timeout: '10s' })
    await expect(using(make(), () => Promise.resolve())).rejects.toThrow(/GRANT USAGE ON SCHEMA "least"/)
    await admin.query(`
      GRANT USAGE ON SCHEMA least TO bot;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA least TO bot;
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA least TO bot;
      GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA least TO bot;
      REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA least FROM PUBLIC;`)
    await using(make(), async (store) => {
      const blocks = { space: 'least:main', namespace: 'blocks' } as const
      await store.putRecords(blocks, [{ userId: 42, since: START, until: START + 9 }], 'replace')
      const limits = [limitOf({ limit: 1, blockFor: 5_000 })]
      expect((await decide(store, 'least:main', { block: true, limits })).reason).toBe('blocked')
      await store.dropRecords(blocks, [42])
      await decide(store, 'least:main', { limits })
      expect((await decide(store, 'least:main', { limits })).blockAdded?.until).toBe(START + 5_000)
      const version = await store.swap('key', null, 1)
      expect(await store.swap('key', version, 2)).not.toBe(null)
      expect(await store.delete('key')).toBe(true)
      await store.migrateChat('least:main', -1, -2, [{ bucket: 'shop', scope: 'chat' }])
      expect((await store.health()).status).toBe('ok')
    })
    const other = new PostgresStore(url, { schema: 'another' })
    await expect(using(other, () => Promise.resolve())).rejects.toThrow(/CREATE on the database/)
  })
})

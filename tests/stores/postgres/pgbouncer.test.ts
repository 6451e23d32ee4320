import { Pool } from 'pg'
import { PostgresStore } from '../../../lib/stores/postgres'
import { decide, limitOf, reasons } from '../../../lib/testing/contract/requests'
import { storeContract } from '../../../lib/testing/store-contract'
import {
  startPgBouncer,
  startPostgres,
  type PgBouncerServer,
  type PostgresServer,
} from '../../support/servers/postgres'

describe('behind PgBouncer in transaction mode', () => {
  let server: PostgresServer
  let bouncer: PgBouncerServer
  beforeAll(async () => {
    server = await startPostgres()
    bouncer = await startPgBouncer(server, { mode: 'transaction' })
  })
  afterAll(async () => {
    await bouncer.stop()
    await server.stop()
  })

  storeContract('PostgresStore (PgBouncer)', () => new PostgresStore(bouncer.url, { timeout: '20s' }), {
    seed: Date.now() % 1_000_000,
    steps: 40,
  })

  test('stores that start at once make the tables, and one limit holds for all of them', async () => {
    const stores = Array.from(
      { length: 4 },
      () => new PostgresStore(bouncer.url, { schema: 'crowd', timeout: '20s' }),
    )
    await Promise.all(stores.map((store) => store.connect()))
    const limits = [limitOf({ limit: 7 })]
    const decisions = await Promise.all(
      Array.from({ length: 40 }, (_, n) => decide(stores[n % 4], 'crowd:main', { limits })),
    )
    expect(reasons(decisions).filter((reason) => reason === 'allowed').length).toBe(7)
    await Promise.all(stores.map((store) => store.close()))
  })

  test('a long call leaves no setting behind on a connection that others use', async () => {
    const store = new PostgresStore(bouncer.url, { timeout: '1s' })
    await store.connect()
    const place = { space: 'bounce:main', namespace: 'registrations' } as const
    const many = Array.from({ length: 3_000 }, (_, n) => ({ userId: n + 1, since: n }))
    await store.putRecords(place, many, 'replace')
    await store.close()
    const pool = new Pool({ connectionString: bouncer.url, max: 8 })
    const found = await Promise.all(Array.from({ length: 8 }, () => pool.query('SHOW statement_timeout')))
    expect(
      new Set(found.map(({ rows }) => (rows[0] as { statement_timeout: string }).statement_timeout)),
    ).toEqual(new Set(['0']))
    await pool.end()
  })
})

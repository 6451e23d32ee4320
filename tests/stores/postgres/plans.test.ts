import { Client } from 'pg'
import { PostgresStore } from '../../../lib/stores/postgres'
import { debounceOf, limitOf, requestOf } from '../../../lib/testing/contract/requests'
import { startPostgres, type PostgresServer } from '../../support/servers/postgres'

jest.setTimeout(60_000)

let server: PostgresServer
let client: Client
let store: PostgresStore
beforeEach(async () => {
  server = await startPostgres({ settings: { autovacuum: 'off', statement_timeout: '20s' } })
  client = new Client(server.url)
  await client.connect()
  store = new PostgresStore(client, { timeout: '20s' })
  await store.connect()
})
// Whatever came of the test: a connection that stays open holds the process.
afterEach(async () => {
  await store.close()
  await client.end()
  await server.stop()
})

// A session keeps its plans, and a plan that was made for empty tables once went through all records for each decision.
test('a session that made its plans while the tables were empty looks records up by their key', async () => {
  const limits = [limitOf({ bucket: 'a', limit: 30 }), limitOf({ bucket: 'b', limit: 20, limiter: 'gcra' })]
  const decide = (actor: number) =>
    store.decide(
      requestOf('space', {
        actor,
        block: true,
        registration: 'required',
        debounces: [debounceOf()],
        limits: actor % 2 === 0 ? limits : limits.slice(0, 1),
      }),
    )
  const users = Array.from({ length: 2_000 }, (_, n) => n + 1)
  await Promise.all(users.slice(0, 64).map(decide))
  const records = users.map((userId) => ({ userId, since: 1 }))
  await store.putRecords({ space: 'space', namespace: 'registrations' }, records, 'replace')

  const fetched = async (): Promise<number> => {
    await client.query('SELECT pg_stat_force_next_flush()')
    const { rows } = await client.query<{ tuples: string }>(
      `SELECT idx_tup_fetch + seq_tup_read AS tuples FROM pg_stat_user_tables WHERE schemaname = 'sentinel' AND relname = 'records'`,
    )
    return Number(rows[0].tuples)
  }
  const before = await fetched()
  const decisions = await Promise.all(users.slice(0, 256).map(decide))
  expect(decisions.map(({ reason }) => reason)).toEqual(decisions.map(() => undefined))
  expect((await fetched()) - before).toBeLessThan(3 * 256)
})

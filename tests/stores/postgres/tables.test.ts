import { Client } from 'pg'
import { connectionOf, type PostgresConnection } from '../../../lib/stores/postgres/connection'
import { PostgresStore } from '../../../lib/stores/postgres'
import { Sweeper } from '../../../lib/stores/postgres/sweeper'
import { decide, limitOf } from '../../../lib/testing/contract/requests'
import { until } from '../../support/servers/child'
import { startPostgres, type PostgresServer } from '../../support/servers/postgres'

describe('what is in the tables', () => {
  let server: PostgresServer
  let store: PostgresStore
  let admin: Client
  let connection: PostgresConnection
  beforeAll(async () => {
    server = await startPostgres()
    store = new PostgresStore(server.url, { timeout: '10s' })
    await store.connect()
    admin = new Client(server.url)
    await admin.connect()
    connection = connectionOf(server.url, { schema: 'sentinel', timeout: 10_000, pool: 2 })
  })
  afterAll(async () => {
    await connection.close()
    await store.close()
    await admin.end()
    await server.stop()
  })

  const count = async (from: string): Promise<number> => {
    const { rows } = await admin.query<{ n: number }>(`SELECT count(*)::int4 AS n FROM sentinel.${from}`)
    return rows[0].n
  }

  /** Sweeps until a walk through all tables is done. */
  async function sweepAll(sweeper = new Sweeper(connection, 'sentinel')): Promise<number> {
    let statements = 1
    while ((await sweeper.sweep()) !== 60_000) statements++
    return statements
  }

  test('the sweeper deletes what is over, batch by batch, and nothing else', async () => {
    await admin.query(`
      INSERT INTO sentinel.counters SELECT 'old' || n, '{1}', 1 FROM generate_series(1, 1800) n;
      INSERT INTO sentinel.counters SELECT 'young' || n, '{1}', 9e15 FROM generate_series(1, 4000) n;
      INSERT INTO sentinel.entries SELECT 'old' || n, '1', n, 1 FROM generate_series(1, 700) n;
      INSERT INTO sentinel.entries SELECT 'young' || n, '1', n, NULLIF(n, 1) * 9e15 FROM generate_series(1, 700) n;`)
    const statements = await sweepAll()
    expect([await count('counters'), await count('entries')]).toEqual([4000, 700])
    expect(statements).toBeGreaterThan(6)
    expect(statements).toBeLessThan(20)
  })

  test('blocks go a day after their end by the server’s clock, whichever clock wrote them; others stay', async () => {
    const blocks = { space: 'sweep:main', namespace: 'blocks' } as const
    // Long over by the server's clock, but the bot's clock may stand there.
    const ended = { userId: 1, since: 1_000, until: 2_000 }
    await store.putRecords(blocks, [ended, { userId: 2, since: 1_000 }], 'replace')
    await store.putRecords(
      { ...blocks, namespace: 'registrations' },
      [{ userId: 1, since: 1_000 }],
      'replace',
    )
    await sweepAll()
    expect(await store.findRecord(blocks, 1)).toEqual(ended)
    const { rows } = await admin.query<{ left: number; user_id: string }>(
      `SELECT user_id, round((expires - extract(epoch FROM now()) * 1000) / 60000)::int4 AS left FROM sentinel.records
       WHERE kind = 0 AND expires IS NOT NULL`,
    )
    expect(rows).toEqual([{ user_id: '1', left: 24 * 60 }])
    await admin.query('ALTER TABLE sentinel.records DISABLE TRIGGER USER')
    await admin.query('UPDATE sentinel.records SET expires = 1 WHERE expires IS NOT NULL')
    await admin.query('ALTER TABLE sentinel.records ENABLE TRIGGER USER')
    await sweepAll()
    expect(await store.findRecord(blocks, 1)).toBe(undefined)
    expect(await store.findRecord(blocks, 2)).toEqual({ userId: 2, since: 1_000 })
    expect(await store.findRecord({ ...blocks, namespace: 'registrations' }, 1)).toEqual({
      userId: 1,
      since: 1_000,
    })
    // A longer block moves the day.
    await store.putRecords(blocks, [{ userId: 1, since: 1_000, until: 2_000 }], 'replace')
    await store.putRecords(blocks, [{ userId: 1, since: 1_000 }], 'replace')
    expect(await count('records WHERE expires IS NOT NULL')).toBe(0)
  })

  test('one process sweeps at a time, and waits for nobody who holds a row', async () => {
    await admin.query(`INSERT INTO sentinel.counters VALUES ('held', '{1}', 1), ('loose', '{1}', 1)`)
    await admin.query('BEGIN')
    await admin.query(`SELECT FROM sentinel.counters WHERE key = 'held' FOR UPDATE`)
    await sweepAll()
    expect(await count(`counters WHERE key IN ('held', 'loose')`)).toBe(1)
    await admin.query('COMMIT')
    await admin.query('BEGIN')
    await admin.query(`SELECT pg_advisory_xact_lock(hashtextextended('telegraf-sentinel:sentinel:sweep', 0))`)
    expect(await new Sweeper(connection, 'sentinel').sweep()).toBe(60_000)
    expect(await count(`counters WHERE key = 'held'`)).toBe(1)
    await admin.query('COMMIT')
    await sweepAll()
    expect(await count(`counters WHERE key = 'held'`)).toBe(0)
  })

  test('changes of a counter stay in their page: no index is written', async () => {
    const limits = [limitOf({ limit: 1_000, limiter: 'gcra' })]
    for (let n = 0; n < 50; n++) await decide(store, 'hot:main', { now: undefined, limits })
    // Statistics are written a moment later, when a connection ends at the latest.
    await store.close()
    await store.connect()
    const statistics = async () => {
      const { rows } = await admin.query<{ all: number; hot: number }>(
        `SELECT n_tup_upd::int4 AS all, n_tup_hot_upd::int4 AS hot FROM pg_stat_user_tables
         WHERE schemaname = 'sentinel' AND relname = 'counters'`,
      )
      return rows[0]
    }
    await until(
      async () => (await statistics()).all >= 49,
      () => 'the updates were not counted',
    )
    const { all, hot } = await statistics()
    expect(hot / all).toBeGreaterThan(0.9)
  })

  test('20,000 records are listed in the order of their ids, a page at a time', async () => {
    const place = { space: 'list:main', namespace: 'registrations' } as const
    const other = { space: 'list:main0', namespace: 'registrations' } as const
    const records = Array.from({ length: 20_000 }, (_, n) => ({
      userId: (n % 2 ? -1 : 1) * (n + 1),
      since: n,
    }))
    await store.putRecords(place, records, 'replace')
    await store.putRecords(other, records.slice(0, 10), 'replace')
    const seen: number[] = []
    let largest = 0
    let cursor: string | undefined
    do {
      const page = await store.listRecords(place, { cursor, limit: 500 })
      largest = Math.max(largest, page.records.length)
      seen.push(...page.records.map(({ userId }) => userId))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(largest).toBe(500)
    expect(seen).toEqual(records.map(({ userId }) => userId).sort((a, b) => a - b))
    const plan = await admin.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT * FROM sentinel.records r WHERE r.space = 'list:main' AND r.kind = 1::int2 AND r.user_id > 5
       ORDER BY r.user_id LIMIT 500`,
    )
    expect(plan.rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(/Index Scan using records_listed/)
    await expect(store.listRecords(place, { cursor: "1' OR 1", limit: 1 })).rejects.toThrow(/cursor must be/)
  })

  test('strings of any kind: spaces, keys, values; what is too long says so', async () => {
    const hostile = [
      '',
      '\u0000',
      '\ud800',
      '\udc00\ud83d',
      '💥',
      "'; DROP TABLE x --",
      '\\0000',
      '\\',
      '%',
      '_',
      '"',
      '$1',
    ]
    for (const [n, key] of hostile.entries()) {
      expect(await store.swap(`k${key}`, null, { [key]: key, n })).not.toBe(null)
    }
    for (const [n, key] of hostile.entries()) {
      expect((await store.get(`k${key}`))?.value).toEqual({ [key]: key, n })
    }
    const { entries } = await store.scan('k', { limit: 100 })
    expect(entries.map(({ key }) => key).sort()).toEqual(hostile.map((key) => `k${key}`).sort())
    // Half of a surrogate pair is a prefix of the pair.
    expect((await store.scan('k\ud83d', { limit: 9 })).entries.map(({ key }) => key)).toEqual(['k💥'])
    await expect(store.swap('x'.repeat(3_000), null, 1)).rejects.toThrow(/2600 bytes long, not 3000/)
    const place = { space: `s'"\\`, namespace: 'registrations' } as const
    const profile = { text: '\u0000\ud800'.repeat(100_000), big: 'x'.repeat(1_000_000) }
    await store.putRecords(place, [{ userId: 1, since: 1, profile }], 'replace')
    expect((await store.findRecord(place, 1))?.profile).toEqual(profile)
  })
})

/** The database's decisions are the reference's, in every field, whatever is asked together. */
import { PGlite } from '@electric-sql/pglite'
import { Pool } from 'pg'
import { hash53 } from '../../../lib/keys'
import { ALGORITHMS } from '../../../lib/limiters'
import { Engine } from '../../../lib/stores/postgres/engine'
import { decideFunctions } from '../../../lib/stores/postgres/sql/decide'
import { SEPARATOR } from '../../../lib/stores/postgres/sql/decide-format'
import { tables } from '../../../lib/stores/postgres/sql/tables'
import { userKey } from '../../../lib/stores/record-keys'
import { randomOf } from '../../../lib/testing/contract/random'
import { ReferenceStore } from '../../../lib/testing/contract/reference'
import {
  debounceOf,
  limitOf,
  queryOf,
  reasons,
  requestOf,
  START,
} from '../../../lib/testing/contract/requests'
import type { Block, Decision, DecisionRequest, LimitCheck } from '../../../lib/stores/decision'
import { startPostgres } from '../../support/servers/postgres'
import { SPACES, World } from './engine-random'

const SCHEMA = 'a "quoted" name'
const TIME = 20_000
const seeds = (process.env.SEEDS ?? String(1 + (Date.now() % 100_000))).split(',').map(Number)
const steps = Number(process.env.STEPS ?? 60)

type Run = (text: string, values?: unknown[]) => Promise<{ rows: unknown[] }>

interface Database {
  readonly run: Run
  /** Connections that work at the same time. */
  readonly at: number
  stop(): Promise<void>
}

const DATABASES: readonly [string, () => Promise<Database>][] = [
  ['PostgreSQL of this machine', () => onServer('system')],
  ['PostgreSQL 18', () => onServer('embedded')],
  ['PGlite', onPglite],
]

async function onServer(version: 'system' | 'embedded'): Promise<Database> {
  const server = await startPostgres({ version })
  const pool = new Pool({ connectionString: server.url, max: 4 })
  // The server may be gone before the last idle connection is.
  pool.on('error', () => undefined)
  return {
    at: 4,
    run: (text, values) => pool.query(text, values),
    stop: async () => {
      await pool.end()
      await server.stop()
    },
  }
}

async function onPglite(): Promise<Database> {
  const pglite = new PGlite()
  await pglite.waitReady
  return {
    at: 1,
    run: async (text, values) => {
      if (values !== undefined) return pglite.query(text, values)
      await pglite.exec(text)
      return { rows: [] }
    },
    stop: () => pglite.close(),
  }
}

describe.each(DATABASES)('on %s', (_name, open) => {
  let database: Database
  let engine: Engine
  let sent: number
  /** Batches with requests that were decided as usual ones. */
  let usual: number
  const reference = (): ReferenceStore => new ReferenceStore()

  beforeAll(async () => {
    database = await open()
  }, 60_000)
  afterAll(() => database.stop())
  beforeEach(async () => {
    const schema = `"${SCHEMA.replaceAll('"', '""')}"`
    await database.run(`DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}`)
    await database.run(`DO $made$ BEGIN ${tables(SCHEMA)} ${decideFunctions(SCHEMA)} END $made$`)
    sent = 0
    usual = 0
    engine = engineOn(database.run)
  })

  function engineOn(run: Run): Engine {
    const query = async ({ text, values = [] }: { text: string; values?: readonly unknown[] }) => {
      sent++
      const rows = (await run(text, [...values])).rows as Record<string, unknown>[]
      if (typeof rows[0]?.answer === 'string' && rows[0].answer.split(SEPARATOR)[0].includes(',')) usual++
      return rows
    }
    return new Engine({ query }, SCHEMA)
  }

  async function decide(requests: readonly DecisionRequest[]): Promise<Decision[]> {
    const results = await engine.decide(requests, TIME)
    return results.map((result) => {
      if (result instanceof Error) throw result
      return result
    })
  }

  async function put(
    kind: number,
    space: string,
    user: number,
    since: number,
    until: number | null,
    content: object,
  ) {
    const text =
      `INSERT INTO "${SCHEMA.replaceAll('"', '""')}".records (space, kind, user_id, since, until, content) ` +
      `VALUES ($1::text, $2::int4, $3::text::bigint, $4::text::bigint, $5::text::bigint, $6::text) ` +
      `ON CONFLICT (space, user_id, kind) DO UPDATE SET until = excluded.until, since = excluded.since, content = excluded.content`
    const values = [space, kind, String(user), String(since), until === null ? null : String(until)]
    await database.run(text, [...values, JSON.stringify(content)])
  }

  it.each(seeds)('random batches are decided as the reference decides one by one (seed %d)', (seed) =>
    compare(seed, (world) => world.batch()),
  )

  it.each(seeds)('and so are usual ones, without PL/pgSQL (seed %d)', async (seed) => {
    await compare(seed, (world) => world.usualBatch())
    expect(usual).toBeGreaterThan(steps / 8)
  })

  async function compare(seed: number, batchOf: (world: World) => DecisionRequest[]): Promise<void> {
    const random = randomOf(seed)
    const world = new World(random)
    const wanted = reference()
    for (let step = 0; step < steps; step++) {
      world.tick()
      if (random.once(8)) await putSomething(random, world.now, wanted)
      if (random.once(10)) {
        const query = world.query()
        expect({ step, ...(await engine.peek(query, TIME)) }).toEqual({ step, ...(await wanted.peek(query)) })
        if (random.once(2)) await Promise.all([engine.reset(query, TIME), wanted.reset(query)])
      }
      const batch = batchOf(world)
      const got = await decide(batch)
      for (const [index, request] of batch.entries()) {
        const asked = { seed, step, index }
        expect({ ...asked, ...got[index] }).toEqual({ ...asked, ...(await wanted.decide(request)) })
      }
    }
  }

  async function putSomething(random: ReturnType<typeof randomOf>, now: number, store: ReferenceStore) {
    const [space, userId] = [random.pick(SPACES), 1 + random.below(4)]
    if (random.once(2)) {
      const content = random.once(2) ? {} : { profile: { name: 'ünï "x"', n: now } }
      const key = userKey(space, 'registrations', userId)
      await store.swap(key, (await store.get(key))?.version ?? null, { userId, ...content, since: now })
      await put(1, space, userId, now, null, content)
      return
    }
    const until = random.once(6) ? undefined : now + random.pick([500, 30_000])
    const block: Block = { userId, since: now, ...(until !== undefined && { until }) }
    const key = userKey(space, 'blocks', userId)
    await store.swap(key, (await store.get(key))?.version ?? null, block)
    await put(0, space, userId, now, until ?? null, {})
  }

  it('is one statement for a whole batch', async () => {
    const requests = Array.from({ length: 50 }, (_, actor) =>
      requestOf(SPACES[0], { actor: 1 + actor, block: true, registration: 'ask', limits: [limitOf({})] }),
    )
    await decide(requests)
    expect(sent).toBe(1)
  })

  it.each(ALGORITHMS)(
    '%s: connections at the same time admit exactly the limit, of rows that are new',
    async (limiter) => {
      const checks = (n: number): LimitCheck[] => [
        limitOf({ bucket: `actor${n}`, limiter, limit: 7, window: 60_000 }),
        limitOf({ bucket: `hot${n}`, limiter, limit: 30, window: 60_000, scope: 'global' }),
      ]
      for (let round = 0; round < 5; round++) {
        const batchOf = (first: number): DecisionRequest[] =>
          Array.from({ length: 10 }, (_, i) =>
            requestOf(`s${round}`, { now: START, actor: 1 + ((first * 7 + i) % 8), limits: checks(round) }),
          )
        const batches = Array.from({ length: 4 * database.at }, (_, first) => decide(batchOf(first)))
        const decisions = (await Promise.all(batches)).flat()
        const admitted = decisions.filter(({ reason }) => reason === undefined).length
        expect(admitted).toBe(Math.min(30, decisions.length))
      }
    },
  )

  it('rows that a sweeper deletes meanwhile are judged as new, and nothing fails', async () => {
    const schema = `"${SCHEMA.replaceAll('"', '""')}"`
    let ended = false
    const sweeping = (async () => {
      while (!ended) {
        const found = `SELECT key FROM ${schema}.counters LIMIT 5 FOR UPDATE SKIP LOCKED`
        await database.run(`DELETE FROM ${schema}.counters WHERE key IN (${found})`, [])
      }
    })()
    try {
      for (let round = 0; round < 40; round++) {
        const batches = Array.from({ length: 3 }, () =>
          decide(
            [1, 2, 3, 4].map((actor) => requestOf(SPACES[0], { actor, limits: [limitOf({ limit: 1_000 })] })),
          ),
        )
        expect(reasons((await Promise.all(batches)).flat())).toEqual(Array(12).fill('allowed'))
      }
    } finally {
      ended = true
      await sweeping
    }
  })

  it('a log of a million units is read and charged without walking it', async () => {
    const limit = limitOf({ limit: 1_000_000, window: 60_000, scope: 'global' })
    const parts = { actor: undefined, chat: undefined }
    const at = (now: number, cost: number) =>
      requestOf(SPACES[0], { ...parts, now, limits: [{ ...limit, cost }] })
    await decide([at(START, 400_000), at(START + 1, 500_000), at(START + 5, 99_999)])
    const start = performance.now()
    const [passed, refused, later] = await decide([
      at(START + 5, 1),
      at(START + 5, 1),
      at(START + 60_000, 400_001),
    ])
    expect(performance.now() - start).toBeLessThan(2_000)
    expect([passed.limits[0].remaining, refused.retryAfter, later.retryAfter]).toEqual([0, 59_995, 1])
    const peeked = await engine.peek(queryOf(SPACES[0], limit, START + 60_001), TIME)
    expect(peeked).toEqual({
      name: 'shop',
      limit: 1_000_000,
      remaining: 900_000,
      resetAfter: 4,
    })
  })

  it('units of one millisecond take the room of one in a log', async () => {
    const requests = (now: number) =>
      [1, 2, 3].map(() => requestOf(SPACES[0], { now, limits: [limitOf({ limit: 99 })] }))
    for (const now of [START, START, START + 1, START + 1, START + 1]) await decide(requests(now))
    const text = `SELECT cardinality(state)::int4 AS size FROM "${SCHEMA.replaceAll('"', '""')}".counters`
    // The row's head, the section's head, units dropped, two times with their units.
    expect((await database.run(text, [])).rows).toEqual([{ size: 1 + 4 + 1 + 4 }])
  })

  it('a request that cannot be stored fails alone', async () => {
    const sound = requestOf(SPACES[0], { limits: [limitOf({})] })
    const broken = { ...sound, duplicate: { mark: 0.5, window: 1_000 } }
    const placeless = requestOf(SPACES[0], { chat: undefined, limits: [limitOf({ scope: 'chat' })] })
    const results = await engine.decide([sound, broken, placeless, sound], TIME)
    expect(results.map((result) => result instanceof Error)).toEqual([false, true, true, false])
    expect(results[3]).toMatchObject({ limits: [{ remaining: 1 }] })
  })

  it('goes by the server’s clock where the request has none', async () => {
    const request = requestOf(SPACES[0], { now: undefined, limits: [limitOf({ limit: 1 })] })
    const [first, second] = await decide([request, request])
    expect(Math.abs(first.now - Date.now())).toBeLessThan(5_000)
    expect([first.reason, second.reason, second.retryAfter]).toEqual([undefined, 'limited', 10_000])
  })

  it('a block that a limit adds is a record, and holds for what is decided together with it', async () => {
    const request = requestOf(SPACES[0], {
      block: true,
      limits: [limitOf({ limit: 1, window: 9, blockFor: 5_000 })],
    })
    const [, first, second] = await decide([request, request, request])
    const block = { userId: 42, reason: 'shop', by: 'sentinel', since: START, until: START + 5_000 }
    expect(first).toMatchObject({ reason: 'limited', retryAfter: 5_000, blockAdded: block })
    expect(second).toMatchObject({ reason: 'blocked', retryAfter: 5_000, blockAdded: undefined })
    const text = `SELECT content, until::text FROM "${SCHEMA.replaceAll('"', '""')}".records`
    const { rows } = await database.run(text, [])
    expect(rows).toEqual([{ content: '{"reason":"shop","by":"sentinel"}', until: String(START + 5_000) }])
  })

  it('a block is on the disk when the decision says so; counters need not be', async () => {
    const limits = [
      limitOf({ limit: 0, blockFor: 5_000 }),
      limitOf({ bucket: 'counted', countRefused: true }),
    ]
    let flushed = 0
    const text = 'SELECT pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn() <= 0 AS flushed'
    for (let actor = 1; actor <= 20; actor++) {
      await decide([requestOf(SPACES[0], { actor, limits: limits.slice(1) })])
      const [decision] = await decide([requestOf(SPACES[0], { actor, limits })])
      expect(decision.blockAdded).toBeDefined()
      const [row] = (await database.run(text, [])).rows as { flushed: boolean }[]
      flushed += Number(row.flushed)
    }
    // Now and then the server itself has just written something.
    expect(flushed).toBeGreaterThan(10)
  })

  it('forgets what no longer matters', async () => {
    for (let n = 0; n < 120; n++) {
      const now = START + n * 86_400_000
      await decide([requestOf(SPACES[0], { now, debounces: [debounceOf({ text: `t${n}` })] })])
    }
    const text = `SELECT max(cardinality(state))::int4 AS size FROM "${SCHEMA.replaceAll('"', '""')}".counters`
    const { rows } = await database.run(text, [])
    expect((rows[0] as { size: number }).size).toBeLessThan(60)
  })

  it('carries buckets of a chat and of its members over to its new id', async () => {
    const scopes = ['chat', 'member'] as const
    const buckets = scopes.map((scope) => ({ bucket: `of-${scope}`, scope }))
    const limits = buckets.map((moved) => limitOf({ ...moved, limiter: 'gcra' }))
    for (const actor of [1, 2]) await decide([requestOf(SPACES[0], { actor, chat: -5, limits })])
    await decide([requestOf(SPACES[0], { actor: 1, chat: -6, limits: [limits[1], limits[1]] })])
    await engine.migrateChat(SPACES[0], -5, -6, buckets, TIME)
    const left = async (actor: number, chat: number) =>
      Promise.all(
        limits.map(
          async (limit) => (await engine.peek(queryOf(SPACES[0], limit, START, actor, chat), TIME)).remaining,
        ),
      )
    expect([await left(1, -5), await left(2, -5)]).toEqual([
      [3, 3],
      [3, 3],
    ])
    expect([await left(1, -6), await left(2, -6)]).toEqual([
      [1, 1],
      [1, 2],
    ])
  })

  it('a mark of an album or a name that is any string stays apart', async () => {
    const keys = [
      'a',
      '{"a",b}',
      'NULL',
      '\u0000',
      '\ud800',
      "'; DROP TABLE x; --",
      '\\',
      'a'.repeat(1_000_000),
    ]
    const limits = keys.map((key) => limitOf({ bucket: key, scope: 'own', key, limit: 1, blockFor: 1 }))
    const id = (text: string) => ({ mark: hash53(text), window: 1_000 })
    const first = await decide(
      limits.map((limit, n) => requestOf(SPACES[0], { duplicate: id(`${n}`), limits: [limit] })),
    )
    expect(reasons(first)).toEqual(keys.map(() => 'allowed'))
    const again = await decide(
      limits.map((limit, n) => requestOf(SPACES[0], { duplicate: id(`x${n}`), limits: [limit] })),
    )
    expect(reasons(again)).toEqual(keys.map(() => 'limited'))
  })
})

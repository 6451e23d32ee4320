import { RateLimiterPostgres } from 'rate-limiter-flexible'
import { Pool } from 'pg'
import type { FlexibleStore } from '../stores/flexible'
import { ROUTE_LIMIT } from '../stores/contender'
import type { Contender } from '../stores/contender'
import { usersOf } from '../stores/traffic'
import { verifyLimit } from '../stores/verify'

/** Every contender but ours has such a pool of its own. */
export function poolOf(url: string): Pool {
  const pool = new Pool({ connectionString: url, max: 10 })
  pool.on('error', (error) => {
    // It has ended before its connections have; whoever stops the server then cuts them off.
    if (!pool.ended) console.error(`a pool of PostgreSQL: ${error.message}`)
  })
  return pool
}

/** Set up as its documentation says for a pool; users are a table of the bot's own. */
export async function flexibleStore(url: string): Promise<FlexibleStore> {
  const pool = poolOf(url)
  await pool.query('CREATE TABLE users (id bigint PRIMARY KEY)')
  return {
    limiter: (keyPrefix, points, window) =>
      new Promise((resolve, reject) => {
        const limiter = new RateLimiterPostgres(
          { storeClient: pool, tableName: 'limits', keyPrefix, points, duration: window / 1000 },
          (error) => (error === undefined ? resolve(limiter) : reject(error)),
        )
      }),
    async register(users) {
      await pool.query('INSERT INTO users SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING', [users])
    },
    async isRegistered(user) {
      const { rowCount } = await pool.query({
        name: 'user',
        text: 'SELECT 1 FROM users WHERE id = $1',
        values: [user],
      })
      return rowCount === 1
    },
    close: () => pool.end(),
  }
}

export const SELECT = 'SELECT 1, pool of 10'
export const UPSERT = 'one upsert, pool of 10'

/** A round trip with nothing in it. */
export function select(url: string): Contender {
  const pool = poolOf(url)
  return {
    name: SELECT,
    kind: 'raw',
    register: () => Promise.resolve(),
    decide: async () => (await pool.query({ name: 'select', text: 'SELECT 1' })).rowCount === 1,
    close: () => pool.end(),
  }
}

/** The least that a limit of one user costs. */
export async function upsert(url: string): Promise<Contender> {
  const { limit } = ROUTE_LIMIT
  const contender = await upsertInto(url, 'counts', (user) => user, limit)
  await verifyLimit(contender, usersOf(0, 1)[0], limit)
  return contender
}

/** The same for one row that everybody shares. */
export function hotUpsert(url: string, limit: number): Promise<Contender> {
  return upsertInto(url, `hot_counts_${limit}`, () => 0, limit)
}

async function upsertInto(
  url: string,
  table: string,
  idOf: (user: number) => number,
  limit: number,
): Promise<Contender> {
  const pool = poolOf(url)
  await pool.query(`CREATE UNLOGGED TABLE ${table} (id bigint PRIMARY KEY, hits integer NOT NULL)`)
  const text =
    `INSERT INTO ${table} AS known VALUES ($1, 1) ` +
    'ON CONFLICT (id) DO UPDATE SET hits = known.hits + 1 RETURNING hits'
  return {
    name: UPSERT,
    kind: 'raw',
    register: () => Promise.resolve(),
    async decide({ user }) {
      const { rows } = await pool.query<{ hits: number }>({ name: table, text, values: [idOf(user)] })
      return rows[0].hits <= limit
    },
    close: () => pool.end(),
  }
}

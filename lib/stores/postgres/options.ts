import { DURATION_HINT, toMilliseconds, type Duration } from '../../duration'
import { SentinelOptionsError, type Problem } from '../../errors'
import { hintFor } from '../../nearest'
import { checkCount, optionsObject } from '../store-options'
import type { Migrate } from './migrator'
import {
  isQueryable,
  isSource,
  SOURCE_HINT,
  type ClientLike,
  type PgliteLike,
  type PoolLike,
  type PostgresSource,
  type Queryable,
} from './sources'
import { DEFAULT_SCHEMA, SCHEMA_HINT } from './sql/migrations'
import { isSchemaName } from './sql/names'

/** Options of `PostgresStore`. */
export interface PostgresStoreOptions {
  /** The schema that holds the tables: letters, digits and `_`. Default `'sentinel'`. */
  readonly schema?: string
  /** `'auto'` makes and updates the tables, `'check'` only looks, `'off'` does not ask. Default `'auto'`. */
  readonly migrate?: Migrate
  /** Longest wait for one answer: set it to what `storeTimeout` is. Default `'500ms'`. */
  readonly timeout?: Duration
  /**
   * Connections at most, where the store makes the pool of a URL: all but one may be at decisions. Default 4; more pay where the
   * server has more than four processors. A channel has one more for itself.
   */
  readonly pool?: number
  /** Decisions that wait for PostgreSQL at most; the next one fails at once. Default 10,000. */
  readonly waiting?: number
  /** Decisions that travel in one statement at most. Default 256. */
  readonly batch?: number
}

/** Where PostgreSQL is, with the options beside it. */
export type PostgresStoreSource =
  | (PostgresStoreOptions & { readonly url: string })
  | (Omit<PostgresStoreOptions, 'pool'> & { readonly pool: PoolLike })
  | (Omit<PostgresStoreOptions, 'pool'> & { readonly client: ClientLike | PgliteLike | Queryable })

export interface ReadOptions {
  readonly source: PostgresSource
  readonly schema: string
  readonly migrate: Migrate
  readonly timeout: number
  readonly pool: number
  readonly waiting: number
  readonly batch: number
}

const NAMES = ['schema', 'migrate', 'timeout', 'pool', 'waiting', 'batch']
const MODES: readonly unknown[] = ['auto', 'check', 'off']
/** A statement with more decisions would keep its rows from everybody else for too long. */
const LARGEST_BATCH = 1000
const LARGEST_POOL = 1000
const NOT_OURS =
  "says how many connections the store makes of a 'postgres://' URL; it makes none beside your own client or Pool " +
  '(say max when you make the Pool)'
/** The longest that a timer can wait (ms). */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/** @throws SentinelOptionsError that lists every mistake */
export function readOptions(
  given: PostgresSource | PostgresStoreSource,
  beside: PostgresStoreOptions,
): ReadOptions {
  const problems: Problem[] = []
  const { source, rest } = sourceOf(given, problems)
  if (!isSource(source)) problems.push({ path: 'source', message: `must be ${SOURCE_HINT}` })
  const named = { ...rest, ...optionsObject(beside, problems) }
  const { schema = DEFAULT_SCHEMA, migrate = 'auto', ...others } = named
  const { timeout = '500ms', pool = 4, waiting = 10_000, batch = 256, ...unknown } = others
  for (const name of Object.keys(unknown)) {
    problems.push({
      path: name,
      message: `is not an option of PostgresStore; ${hintFor(name, NAMES, 'options')}`,
    })
  }
  if (!isSchemaName(schema)) problems.push({ path: 'schema', message: `must be ${SCHEMA_HINT}` })
  if (!MODES.includes(migrate))
    problems.push({ path: 'migrate', message: "must be 'auto', 'check' or 'off'" })
  const ms = toMilliseconds(timeout)
  if (ms === undefined || ms > LONGEST_TIMEOUT) {
    problems.push({
      path: 'timeout',
      message: `must be ${DURATION_HINT}, at most 24 days, not ${String(timeout)}`,
    })
  }
  checkCount('pool', pool, LARGEST_POOL, problems)
  if (others.pool !== undefined && typeof source === 'object') {
    problems.push({ path: 'pool', message: NOT_OURS })
  }
  checkCount('waiting', waiting, Number.MAX_SAFE_INTEGER, problems)
  checkCount('batch', batch, LARGEST_BATCH, problems)
  if (problems.length > 0 || ms === undefined) throw new SentinelOptionsError(problems)
  return { source, schema, migrate, timeout: ms, pool, waiting, batch }
}

interface Unwrapped {
  readonly source: PostgresSource
  readonly rest: PostgresStoreOptions
}

/** `pool` is a pool or, beside a URL, how many connections one of ours has. */
function sourceOf(given: PostgresSource | PostgresStoreSource, problems: Problem[]): Unwrapped {
  if (typeof given !== 'object' || given === null || isQueryable(given)) return { source: given, rest: {} }
  const { url, client, pool, ...rest }: Partial<Record<'url' | 'client' | 'pool', unknown>> = given
  const ownPool = isQueryable(pool) ? pool : undefined
  const named = [url, client, ownPool].filter((one) => one !== undefined)
  if (named.length > 1) {
    problems.push({ path: 'source', message: 'give one of url, client and pool to say where PostgreSQL is' })
  }
  const options = ownPool === undefined && pool !== undefined ? { ...rest, pool } : rest
  // What they are is looked at by readOptions, as for everybody who writes JavaScript.
  return { source: named[0] as PostgresSource, rest: options as PostgresStoreOptions }
}

/** Sees to it that the tables are those that this version of the package works on. */
import { StoreError, StoreTimeoutError } from '../../errors'
import type { PostgresConnection } from './connection'
import { codeOf } from './problems'
import { migrationsFrom, SCHEMA_VERSION } from './sql/migrations'
import { quoteName } from './sql/quote'

/** `auto` makes and updates the tables, `check` only looks, `off` does not ask. */
export type Migrate = 'auto' | 'check' | 'off'

/** A migration may wait for another process's, and for whoever uses the tables (ms). */
const PATIENCE = 60_000
/** Looking takes no time, unless nobody answers (ms). */
const LOOK = 5_000

const UNDEFINED_TABLE = '42P01'
const UNDEFINED_SCHEMA = '3F000'

/**
 * @throws StoreError where the database is older and may not be changed, or newer; whatever the connection throws.
 */
export async function migrate(connection: PostgresConnection, schema: string, mode: Migrate): Promise<void> {
  if (mode === 'off') return
  const version = await versionOf(connection, schema)
  if (version > SCHEMA_VERSION) {
    throw new StoreError(
      `PostgreSQL: schema "${schema}" has version ${version}, of a newer telegraf-sentinel; this one knows versions up to ` +
        `${SCHEMA_VERSION}. Update the package, or give this bot another schema`,
    )
  }
  if (version === SCHEMA_VERSION) return
  if (mode === 'check') {
    throw new StoreError(
      `PostgreSQL: schema "${schema}" has ${version === 0 ? 'no tables' : `version ${version}`}, version ${SCHEMA_VERSION} is ` +
        `needed. Run what npx telegraf-sentinel schema --schema ${schema} prints, or use migrate: 'auto'`,
    )
  }
  for (const text of migrationsFrom(schema, version)) await connection.query({ text }, PATIENCE)
}

/** 0: there are no tables. */
async function versionOf(connection: PostgresConnection, schema: string): Promise<number> {
  try {
    const text = `SELECT max(version)::int4 AS version FROM ${quoteName(schema)}.migrations`
    const [row] = await connection.query({ text }, LOOK)
    return Number(row?.version ?? 0)
  } catch (error) {
    if (error instanceof StoreTimeoutError) {
      throw new StoreError(
        `PostgreSQL: no answer within ${LOOK} ms: is it a PostgreSQL that listens there, is the Client that you gave ` +
          'connected, has the Pool a connection to spare?',
        { cause: error },
      )
    }
    const code = error instanceof StoreError ? codeOf(error.cause) : undefined
    if (code === UNDEFINED_TABLE || code === UNDEFINED_SCHEMA) return 0
    throw error
  }
}

/** What turns an empty database, or that of an older version, into the one that this version needs. */
import { SentinelOptionsError } from '../../../errors'
import { decideFunctions } from './decide'
import { isSchemaName } from './names'
import { quoteName } from './quote'
import { tables } from './tables'

/** One step; `sql` makes version `version` of the one before. What was released once is never changed. */
interface Migration {
  readonly version: number
  readonly sql: (schema: string) => string
}

const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: (schema) => tables(schema) + decideFunctions(schema) },
]

/** The version of the tables that this version of the package works on. */
export const SCHEMA_VERSION = MIGRATIONS.length

export const DEFAULT_SCHEMA = 'sentinel'

export const SCHEMA_HINT =
  'a name of letters, digits and _, at most 63, that does not start with a digit or pg_'

/**
 * All SQL that the PostgreSQL store needs, for those who run migrations of their own (`migrate: 'check'`). It may be run
 * again, and by several at once: each step is one transaction that does nothing where it has been done. `schema` is where the
 * tables go, `'sentinel'` by default.
 *
 * @throws SentinelOptionsError if that cannot name a schema.
 * @example
 * await writeFile('sentinel.sql', schemaSql({ schema: 'guard' })) // psql -f sentinel.sql
 */
export function schemaSql({ schema = DEFAULT_SCHEMA }: { schema?: string } = {}): string {
  if (!isSchemaName(schema)) {
    throw new SentinelOptionsError([{ path: 'schema', message: `must be ${SCHEMA_HINT}` }])
  }
  return migrationsFrom(schema, 0).join('\n')
}

/** The statements that lead from `version` to this package's, each a transaction of its own. */
export function migrationsFrom(schema: string, version: number): string[] {
  return MIGRATIONS.slice(version).map((migration) => statementOf(schema, migration))
}

/**
 * A DO block is one statement and so one transaction, whatever it is sent through. The lock goes with the transaction, not
 * the session, which a pooler may share. Once it is had, whoever had it before may have done all.
 */
function statementOf(schemaName: string, { version, sql }: Migration): string {
  const schema = quoteName(schemaName)
  return `
DO $migration$
BEGIN
  PERFORM pg_advisory_xact_lock(${lockKey(schemaName, 'migrations')});
  IF to_regnamespace('${schema}') IS NULL THEN
    CREATE SCHEMA ${schema};
  END IF;
  IF to_regclass('${schema}.migrations') IS NULL THEN
    CREATE TABLE ${schema}.migrations (
      version int PRIMARY KEY,
      applied_at timestamptz NOT NULL DEFAULT now()
    );
  END IF;
  IF EXISTS (SELECT FROM ${schema}.migrations WHERE version = ${version}) THEN
    RETURN;
  END IF;
${sql(schemaName)}
  INSERT INTO ${schema}.migrations (version) VALUES (${version});
END
$migration$;
`.trimStart()
}

/** The key of an advisory lock of this schema, as SQL. */
export function lockKey(schema: string, purpose: string): string {
  return `hashtextextended('telegraf-sentinel:${schema}:${purpose}', 0)`
}

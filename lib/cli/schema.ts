import { postgresModule } from '../stores/open'
import type { Given, OptionKinds } from './arguments'

export const SCHEMA_OPTIONS: OptionKinds = { schema: 'text' }

/** Prints the SQL that the PostgreSQL store needs. */
export function schema({ texts }: Given): number {
  const sql = postgresModule().schemaSql({ schema: texts.get('schema') })
  process.stdout.write(sql.endsWith('\n') ? sql : `${sql}\n`)
  return 0
}

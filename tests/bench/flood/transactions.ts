import { Client } from 'pg'
import { until } from '../../support/servers/child'

const OTHERS = `SELECT count(*) AS count FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`
const TRANSACTIONS = `SELECT xact_commit + xact_rollback AS count FROM pg_stat_database
  WHERE datname = current_database()`

/** Transactions so far in a database that nobody else uses any more: connections report theirs when they end. */
export async function transactionsOf(url: string): Promise<number> {
  const client = new Client(url)
  await client.connect()
  const count = async (query: string): Promise<number> => {
    const { rows } = await client.query<{ count: string }>(query)
    return Number(rows[0].count)
  }
  await until(
    async () => (await count(OTHERS)) === 0,
    () => 'somebody still uses the database: its transactions are not all counted',
  )
  const transactions = await count(TRANSACTIONS)
  await client.end()
  return transactions
}

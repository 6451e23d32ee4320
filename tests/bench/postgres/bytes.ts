import { Client } from 'pg'

/** Bytes of all tables of a database, with their indexes. */
export async function bytesOfAll(url: string): Promise<number> {
  const client = new Client(url)
  await client.connect()
  const { rows } = await client.query<{ bytes: string }>(`
    SELECT coalesce(sum(pg_total_relation_size(pg_class.oid)), 0) AS bytes
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'm') AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'`)
  await client.end()
  return Number(rows[0].bytes)
}

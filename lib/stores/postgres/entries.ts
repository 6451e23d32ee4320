/** The four primitives on the table `entries`; one statement each. */
import { StoreError } from '../../errors'
import { parseRecord } from '../json'
import type { Entry, KeyedEntry, ScanPage, Version } from '../store'
import type { PostgresConnection, Row } from './connection'
import { quoteName } from './sql/quote'
import { SERVER_NOW } from './sql/tables'

/** An index of PostgreSQL holds no longer key (bytes). */
const LONGEST_KEY = 2600

/** Above every key that starts with a prefix: no encoded key contains it. */
const BEYOND = '\u{10ffff}'

export class Entries {
  readonly #texts: ReturnType<typeof statementsFor>

  constructor(
    private readonly connection: PostgresConnection,
    schema: string,
    private readonly timeout: number,
  ) {
    this.#texts = statementsFor(`${quoteName(schema)}.entries`, `${quoteName(schema)}.versions`)
  }

  async get(key: string): Promise<Entry | undefined> {
    const [row] = await this.#query(this.#texts.get, [encodeKey(key)])
    return row && entryOf(row)
  }

  async swap(key: string, expected: Version | null, value: unknown, ttl = Infinity): Promise<Version | null> {
    const life = ttl === Infinity ? null : String(Math.ceil(ttl))
    const written = [encodeKey(key), JSON.stringify(value), life]
    const [row] =
      expected === null
        ? await this.#query(this.#texts.create, written)
        : await this.#query(this.#texts.change, [...written, String(expected)])
    return row === undefined ? null : String(row.version)
  }

  async delete(key: string, expected?: Version): Promise<boolean> {
    const version = expected === undefined ? null : String(expected)
    const rows = await this.#query(this.#texts.delete, [encodeKey(key), version])
    return rows.length > 0
  }

  async scan(prefix: string, { cursor, limit }: { cursor?: string; limit: number }): Promise<ScanPage> {
    const start = encodeKey(prefix)
    const after = cursor === undefined ? null : encodeKey(cursor)
    const rows = await this.#query(this.#texts.scan, [start, start + BEYOND, after, limit + 1])
    const entries = rows.slice(0, limit).map(keyedEntryOf)
    return { entries, ...(rows.length > limit && { cursor: entries[entries.length - 1].key }) }
  }

  #query(text: string, values: (string | number | null)[]): Promise<readonly Row[]> {
    return this.connection.query({ text, values }, this.timeout)
  }
}

function statementsFor(table: string, versions: string) {
  const alive = `(e.expires IS NULL OR e.expires > ${SERVER_NOW})`
  const expires = `${SERVER_NOW} + $3::text::bigint`
  const columns = 'e.key, e.value, e.version::text AS version, e.expires::text AS expires'
  return {
    get: `SELECT ${columns} FROM ${table} e WHERE e.key = $1::text AND ${alive}`,
    create:
      `INSERT INTO ${table} AS e (key, value, version, expires) ` +
      `VALUES ($1::text, $2::text, nextval('${versions}'), ${expires}) ` +
      `ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, version = EXCLUDED.version, expires = EXCLUDED.expires ` +
      `WHERE NOT ${alive} RETURNING e.version::text AS version`,
    change:
      `UPDATE ${table} e SET value = $2::text, version = nextval('${versions}'), expires = ${expires} ` +
      `WHERE e.key = $1::text AND e.version::text = $4::text AND ${alive} RETURNING e.version::text AS version`,
    delete:
      `DELETE FROM ${table} e WHERE e.key = $1::text AND ${alive} ` +
      `AND ($2::text IS NULL OR e.version::text = $2::text) RETURNING 1 AS deleted`,
    scan:
      `SELECT ${columns} FROM ${table} e WHERE e.key >= $1::text AND e.key < $2::text AND ${alive} ` +
      `AND e.key > coalesce($3::text, '') ORDER BY e.key LIMIT $4::int4`,
  }
}

/**
 * A key as PostgreSQL can hold it. Unit by unit, so that what starts with a prefix still does: a text of PostgreSQL has no
 * `\u0000`, and UTF-8 no half of a surrogate pair.
 */
function encodeKey(key: string): string {
  const encoded = key
    .replace(/[\\\ud800-\udfff]/g, (unit) => '\\' + unit.charCodeAt(0).toString(16).padStart(4, '0'))
    .replaceAll('\0', '\\0000')
  if (encoded.length * 3 > LONGEST_KEY && Buffer.byteLength(encoded) > LONGEST_KEY) {
    throw new StoreError(
      `PostgreSQL: a key may be ${LONGEST_KEY} bytes long, not ${Buffer.byteLength(encoded)}`,
    )
  }
  return encoded
}

function decodeKey(encoded: string): string {
  return encoded.replace(/\\([0-9a-f]{4})/g, (_escaped, unit: string) =>
    String.fromCharCode(parseInt(unit, 16)),
  )
}

function keyedEntryOf(row: Row): KeyedEntry {
  return { key: decodeKey(String(row.key)), ...entryOf(row) }
}

function entryOf({ key, value, version, expires }: Row): Entry {
  const entry = { value: parseRecord(String(value), `key ${String(key)}`), version: String(version) }
  return expires === null ? entry : { ...entry, expiresAt: Number(expires) }
}

/** Blocks, registrations and members on the table `records`: one statement for all of a call, per thousand. */
import { parseRecord } from '../json'
import { badCursor } from '../user-record'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf, UserRecordPage } from '../user-record'
import type { PostgresConnection, Row } from './connection'
import { KINDS } from './sql/decide-format'
import { numberArray, quoteName, textArray } from './sql/quote'

/** Records in one statement at most. */
const BATCH = 1000

/** Records that a page has at most, however many are asked for. */
const LONGEST_PAGE = 10_000

/** ms for a statement of many records. */
const PATIENCE = 30_000

type Stored = UserRecordOf[UserNamespace]

export class Records {
  readonly #texts: ReturnType<typeof statementsFor>

  constructor(
    private readonly connection: PostgresConnection,
    schema: string,
    private readonly timeout: number,
  ) {
    this.#texts = statementsFor(`${quoteName(schema)}.records`)
  }

  async find<N extends UserNamespace>(
    { space, namespace }: RecordPlace<N>,
    userId: number,
  ): Promise<UserRecordOf[N] | undefined> {
    const values = [space, KINDS[namespace], String(userId)]
    const [row] = await this.connection.query({ text: this.#texts.find, values }, this.timeout)
    return row && recordOf<N>(row)
  }

  async put<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    const results: (UserRecordOf[N] | undefined)[] = records.map(() => undefined)
    for (const indexes of statementsOf(records.map(({ userId }) => userId))) {
      const written = indexes.map((index) => records[index])
      const sinces = await this.#write(place, written, meeting)
      for (const index of indexes) {
        const since = sinces.get(records[index].userId)
        if (since !== undefined) results[index] = { ...records[index], since }
      }
    }
    return results
  }

  async drop<N extends UserNamespace>(
    { space, namespace }: RecordPlace<N>,
    userIds: readonly number[],
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    const results: (UserRecordOf[N] | undefined)[] = userIds.map(() => undefined)
    for (const indexes of statementsOf(userIds)) {
      const ids = indexes.map((index) => userIds[index])
      const values = [space, KINDS[namespace], numberArray(ids)]
      const rows = await this.connection.query({ text: this.#texts.drop, values }, this.#patience(ids))
      const dropped = new Map(rows.map((row) => [Number(row.user_id), recordOf<N>(row)]))
      for (const index of indexes) results[index] = dropped.get(userIds[index])
    }
    return results
  }

  async list<N extends UserNamespace>(
    { space, namespace }: RecordPlace<N>,
    { cursor, limit }: { cursor?: string; limit: number },
  ): Promise<UserRecordPage<UserRecordOf[N]>> {
    if (cursor !== undefined && !/^-?\d{1,16}$/.test(cursor)) throw badCursor(cursor)
    const most = Math.min(limit, LONGEST_PAGE)
    const values = [space, KINDS[namespace], cursor ?? null, most + 1]
    const rows = await this.connection.query({ text: this.#texts.list, values }, PATIENCE)
    const records = rows.slice(0, most).map((row) => recordOf<N>(row))
    return { records, ...(rows.length > most && { cursor: String(rows[most - 1].user_id) }) }
  }

  /** What was written, by id: its `since` as it is now. */
  async #write<N extends UserNamespace>(
    { space, namespace }: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<Map<number, number>> {
    const columns: readonly Stored[] = records
    const values = [
      space,
      KINDS[namespace],
      numberArray(columns.map(({ userId }) => userId)),
      numberArray(columns.map(({ since }) => since)),
      optionalNumbers(columns.map((record) => ('until' in record ? record.until : undefined))),
      optionalNumbers(columns.map((record) => ('updateId' in record ? record.updateId : undefined))),
      textArray(columns.map(contentOf)),
    ]
    const rows = await this.connection.query(
      { text: this.#texts.put[meeting], values },
      this.#patience(records),
    )
    return new Map(rows.map(({ user_id: id, since }) => [Number(id), Number(since)]))
  }

  #patience(items: readonly unknown[]): number {
    return items.length === 1 ? this.timeout : Math.max(PATIENCE, this.timeout)
  }
}

/** Indexes of what goes into one statement each: at most a thousand, in order, and nobody twice. */
function* statementsOf(userIds: readonly number[]): Generator<number[]> {
  let indexes: number[] = []
  let ids = new Set<number>()
  for (const [index, id] of userIds.entries()) {
    if (indexes.length === BATCH || ids.has(id)) {
      yield indexes
      indexes = []
      ids = new Set()
    }
    indexes.push(index)
    ids.add(id)
  }
  if (indexes.length > 0) yield indexes
}

/** Rows are written and locked in the order of their ids, so that no two calls wait for each other. */
function statementsFor(table: string) {
  const columns =
    'r.user_id::text AS user_id, r.since::text AS since, r.until::text AS until, r.update_id::text AS update_id, r.content'
  const whose = 'r.space = $1::text AND r.kind = $2::int2'
  const put = (since: string, condition: string): string =>
    `INSERT INTO ${table} AS r (space, kind, user_id, since, until, update_id, content) ` +
    `SELECT $1::text, $2::int2, u.* FROM unnest($3::text::bigint[], $4::text::bigint[], $5::text::bigint[], ` +
    `$6::text::bigint[], $7::text::text[]) AS u (user_id, since, until, update_id, content) ORDER BY u.user_id ` +
    `ON CONFLICT (space, user_id, kind) DO UPDATE SET since = ${since}, until = EXCLUDED.until, ` +
    `update_id = EXCLUDED.update_id, content = EXCLUDED.content ${condition} ` +
    `RETURNING r.user_id::text AS user_id, r.since::text AS since`
  return {
    find: `SELECT ${columns} FROM ${table} r WHERE ${whose} AND r.user_id = $3::text::bigint`,
    put: {
      replace: put('EXCLUDED.since', ''),
      'keep-since': put('r.since', ''),
      later: put(
        'EXCLUDED.since',
        'WHERE (EXCLUDED.since, coalesce(EXCLUDED.update_id, 0)) > (r.since, coalesce(r.update_id, 0))',
      ),
    } satisfies Record<Meeting, string>,
    drop:
      `WITH dropped AS MATERIALIZED (SELECT r.user_id FROM ${table} r WHERE ${whose} ` +
      `AND r.user_id = ANY ($3::text::bigint[]) ORDER BY r.user_id FOR UPDATE) ` +
      `DELETE FROM ${table} r USING dropped WHERE ${whose} AND r.user_id = dropped.user_id RETURNING ${columns}`,
    list:
      `SELECT ${columns} FROM ${table} r WHERE ${whose} AND ($3::text IS NULL OR r.user_id > $3::text::bigint) ` +
      `ORDER BY r.user_id LIMIT $4::int4`,
  }
}

/** The rest of a record. JSON escapes `\u0000` and lone surrogates, which a text of PostgreSQL cannot hold. */
function contentOf(record: Stored): string {
  const rest: Record<string, unknown> = { ...record }
  for (const column of ['userId', 'since', 'until', 'updateId']) delete rest[column]
  return JSON.stringify(rest)
}

function recordOf<N extends UserNamespace>(row: Row): UserRecordOf[N] {
  return {
    ...(parseRecord(String(row.content), `user ${String(row.user_id)}`) as object),
    userId: Number(row.user_id),
    since: Number(row.since),
    ...(row.until !== null && { until: Number(row.until) }),
    ...(row.update_id !== null && { updateId: Number(row.update_id) }),
  } as unknown as UserRecordOf[N]
}

function optionalNumbers(numbers: readonly (number | undefined)[]): string {
  return `{${numbers.map((number) => number ?? 'NULL').join(',')}}`
}

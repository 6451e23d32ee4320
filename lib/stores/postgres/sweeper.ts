/** Deletes what is over, a few rows at a time, by one process at a time. */
import { AsyncResource } from 'node:async_hooks'
import type { PostgresConnection } from './connection'
import { lockKey } from './sql/migrations'
import { quoteName } from './sql/quote'
import { SERVER_NOW } from './sql/tables'

/** Rows that one statement looks at, and deletes, at most. */
const LOOKS = 2000
const BATCH = 500

/** ms from one statement to the next: where it found much, while a walk goes on, and between walks. */
const SOON = 100
const STEP = 1_000
const REST = 60_000

/** ms for one statement; it holds up nobody, since it waits for no lock. */
const PATIENCE = 10_000

/** Timers are made in here, so that none carries the async context of the update that happened to make it. */
const outside = new AsyncResource('TelegrafSentinelPostgresSweeper')

/** Tables that are walked by their key: an index on `expires` would cost more with each hit than the walk does. */
const WALKED = ['counters', 'entries'] as const

/**
 * Works only while the store is used: each use makes it go on, and a timer that keeps no process alive is there only until
 * the walk that was due is done. What fails is tried again later: it is garbage, and the store's calls tell of the same.
 */
export class Sweeper {
  readonly #walk: Record<(typeof WALKED)[number], string>
  readonly #records: string
  #timer: NodeJS.Timeout | undefined
  #table: (typeof WALKED)[number] = WALKED[0]
  /** The key up to which the table has been walked. */
  #key = ''
  #used = false
  #stopped = false

  constructor(
    private readonly connection: PostgresConnection,
    schema: string,
  ) {
    this.#walk = { counters: walkOf(schema, 'counters'), entries: walkOf(schema, 'entries') }
    this.#records = blocksOf(schema)
  }

  /** The store is used. */
  start(): void {
    this.#used = true
    this.#stopped = false
    if (this.#timer === undefined) this.#schedule(STEP)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** One statement. Returns the ms after which the next is due. */
  async sweep(): Promise<number> {
    const [row] = await this.connection.query(
      { text: this.#walk[this.#table], values: [this.#key] },
      PATIENCE,
    )
    // Another process is at it.
    if (row?.mine !== true) return REST
    // There may be more of it in the same rows.
    if (Number(row.deleted) === BATCH) return SOON
    if (Number(row.looked) === LOOKS) {
      this.#key = String(row.last)
      return Number(row.deleted) > 0 ? SOON : STEP
    }
    this.#key = ''
    const next = WALKED.indexOf(this.#table) + 1
    this.#table = WALKED[next] ?? WALKED[0]
    if (next < WALKED.length) return STEP
    return this.#sweepBlocks()
  }

  async #sweepBlocks(): Promise<number> {
    const [row] = await this.connection.query({ text: this.#records }, PATIENCE)
    return Number(row?.deleted) === BATCH ? SOON : REST
  }

  /** Processes that were started together shall not sweep together. */
  #schedule(delay: number): void {
    const jittered = delay * (0.75 + Math.random() / 2)
    this.#timer = outside.runInAsyncScope(() => setTimeout(() => void this.#wake(), jittered))
    this.#timer.unref()
  }

  async #wake(): Promise<void> {
    this.#used = false
    const delay = await this.sweep().catch(() => REST)
    this.#timer = undefined
    const midway = this.#key !== '' || this.#table !== WALKED[0]
    if (!this.#stopped && (this.#used || midway)) this.#schedule(delay)
  }
}

/** `looked`, `deleted`: how many rows; `last`: the key of the last one; `mine`: whether it is this process's turn. */
function walkOf(schemaName: string, name: (typeof WALKED)[number]): string {
  const table = `${quoteName(schemaName)}.${name}`
  return `
WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(${lockKey(schemaName, 'sweep')}) AS mine),
slice AS MATERIALIZED (
  SELECT t.key, t.expires FROM turn, LATERAL (
    SELECT key, expires FROM ${table} WHERE turn.mine AND key > $1::text ORDER BY key LIMIT ${LOOKS}
  ) t
),
doomed AS MATERIALIZED (
  SELECT t.key FROM ${table} t WHERE t.key IN (SELECT key FROM slice WHERE expires <= ${SERVER_NOW} LIMIT ${BATCH})
    AND t.expires <= ${SERVER_NOW} FOR UPDATE SKIP LOCKED
),
gone AS (DELETE FROM ${table} t USING doomed WHERE t.key = doomed.key RETURNING 1)
SELECT turn.mine, (SELECT count(*) FROM slice)::int4 AS looked, (SELECT max(key) FROM slice) AS last,
  (SELECT count(*) FROM gone)::int4 AS deleted
FROM turn`
}

function blocksOf(schemaName: string): string {
  const table = `${quoteName(schemaName)}.records`
  return `
WITH doomed AS MATERIALIZED (
  SELECT space, kind, user_id FROM ${table} WHERE expires <= ${SERVER_NOW} LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM ${table} r USING doomed d
  WHERE r.space = d.space AND r.kind = d.kind AND r.user_id = d.user_id RETURNING 1
)
SELECT count(*)::int4 AS deleted FROM gone`
}

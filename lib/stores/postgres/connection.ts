/** What the PostgreSQL store needs of a connection, whichever kind of client is behind it. */
import type { OpenSession } from './listening'
import { PgliteConnection } from './pglite'
import { OwnPool } from './own-pool'
import { PoolConnection } from './pool'
import { whereOf } from './problems'
import { ownSessions } from './sessions'
import { CallerConnection, ClientConnection } from './single'
import { isClient, isPglite, isPgliteUrl, isPool, pgliteFolder, type PostgresSource } from './sources'
import { loadPg } from './peers'

/** One statement. Values are texts, numbers or null; the statement casts them (`$1::text::bigint[]`). */
export interface Statement {
  readonly text: string
  readonly values?: readonly (string | number | null)[]
}

/** Columns are to be cast to text (bigint) or int4, since clients differ in what they make of others. */
export type Row = Readonly<Record<string, unknown>>

export interface PostgresConnection {
  /** Statements that it can be at, at the same time, for the decisions. */
  readonly flights: number
  /** Opens sessions that hear notifications; absent where there can be none. */
  readonly openSession?: OpenSession
  /** Opens what is ours to open. */
  connect(): Promise<void>
  /** Closes what is ours, and nothing else. */
  close(): Promise<void>
  /**
   * Runs one statement, once: it is never sent again after it may have run. Rejects with a StoreError that says what is wrong
   * and what to do, with a StoreTimeoutError after `timeLeft` ms; what was not sent by then never is.
   */
  query(statement: Statement, timeLeft: number): Promise<readonly Row[]>
}

export interface ConnectionOptions {
  /** The schema that errors speak of. */
  readonly schema: string
  /** ms that a usual call takes at most; what the server is still at then it gives up as well, where the pool is ours. */
  readonly timeout: number
  /** Connections of a pool of ours at most. */
  readonly pool: number
}

/** The connection behind a URL or an object of the user's. A package that it needs is loaded here. */
export function connectionOf(source: PostgresSource, options: ConnectionOptions): PostgresConnection {
  const { schema, timeout, pool: max } = options
  if (typeof source === 'string') {
    if (isPgliteUrl(source)) return PgliteConnection.in(pgliteFolder(source), { schema, where: source })
    const pg = loadPg()
    const surroundings = { schema, where: whereOf(source) }
    const own = { max, timeout, surroundings }
    return PoolConnection.made(() => new OwnPool(pg, source, own), own, ownSessions(pg, source, surroundings))
  }
  const where = 'the server of your own client'
  if (isPglite(source)) return PgliteConnection.on(source, { schema, where: 'your PGlite' })
  if (isPool(source)) return PoolConnection.on(source, timeout, { schema, where })
  if (isClient(source)) return new ClientConnection(source, { schema, where })
  return new CallerConnection(source, { schema, where })
}

import { SentinelUsageError } from '../../errors'

/** How far a listing over all masters has come. */
export interface Cursor {
  /** The master that is being scanned; `undefined`: all were. */
  readonly node?: string
  /** SCAN's own cursor there. */
  readonly at: string
  readonly done: readonly string[]
  /** Keys that were named and not listed yet. */
  readonly pending: readonly string[]
}

export function startOf(masters: readonly string[]): Cursor {
  return { node: masters[0], at: '0', done: [], pending: [] }
}

export function stringifyCursor(cursor: Cursor): string {
  return JSON.stringify(cursor)
}

/**
 * The cursor of a listing that goes on. A master that is none any more is left, its successor scanned from the start: that
 * may list a record twice, and misses none.
 *
 * @throws SentinelUsageError where it is no cursor of this store.
 */
export function parseCursor(text: string, masters: readonly string[]): Cursor {
  const cursor = read(text)
  if (cursor.node === undefined || masters.includes(cursor.node)) return cursor
  return { ...cursor, node: masters.find((master) => !cursor.done.includes(master)), at: '0' }
}

function read(text: string): Cursor {
  try {
    const { node, at, done, pending } = (JSON.parse(text) ?? {}) as Cursor
    if (typeof at === 'string' && Array.isArray(done) && Array.isArray(pending))
      return { node, at, done, pending }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new SentinelUsageError(
    `${JSON.stringify(text.slice(0, 50))} is no cursor of a RedisStore: pass what scan returned`,
  )
}

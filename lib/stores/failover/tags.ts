/**
 * Versions and cursors that say which store they are of. Two stores count their versions each for itself: one store's
 * must never pass for the other's.
 */
import { SentinelUsageError } from '../../errors'
import type { Entry, Version } from '../store'
import { badCursor } from '../user-record'

export function tagVersion(index: number, version: Version): string {
  return `${index}${typeof version === 'number' ? '#' : '$'}${version}`
}

/** The store's own version; `undefined` where it is another store's. */
export function ownVersion(index: number, tagged: Version): Version | undefined {
  const [, of, kind, version] = /^(\d+)([#$])(.*)$/s.exec(String(tagged)) ?? []
  if (of !== String(index)) return undefined
  return kind === '#' ? Number(version) : version
}

export function tagEntry<T extends Entry>(index: number, entry: T): T {
  return { ...entry, version: tagVersion(index, entry.version) }
}

/** A page whose cursor, if it has one, is tagged. */
export function tagPage<T extends { readonly cursor?: string }>(index: number, page: T): T {
  return page.cursor === undefined ? page : { ...page, cursor: `${index}.${page.cursor}` }
}

interface OwnCursor {
  /** The store that the list is of. */
  readonly index: number
  readonly cursor: string
}

/** @throws SentinelUsageError for what is no cursor of ours. */
export function ownCursor(tagged: unknown): OwnCursor {
  const [, index, cursor] = (typeof tagged === 'string' && /^(\d+)\.(.*)$/s.exec(tagged)) || []
  if (index === undefined) throw badCursor(tagged)
  return { index: Number(index), cursor }
}

/** What is said of a list that one store began and another would have to go on with. */
export function staleCursor(): SentinelUsageError {
  return new SentinelUsageError(
    'the store that began this list does not serve now, and cursors are worth nothing to another: begin anew, without cursor',
  )
}

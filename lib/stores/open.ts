/** Which store a text names: `'memory'`, or a URL. A store's own code is loaded only when a URL asks for it. */
import { createRequire } from 'node:module'
import { SentinelOptionsError, StoreError, toError } from '../errors'
import { nearest } from '../nearest'
import { show, type Parsed } from '../schema'
import { MemoryStore } from './memory'
import type * as Postgres from './postgres'
import type * as Redis from './redis'
import type { StorageAdapter } from './store'

export interface OpenOptions {
  /** ms that one call may take at most. Default: the store's. */
  readonly timeout?: number
}

type Open = (url: string, options: OpenOptions) => StorageAdapter

// Not a plain `require`, which bundlers take for something that is always loaded.
const load = createRequire(__filename)

const redis: Open = (url, options) => new (load('./redis') as typeof Redis).RedisStore(url, options)
const postgres: Open = (url, options) => {
  // The host may be left out, where a socket is meant.
  if (URL.canParse(url.replace('@/', '@localhost/'))) return pglite(url, options)
  throw mistake('this PostgreSQL URL is none; it looks like postgres://user:password@host:5432/database')
}
const pglite: Open = (url, options) => new (postgresModule().PostgresStore)(url, options)

/** By what a text must start with. What follows is the store's to check. */
const STORES: Readonly<Record<string, Open>> = {
  'redis://': redis,
  'rediss://': redis,
  'postgres://': postgres,
  'postgresql://': postgres,
  'pglite:': pglite,
}
const STARTS = Object.keys(STORES)

/** What names a store, for error messages. */
const STORE_NAMES = `'memory', ${STARTS.map((start) => `'${start}…'`).join(', ')}`

/**
 * The store that a text names. Nothing is connected yet.
 *
 * @throws SentinelOptionsError for a text that names none, and for a package that is not installed
 */
export function openStore(name: string, options: OpenOptions = {}): StorageAdapter {
  if (name === 'memory') return new MemoryStore()
  const start = STARTS.find((known) => name.startsWith(known))
  if (start === undefined) throw mistake(`must be ${STORE_NAMES}, not ${show(name)}${hint(name)}`)
  try {
    return STORES[start](name, options)
  } catch (thrown) {
    if (thrown instanceof SentinelOptionsError) throw thrown
    if (thrown instanceof StoreError) throw mistake(thrown.message)
    throw mistake(`${show(name)} cannot be used: ${toError(thrown).message}`)
  }
}

/** The `store` option: a store, or a text that names one. Default `'memory'`. */
export function parseStore(given: unknown, path: string, options: OpenOptions): Parsed<StorageAdapter> {
  if (given !== undefined && typeof given !== 'string') {
    const message = `must be ${STORE_NAMES}, or an object of a class that extends StorageAdapter, not ${show(given)}`
    return { value: given as StorageAdapter, problems: isStore(given) ? [] : [{ path, message }] }
  }
  try {
    return { value: openStore(given ?? 'memory', options), problems: [] }
  } catch (thrown) {
    if (!(thrown instanceof SentinelOptionsError)) throw thrown
    return { value: new MemoryStore(), problems: thrown.problems.map(({ message }) => ({ path, message })) }
  }
}

/** Whether it is a store, by what it does, not by `instanceof`: it may extend another copy of this package's class. */
export function isStore(value: unknown): value is StorageAdapter {
  const store = value as Partial<StorageAdapter> | null | undefined
  return (['get', 'swap', 'delete', 'scan', 'decide', 'putRecords'] as const).every(
    (method) => typeof store?.[method] === 'function',
  )
}

/** The PostgreSQL store's code. */
export function postgresModule(): typeof Postgres {
  return load('./postgres') as typeof Postgres
}

function hint(name: string): string {
  const near = nearest(/^[^:]*(:\/\/|:)?/.exec(name)?.[0] ?? name, ['memory', ...STARTS])
  return near === undefined ? '' : `; did you mean '${near}'?`
}

function mistake(message: string): SentinelOptionsError {
  return new SentinelOptionsError([{ path: '', message }])
}

/** What a session store is, for Telegraf and for its users, and what may be said of it. */
import { z } from 'zod/v3'
import { DURATION_HINT, toMilliseconds, type Duration } from './duration'
import { SentinelOptionsError } from './errors'
import { check, must } from './schema'

/** What Telegraf's `session({ store })` takes, in every version from 4.11 on. */
export interface SessionStore<T> {
  /** The session of this key, a copy of one's own; `undefined` where there is none, or where it is over. */
  get(name: string): Promise<T | undefined>
  /** Writes it, whatever was there; `undefined`, and what JSON makes `null` of, delete it. */
  set(name: string, value: T): Promise<void>
  delete(name: string): Promise<void>
}

/** A session store whose sessions are whatever the bot's context says they are. */
export interface AnySessionStore {
  get<T>(name: string): Promise<T | undefined>
  set<T>(name: string, value: T): Promise<void>
  delete(name: string): Promise<void>
}

/** Options of `sentinel.sessionStore`. */
export interface SessionStoreOptions {
  /** How long a session is kept after it was written last; `Infinity`: for ever. Default `'30d'`. */
  ttl?: Duration
  /** Keeps different kinds of sessions of one bot apart. Default `'main'`. */
  name?: string
}

const DEFAULT_TTL = '30d'

const schema = z.strictObject({
  ttl: must(
    (value) => value === Infinity || toMilliseconds(value) !== undefined,
    `${DURATION_HINT}, or Infinity`,
  ).optional(),
  name: must((value) => typeof value === 'string' && value !== '', 'a non-empty string').optional(),
})

/**
 * The options with their defaults; `ttl` in ms.
 *
 * @throws SentinelOptionsError with every mistake
 */
export function readSessionOptions(options: SessionStoreOptions): {
  readonly ttl: number
  readonly name: string
} {
  const { problems } = check(schema, options, 'sessionStore')
  if (problems.length > 0) throw new SentinelOptionsError(problems)
  const { ttl = DEFAULT_TTL, name = 'main' } = options
  return { ttl: toMilliseconds(ttl) ?? Infinity, name }
}

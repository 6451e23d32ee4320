/** What a failing PostgreSQL means, and what to do about it. */
import { StoreError, toError } from '../../errors'
import { maskParameters, maskUrl } from '../../mask'

/** What errors speak of. */
export interface Surroundings {
  readonly schema: string
  /** Where the server is, without its password. */
  readonly where: string
}

type Advice = (surroundings: Surroundings) => string

const MISSING: Advice = ({ schema }) =>
  `the tables of schema "${schema}" are missing or incomplete: with migrate: 'auto' the store makes them when it connects; or run what ` +
  `npx telegraf-sentinel schema --schema ${schema} prints`

const FORBIDDEN: Advice = ({ schema }) =>
  `the user lacks a privilege. To work it needs: GRANT USAGE ON SCHEMA "${schema}"; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL ` +
  `TABLES IN SCHEMA "${schema}"; GRANT USAGE ON ALL SEQUENCES IN SCHEMA "${schema}"; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ` +
  `"${schema}"; to make the tables, CREATE on the database`

const READ_ONLY: Advice = () =>
  'the server only reads: connect to the primary, not to a replica, and see default_transaction_read_only'

const POOLER: Advice = () =>
  'prepared statements do not outlive a transaction behind a pooler (PgBouncer in transaction mode): the store makes none, ' +
  'so see to the options of your own client'

const UNREACHABLE: Advice = ({ where }) =>
  `cannot be reached at ${where}: see that it runs, and the host and port`

/** By SQLSTATE, by the code of Node or, for a whole class of SQLSTATEs, by its first two characters. */
const ADVICE: Readonly<Record<string, Advice>> = {
  ECONNREFUSED: UNREACHABLE,
  ECONNRESET: ({ where }) => `the connection to ${where} broke`,
  EPIPE: ({ where }) => `the connection to ${where} broke`,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  ENOENT: UNREACHABLE,
  ENOTFOUND: ({ where }) => `there is no such host as in ${where}`,
  EAI_AGAIN: ({ where }) => `the host in ${where} cannot be looked up now`,
  '28P01': ({ where }) => `the user or password is wrong at ${where}`,
  '28000': ({ where }) => `the server lets this user not in from here at ${where}: see its pg_hba.conf`,
  '3D000': ({ where }) => `there is no such database at ${where}: create it first (CREATE DATABASE)`,
  '3F000': MISSING,
  '42P01': MISSING,
  '42883': MISSING,
  '42703': MISSING,
  '42501': FORBIDDEN,
  '25006': READ_ONLY,
  '26000': POOLER,
  '42P05': POOLER,
  '53300': () =>
    'the server has no connection left: use fewer (option pool), raise max_connections, or put PgBouncer before it',
  '53100': () => 'the disk of the server is full: make room',
  '53200': () => 'the server is out of memory',
  '57P03': () => 'the server is starting up or shutting down: it is asked again with the next call',
  '57P01': () => 'the server closed the connection (it restarts, or an administrator did it)',
  '57P02': () => 'the server crashed and restarts',
  '57014': () => 'the statement took too long and was cancelled (statement_timeout)',
  '55P03': () => 'a lock was not had in time (lock_timeout)',
  '40P01': () => 'a deadlock was broken; nothing was written',
  '40001': () =>
    "transactions met; nothing was written. Let default_transaction_isolation be 'read committed'",
  '54000': () => 'a key or a value is longer than PostgreSQL can hold',
  '0A000': () => 'the server is too old: PostgreSQL 13 or newer is needed',
  '08': ({ where }) => `the connection to ${where} failed`,
  '53': () => 'the server is out of resources',
}

/** Messages of pg itself, which have no code. */
const SAID: readonly (readonly [RegExp, Advice])[] = [
  [/prepared statement/i, POOLER],
  [
    /SASL|password must be a string|password authentication/i,
    ({ where }) => `the password is missing or wrong at ${where}`,
  ],
  [
    /no pg_hba\.conf entry/i,
    ({ where }) => `the server lets this user not in from here at ${where}: see its pg_hba.conf`,
  ],
  [
    /does not support SSL/i,
    () => 'the server has no TLS: leave sslmode out of the URL, or switch it on there',
  ],
  [
    /certificate|self.signed/i,
    () => 'the certificate of the server is not trusted: give its CA (sslrootcert)',
  ],
  [/timeout exceeded when trying to connect|timeout expired|due to connection timeout/i, UNREACHABLE],
  [
    /Connection terminated|not queryable|Client was closed/i,
    ({ where }) => `the connection to ${where} broke`,
  ],
  [/pool after calling end/i, () => 'the pool was closed: the store cannot be used any more'],
]

/** The StoreError to tell of `thrown`; its `cause` is what was thrown. */
export function storeErrorOf(thrown: unknown, surroundings: Surroundings): StoreError {
  if (thrown instanceof StoreError) return thrown
  const error = innermost(toError(thrown))
  const advice = adviceOn(error)
  const told = codeOf(error) === undefined ? error.message : `${error.message} (${codeOf(error)})`
  const said = maskUrl(told)
  const message = advice === undefined ? said : `${advice(surroundings)}. It said: ${said}`
  return new StoreError(`PostgreSQL: ${message}`, { cause: thrown })
}

/** SQLSTATE, or the code of a failing socket. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** A host with several addresses fails with one error that holds one for each. */
function innermost(error: Error): Error {
  return 'errors' in error && Array.isArray(error.errors) && error.errors.length > 0
    ? toError(error.errors[0])
    : error
}

function adviceOn(error: Error): Advice | undefined {
  const code = codeOf(error)
  if (code === '0A000' && /cached plan/i.test(error.message)) return MISSING
  const known = code === undefined ? undefined : (ADVICE[code] ?? ADVICE[code.slice(0, 2)])
  return known ?? SAID.find(([pattern]) => pattern.test(error.message))?.[1]
}

/** A URL as it may be shown: with its user. Whatever a password is made of, it ends at the last `@`. */
export function whereOf(url: string): string {
  const shown = maskParameters(url)
  const [, start, user, rest] = /^(\w+:\/\/)([^:@/?]*).*@(.*)$/s.exec(shown) ?? []
  return start === undefined ? shown : `${start}${user}@${rest}`
}

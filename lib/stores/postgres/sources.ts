/** What the store can work on, told apart by what it has: another copy of a package is as good as ours. */

/** Anything that runs one statement: values are given as `$1`, `$2`, … */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
}

/** A `Client` of pg, connected by whoever made it. */
export interface ClientLike extends Queryable {
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

/** A client out of a pool. */
export interface PooledClient extends ClientLike {
  /** With an error it is closed, not used again. */
  release(error?: Error): void
  /** Whether its connection holds the process. */
  ref?(): void
  unref?(): void
}

export interface Notification {
  readonly channel: string
  readonly payload?: string
}

/** A client of pg, as one that hears notifications. */
export interface ListeningClient extends Queryable {
  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): unknown
  removeListener<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): unknown
  /** As the server has named it, or whoever stands between. */
  readonly processID?: number | null
}

interface ClientEvents {
  readonly error: (error: Error) => void
  readonly notification: (notification: Notification) => void
  readonly end: () => void
}

/** What gives out clients, to be released. */
export interface Connecting {
  connect(): Promise<PooledClient>
}

/** A `Pool` of pg. */
export interface PoolLike extends Queryable, Connecting {
  readonly totalCount: number
  readonly options?: { readonly max?: number }
  /** Whether `end` has been called. */
  readonly ending?: boolean
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

/** A `PGlite`: PostgreSQL inside this process. */
export interface PgliteLike extends Queryable {
  readonly waitReady: Promise<void>
  close(): Promise<void>
  /** Has notifications told; resolves with what ends it. */
  listen?(channel: string, listener: (payload: string) => void): Promise<() => Promise<void>>
  /** Where every statement passes. */
  execProtocolRawSync?(...args: never[]): unknown
}

/** `postgres://…`, `postgresql://…`, `pglite:<folder>`, or an object of the user's. */
export type PostgresSource = string | PoolLike | ClientLike | PgliteLike | Queryable

export function isQueryable(source: unknown): source is Queryable {
  return hasMethod(source, 'query')
}

export function isPool(source: PostgresSource): source is PoolLike {
  return (
    typeof source === 'object' &&
    'totalCount' in source &&
    hasMethod(source, 'connect') &&
    hasMethod(source, 'on')
  )
}

export function isPglite(source: Queryable): source is PgliteLike {
  return 'waitReady' in source && hasMethod(source, 'close')
}

export function isClient(source: Queryable): source is ClientLike {
  return 'connectionParameters' in source && hasMethod(source, 'on')
}

/** Every client of pg hears notifications, those out of its pools too. */
export function canListen(client: ClientLike): client is ClientLike & ListeningClient {
  return hasMethod(client, 'on') && hasMethod(client, 'removeListener')
}

function isServerUrl(source: string): boolean {
  return /^postgres(ql)?:\/\//i.test(source)
}

const PGLITE = 'pglite:'

export function isPgliteUrl(source: string): boolean {
  return source.startsWith(PGLITE) && source.length > PGLITE.length
}

/** The folder of a `pglite:` URL. */
export function pgliteFolder(source: string): string {
  return source.slice(PGLITE.length)
}

/** Whether the store can work on it. */
export function isSource(source: unknown): source is PostgresSource {
  return typeof source === 'string' ? isServerUrl(source) || isPgliteUrl(source) : isQueryable(source)
}

export const SOURCE_HINT =
  "a URL ('postgres://…', 'postgresql://…', 'pglite:<folder>'), a Pool or a connected Client of pg, a PGlite, or an " +
  'object with query(text, values) that resolves to { rows }'

function hasMethod(object: unknown, name: string): boolean {
  return typeof object === 'object' && object !== null && typeof Reflect.get(object, name) === 'function'
}

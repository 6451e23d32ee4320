/** The packages that a URL needs; they are loaded when one asks for them, and not before. */
import { createRequire } from 'node:module'
import { StoreError, toError } from '../../errors'
import type { ListeningClient, PgliteLike } from './sources'

/** A `Client` of pg, of our own making. */
export interface OwnClient extends ListeningClient {
  connect(): Promise<unknown>
  end(): Promise<void>
  ref(): void
  unref(): void
}

/** The part of `pg` that is used. */
export interface PgModule {
  readonly Client: new (config: Readonly<Record<string, unknown>>) => OwnClient
}

/** The part of `@electric-sql/pglite` that is used. */
interface PgliteModule {
  readonly PGlite: {
    readonly defaultStartParams?: readonly string[]
    new (folder: string, options: { startParams?: readonly string[] }): PgliteLike
  }
}

const load = createRequire(__filename)

/** @throws StoreError that says what to install. */
export function loadPg(): PgModule {
  return loadPeer('pg', "a 'postgres://' URL") as PgModule
}

/** @throws StoreError that says what to install. */
export function loadPglite(): PgliteModule {
  return loadPeer('@electric-sql/pglite', "a 'pglite:' folder") as PgliteModule
}

function loadPeer(name: string, what: string): unknown {
  try {
    return load(name)
  } catch (thrown) {
    const error = toError(thrown)
    const missing =
      'code' in error && error.code === 'MODULE_NOT_FOUND' && error.message.includes(`'${name}'`)
    const message = missing
      ? `${what} needs the package ${name}: npm install ${name}`
      : `the package ${name} cannot be loaded: ${error.message}`
    throw new StoreError(message, { cause: thrown })
  }
}

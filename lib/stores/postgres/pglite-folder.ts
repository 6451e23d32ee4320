/** The folder of an embedded database, which one process at a time may have open: two would ruin it. */
import { mkdirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { inspect, types } from 'node:util'
import { StoreError, toError } from '../../errors'
import { takeLock, type Lock } from '../lock'
import { codeOf } from './problems'

/** A folder that is ours until it is let go. */
export interface Folder {
  readonly path: string
  release(): void
}

const MEMORY = 'memory://'

/**
 * Makes the folder where it is missing (but not its parents: a mistyped path should say so) and locks it, with a file beside
 * it that has this process's number. A file that a dead process has left says nothing. It is the real path that counts:
 * through a symlink, it is the same folder.
 *
 * @throws StoreError where it cannot be made, or is open already.
 */
export function takeFolder(name: string): Folder {
  if (name.startsWith(MEMORY)) return { path: name, release: () => undefined }
  try {
    const path = realPathOf(resolve(name))
    const lock = lockFolder(path, name)
    return { path, release: () => lock.release() }
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError(`the folder of 'pglite:${name}' cannot be used: ${toError(error).message}`, {
      cause: error,
    })
  }
}

/** The database in the folder does not start; `thrown` is what PGlite threw, which need not be an error. */
export function unusable({ path }: Folder, thrown: unknown): StoreError {
  const said = types.isNativeError(thrown) ? thrown.message : inspect(thrown, { breakLength: Infinity })
  return new StoreError(
    `PGlite cannot start from the folder ${path}: it is damaged, is of another version of PostgreSQL, or cannot be read and ` +
      `written. Restore it from a backup, or delete it to begin anew. It said: ${said}`,
    { cause: thrown },
  )
}

function lockFolder(path: string, name: string): Lock {
  if (!statSync(dirname(path)).isDirectory()) throw new Error(`${dirname(path)} is not a folder`)
  mkdirSync(path, { recursive: true })
  const lock = takeLock(`${path}.lock`)
  if (typeof lock !== 'number') return lock
  if (lock === process.pid) {
    throw new StoreError(`'pglite:${name}' is open already in this process: share one PostgresStore object`)
  }
  throw new StoreError(
    `'pglite:${name}' is open in process ${lock}: one process at a time may have it, others need a server. ` +
      `If that process is none of this bot, delete ${path}.lock`,
  )
}

/** Of what does not exist yet: that of the nearest parent that does, and the rest. */
function realPathOf(path: string): string {
  try {
    return realpathSync.native(path)
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    return dirname(path) === path ? path : join(realPathOf(dirname(path)), basename(path))
  }
}

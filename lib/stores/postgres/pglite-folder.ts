/** The folder of an embedded database, which one process at a time may have open: two would ruin it. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { StoreError, toError } from '../../errors'
import { codeOf } from './problems'

/** A folder that is ours until it is let go. */
export interface Folder {
  readonly path: string
  release(): void
}

const MEMORY = 'memory://'
/** Folders that are open in this process. */
const open = new Set<string>()

/**
 * Makes the folder where it is missing (but not its parents: a mistyped path should say so) and locks it, with a file beside
 * it that has this process's number. A file that a dead process has left says nothing.
 *
 * @throws StoreError where it cannot be made, or is open already.
 */
export function takeFolder(name: string): Folder {
  if (name.startsWith(MEMORY)) return { path: name, release: () => undefined }
  const path = resolve(name)
  const lock = `${path}.lock`
  if (open.has(path)) {
    throw new StoreError(`'pglite:${name}' is open already in this process: share one PostgresStore object`)
  }
  try {
    if (!statSync(dirname(path)).isDirectory()) throw new Error(`${dirname(path)} is not a folder`)
    mkdirSync(path, { recursive: true })
    if (!take(lock)) {
      if (isLive(holderOf(lock))) throw inUse(name, lock)
      rmSync(lock, { force: true })
      if (!take(lock)) throw inUse(name, lock)
    }
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError(`the folder of 'pglite:${name}' cannot be used: ${toError(error).message}`, {
      cause: error,
    })
  }
  open.add(path)
  return {
    path,
    release() {
      if (open.delete(path)) rmSync(lock, { force: true })
    },
  }
}

function inUse(name: string, lock: string): StoreError {
  return new StoreError(
    `'pglite:${name}' is open in process ${holderOf(lock)}: one process at a time may have it, others need a server. ` +
      `If that process is none of this bot, delete ${lock}`,
  )
}

function take(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function holderOf(lock: string): number {
  try {
    return Number(readFileSync(lock, 'utf8'))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0
    throw error
  }
}

/** This process's number on a file that it has not written is that of an earlier one, as in a restarted container. */
function isLive(pid: number): boolean {
  if (!(pid > 0) || pid === process.pid) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

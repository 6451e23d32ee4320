/** Where a journal on disk is, and whose. */
import { lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { StoreError, toError } from '../../errors'
import { takeLock, type Lock } from '../lock'

/** The file itself: a link stays one when the file is replaced, and two names of one file mean one lock. */
export function realPathOf(path: string): string {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isFile() === false)
      throw new Error('it is no regular file; name one, or one that is to be made')
    if (found !== undefined) return realpathSync(path)
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
    if (isLink) return realPathOf(resolve(dirname(path), readlinkSync(path)))
    return join(realpathSync(dirname(path)), basename(path))
  } catch (error) {
    throw asStoreError(path, 'cannot be used', error)
  }
}

/** @throws StoreError where another process, or this one, has the journal. */
export function lockFor(path: string): Lock {
  try {
    const lock = takeLock(`${path}.lock`)
    if (typeof lock !== 'number') return lock
    const where = lock === process.pid ? 'already in this process' : `in process ${lock}`
    throw new StoreError(
      `the journal ${path} is open ${where}: each process needs a file of its own. ` +
        `If that process is none of this bot, delete ${path}.lock`,
    )
  } catch (error) {
    throw asStoreError(path, 'cannot be used', error)
  }
}

/** What is said of a journal that is in trouble. */
export function asStoreError(path: string, what: string, thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown
  return new StoreError(`the journal ${path} ${what}: ${toError(thrown).message}`, { cause: thrown })
}

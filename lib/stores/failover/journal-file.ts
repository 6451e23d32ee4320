/** Journals on disk: a line of JSON for each write, appended before anybody is told that it was made. */
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { StoreError, toError } from '../../errors'
import { parseJson } from '../json'
import { takeLock, type Lock } from '../lock'

/** A file that is made anew, and whose end is where everything is written. */
const ANEW = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND

/** What is read from a file. */
export interface Opened<T> {
  readonly file: JournalFile
  readonly lines: readonly T[]
  /** A last line that a process which ended has not finished; nobody was told that it was written. */
  readonly torn: string | undefined
}

export class JournalFile {
  #descriptor: number
  /** Bytes of whole lines. */
  #length: number
  #lines: number

  private constructor(
    readonly path: string,
    private readonly lock: Lock,
    lines: readonly string[],
  ) {
    this.#descriptor = openSync(path, 'a')
    this.#length = Buffer.byteLength(textOf(lines))
    this.#lines = lines.length
  }

  /**
   * Takes the file for this process and reads it; it is made where there is none.
   *
   * @param read what a line says; `undefined` where that makes no sense.
   * @throws StoreError where another process has it, it cannot be used, or a line in it makes no sense.
   */
  static open<T>(name: string, read: (line: unknown) => T | undefined): Opened<T> {
    const path = realPathOf(resolve(name))
    const lock = lockFor(path)
    try {
      const [lines, torn] = linesOf(path)
      const understood = lines.map((line, n) => read(parseJson(line)) ?? malformed(path, n + 1, line))
      // What is torn must not stand before the next line.
      if (torn !== undefined) closeSync(replaced(path, lines))
      return { file: new JournalFile(path, lock, lines), lines: understood, torn }
    } catch (error) {
      lock.release()
      throw asStoreError(path, 'cannot be used', error)
    }
  }

  /** Lines in it. */
  get lines(): number {
    return this.#lines
  }

  /** @throws StoreError where the disk does not take them; then none of them is in the file. */
  append(lines: readonly string[]): void {
    const bytes = Buffer.from(textOf(lines))
    try {
      const written = writeSync(this.#descriptor, bytes)
      if (written < bytes.length) throw new Error(`ENOSPC: ${written} of ${bytes.length} bytes were taken`)
    } catch (error) {
      this.#takeBack(error)
    }
    this.#length += bytes.length
    this.#lines += lines.length
  }

  /** These lines in place of all others, in one step. @throws StoreError where the disk does not take them. */
  rewrite(lines: readonly string[]): void {
    const former = this.#descriptor
    try {
      this.#descriptor = replaced(this.path, lines)
      this.#length = Buffer.byteLength(textOf(lines))
      this.#lines = lines.length
      closeSync(former)
    } catch (error) {
      throw asStoreError(this.path, 'cannot be written', error)
    }
  }

  close(): void {
    try {
      closeSync(this.#descriptor)
    } finally {
      this.lock.release()
    }
  }

  #takeBack(thrown: unknown): never {
    try {
      ftruncateSync(this.#descriptor, this.#length)
    } catch (error) {
      throw asStoreError(this.path, `is damaged (${toError(thrown).message})`, error)
    }
    throw asStoreError(this.path, 'cannot be written', thrown)
  }
}

function lockFor(path: string): Lock {
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

function linesOf(path: string): [lines: string[], torn: string | undefined] {
  if (!existsSync(path)) return [[], undefined]
  const lines = readFileSync(path, 'utf8').split('\n')
  const last = lines.pop()
  return [lines, last === '' ? undefined : last]
}

/**
 * By way of a file beside it: whoever ends meanwhile leaves the old lines or the new ones. Returns that file, open: it is the
 * journal from then on, and need not be opened again, which might fail.
 */
function replaced(path: string, lines: readonly string[]): number {
  const beside = `${path}.new`
  const descriptor = openSync(beside, ANEW)
  try {
    writeFileSync(descriptor, textOf(lines))
    fsyncSync(descriptor)
    renameSync(beside, path)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return descriptor
}

/** The file itself: a link stays one when the file is replaced, and two names of one file mean one lock. */
function realPathOf(path: string): string {
  try {
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) return realpathSync(path)
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
    if (isLink) return realPathOf(resolve(dirname(path), readlinkSync(path)))
    return join(realpathSync(dirname(path)), basename(path))
  } catch (error) {
    throw asStoreError(path, 'cannot be used', error)
  }
}

function malformed(path: string, number: number, line: string): never {
  const shown = line.length > 80 ? `${line.slice(0, 80)}…` : line
  throw new StoreError(
    `line ${number} of the journal ${path} makes no sense: ${shown}. Repair or delete it; ` +
      'the others are writes that a store has yet to get',
  )
}

function textOf(lines: readonly string[]): string {
  return lines.length === 0 ? '' : lines.join('\n') + '\n'
}

function asStoreError(path: string, what: string, thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown
  return new StoreError(`the journal ${path} ${what}: ${toError(thrown).message}`, { cause: thrown })
}

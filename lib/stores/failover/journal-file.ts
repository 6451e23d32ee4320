/** Journals on disk: a line of JSON for each write, appended before anybody is told that it was made. */
import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { resolve } from 'node:path'
import { codeOf, toError } from '../../errors'
import { ownMember, parseJson } from '../json'
import type { Lock } from '../lock'
import { asStoreError, lockFor, realPathOf } from './journal-path'

/** A file that is made anew, and whose end is where everything is written. */
const ANEW = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND

/** Why a file cannot be replaced that may be written all the same: it is a mount, or the folder is not ours. */
const IRREPLACEABLE: readonly unknown[] = ['EBUSY', 'EACCES', 'EPERM', 'EROFS', 'EXDEV']

/** A line that makes no sense. */
export interface BadLine {
  /** From 1. */
  readonly number: number
  readonly text: string
}

/** What is read from a file. */
export interface Opened<T> {
  readonly file: JournalFile
  readonly lines: readonly T[]
  readonly bad: readonly BadLine[]
  /** A last line that a process which ended has not finished; nobody was told that it was written. */
  readonly torn: string | undefined
}

/** What stands in a file. */
interface Content {
  readonly texts: readonly string[]
  readonly torn: string
  /** Bytes of whole lines. */
  readonly length: number
}

export class JournalFile {
  #descriptor: number
  /** Bytes of whole lines. */
  #length: number
  /** Whole lines, and how many of them, from the first one on, hold no more. */
  #count: number
  #void = 0

  private constructor(
    readonly path: string,
    private readonly lock: Lock,
    { texts, torn, length }: Content,
  ) {
    this.#descriptor = openSync(path, 'a')
    this.#length = length
    this.#count = texts.length
    // What is torn must not stand before the next line.
    if (torn !== '') ftruncateSync(this.#descriptor, length)
  }

  /**
   * Takes the file for this process and reads it; it is made where there is none.
   *
   * @param read what a line says; `undefined` where that makes no sense.
   * @throws StoreError where another process has it, or it cannot be used.
   */
  static open<T>(name: string, read: (line: unknown) => T | undefined): Opened<T> {
    const path = realPathOf(resolve(name))
    const lock = lockFor(path)
    try {
      const content = contentOf(path)
      const file = new JournalFile(path, lock, content)
      const { torn } = content
      return { file, ...file.#understood(content.texts, read), torn: torn === '' ? undefined : torn }
    } catch (error) {
      lock.release()
      throw asStoreError(path, 'cannot be used', error)
    }
  }

  /** What the lines say that still hold. */
  #understood<T>(texts: readonly string[], read: (line: unknown) => T | undefined) {
    const understood: { readonly number: number; readonly line: T }[] = []
    const bad: BadLine[] = []
    for (const [index, text] of texts.entries()) {
      const parsed = parseJson(text)
      const former = ownMember(parsed, 'void')
      const line = read(parsed)
      if (typeof former === 'number' && former <= index) this.#void = former
      else if (line === undefined) bad.push({ number: index + 1, text })
      else understood.push({ number: index + 1, line })
    }
    const holds = ({ number }: { readonly number: number }): boolean => number > this.#void
    return { lines: understood.filter(holds).map(({ line }) => line), bad: bad.filter(holds) }
  }

  /** Lines in it that hold. */
  get lines(): number {
    return this.#count - this.#void
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
    this.#count += lines.length
  }

  /** These lines in place of all others, in one step. @throws StoreError where the disk does not take them. */
  rewrite(lines: readonly string[]): void {
    try {
      if (lines.length === 0) this.#empty()
      else this.#replace(lines)
    } catch (error) {
      throw asStoreError(this.path, 'cannot be written', error)
    }
  }

  /** A copy of the file beside it, as it is. @throws StoreError where it cannot be made. */
  putAside(): string {
    for (let n = 1; ; n++) {
      const path = n === 1 ? `${this.path}.bad` : `${this.path}.bad.${n}`
      try {
        copyFileSync(this.path, path, constants.COPYFILE_EXCL)
        return path
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw asStoreError(path, 'cannot be written', error)
      }
    }
  }

  /** In place: a file that is mounted by itself, or stands in a folder of others, can be emptied but not replaced. */
  #empty(): void {
    ftruncateSync(this.#descriptor, 0)
    fsyncSync(this.#descriptor)
    this.#length = 0
    this.#count = 0
    this.#void = 0
  }

  #replace(lines: readonly string[]): void {
    const former = this.#descriptor
    try {
      this.#descriptor = replaced(this.path, lines)
    } catch (error) {
      if (!IRREPLACEABLE.includes(codeOf(error))) throw error
      return this.#supersede(lines)
    }
    this.#length = Buffer.byteLength(textOf(lines))
    this.#count = lines.length
    this.#void = 0
    closeSync(former)
  }

  /** The last of the new lines says that those before them hold no more: whoever ends meanwhile leaves these in force. */
  #supersede(lines: readonly string[]): void {
    const former = this.#count
    this.append([...lines, JSON.stringify({ void: former })])
    fsyncSync(this.#descriptor)
    this.#void = former
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

function contentOf(path: string): Content {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return { texts: [], torn: '', length: 0 }
  const bytes = readFileSync(path)
  const length = bytes.lastIndexOf('\n') + 1
  // An editor may have put a mark at the head.
  const texts = bytes
    .toString('utf8', 0, length)
    .replace(/^\uFEFF/, '')
    .split('\n')
    .slice(0, -1)
  return { texts, torn: bytes.toString('utf8', length), length }
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
    rmSync(beside, { force: true })
    throw error
  }
  return descriptor
}

function textOf(lines: readonly string[]): string {
  return lines.length === 0 ? '' : lines.join('\n') + '\n'
}

/** How far a migration is, kept in a small file from one run to the next. */
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { SentinelUsageError, toError } from '../errors'
import { parseJson } from '../stores/json'

export class StateFile {
  readonly path: string
  readonly #id: string
  readonly #draft: string

  /** `identity`: what makes this migration this one; only its hash is kept. */
  constructor(identity: readonly string[], path?: string) {
    this.#id = createHash('sha256').update(JSON.stringify(identity)).digest('hex')
    this.path = path ?? `telegraf-sentinel-migrate-${this.#id.slice(0, 12)}.json`
    this.#draft = `${this.path}.${process.pid}.tmp`
  }

  /**
   * To be called before anything is copied: a copy that cannot note how far it is would end after its first page.
   *
   * @throws SentinelUsageError where the file cannot be written, with the reason
   */
  check(): void {
    try {
      const found = statSync(this.path, { throwIfNoEntry: false })
      if (found?.isDirectory()) throw new Error('it is a directory')
      if (found !== undefined && !found.isFile()) throw new Error('it is not a plain file')
      if (found !== undefined) accessSync(this.path, constants.R_OK | constants.W_OK)
      writeFileSync(this.#draft, '', { mode: 0o600 })
      rmSync(this.#draft)
    } catch (error) {
      throw new SentinelUsageError(
        `the state file ${this.path} cannot be written: ${reasonOf(error, this.path)}; name another one (--state)`,
      )
    }
  }

  /**
   * The token that was kept; `undefined` if there is none.
   *
   * @throws SentinelUsageError where the file is of another migration, or none at all
   */
  read(): string | undefined {
    if (!existsSync(this.path)) return undefined
    const state = parseJson(readFileSync(this.path, 'utf8')) as
      { id?: unknown; token?: unknown } | null | undefined
    if (state?.id === this.#id && typeof state.token === 'string') return state.token
    throw new SentinelUsageError(
      `${this.path} is not the state of this migration: name another file (--state), or say --restart to replace it`,
    )
  }

  /** Replaces it in one step, so that it is whole whenever the process is killed. */
  write(token: string): void {
    writeFileSync(this.#draft, JSON.stringify({ id: this.#id, token }), { mode: 0o600 })
    renameSync(this.#draft, this.path)
  }

  remove(): void {
    rmSync(this.path, { force: true })
  }
}

function reasonOf(thrown: unknown, path: string): string {
  const error: NodeJS.ErrnoException = toError(thrown)
  const directory = dirname(resolve(path))
  switch (error.code) {
    case 'ENOENT':
      return `there is no directory ${directory}`
    case 'ENOTDIR':
      return `${directory} is not a directory`
    case 'EACCES':
    case 'EPERM':
      return `this user may not write it, or not in ${directory}`
    default:
      return error.message
  }
}

/** How far a migration is, kept in a small file from one run to the next. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { SentinelUsageError } from '../errors'
import { parseJson } from '../stores/json'

export class StateFile {
  readonly path: string
  readonly #id: string

  /** `identity`: what makes this migration this one; only its hash is kept. */
  constructor(identity: readonly string[], path?: string) {
    this.#id = createHash('sha256').update(JSON.stringify(identity)).digest('hex')
    this.path = path ?? `telegraf-sentinel-migrate-${this.#id.slice(0, 12)}.json`
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
    const draft = `${this.path}.${process.pid}.tmp`
    writeFileSync(draft, JSON.stringify({ id: this.#id, token }), { mode: 0o600 })
    renameSync(draft, this.path)
  }

  remove(): void {
    rmSync(this.path, { force: true })
  }
}

import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StorageAdapter } from 'telegraf-sentinel'
import type { Entry, ScanPage, Version } from 'telegraf-sentinel'

interface Data {
  version: number
  entries: Record<string, Entry>
}

/**
 * A store in one JSON file, for several processes of one machine.
 *
 * The file is a baton: whoever renames `store.json` to a name of its own has it, and gives it back by renaming it.
 * Of those who try, a rename succeeds for one. Where a holder was killed, the name says so, and the next one takes
 * it from there; the content is replaced by a rename too, so it is never half written.
 */
export class FileStore extends StorageAdapter {
  readonly #free: string
  readonly #mine: string

  constructor(readonly folder: string) {
    super()
    this.#free = join(folder, 'store.json')
    this.#mine = join(folder, `held.${process.pid}.${randomUUID()}`)
  }

  override async connect(): Promise<void> {
    if (existsSync(this.folder) && readdirSync(this.folder).length > 0) return
    const draft = `${this.folder}.${randomUUID()}`
    mkdirSync(draft, { recursive: true })
    writeFileSync(join(draft, 'store.json'), JSON.stringify({ version: 0, entries: {} } satisfies Data))
    try {
      renameSync(draft, this.folder)
    } catch (error) {
      rmSync(draft, { recursive: true })
      // Another process was first: then the folder is there, and it is not ours to replace.
      if (!existsSync(this.folder)) throw error
    }
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#hold(({ entries }) => entries[key])
  }

  async swap(key: string, expected: Version | null, value: unknown, ttl?: number): Promise<Version | null> {
    return this.#hold((data) => {
      if ((data.entries[key]?.version ?? null) !== expected) return null
      const version = ++data.version
      data.entries[key] = { value, version, expiresAt: ttl === undefined ? undefined : Date.now() + ttl }
      return version
    })
  }

  async delete(key: string, expected?: Version): Promise<boolean> {
    return this.#hold((data) => {
      const entry = data.entries[key]
      if (entry === undefined || (expected !== undefined && entry.version !== expected)) return false
      data.version++
      return delete data.entries[key]
    })
  }

  async scan(prefix: string, { cursor = '', limit }: { cursor?: string; limit: number }): Promise<ScanPage> {
    return this.#hold(({ entries }) => {
      const keys = Object.keys(entries).filter((key) => key.startsWith(prefix) && key > cursor)
      const page = keys.sort().slice(0, limit)
      return {
        entries: page.map((key) => ({ key, ...entries[key] })),
        cursor: keys.length > limit ? page.at(-1) : undefined,
      }
    })
  }

  /** Holds the file while `work` looks at its content, and writes what it changed. */
  async #hold<T>(work: (data: Data) => T): Promise<T> {
    while (!this.#take()) await sleep(1 + Math.random() * 4)
    try {
      const data = JSON.parse(readFileSync(this.#mine, 'utf8')) as Data
      const { version } = data
      for (const [key, { expiresAt = Infinity }] of Object.entries(data.entries)) {
        if (expiresAt <= Date.now()) delete data.entries[key]
      }
      const result = work(data)
      if (data.version !== version) {
        writeFileSync(join(this.folder, 'draft'), JSON.stringify(data))
        renameSync(join(this.folder, 'draft'), this.#mine)
      }
      return result
    } finally {
      renameSync(this.#mine, this.#free)
    }
  }

  #take(): boolean {
    const abandoned = readdirSync(this.folder).filter((name) => /^held\.\d+\./.test(name) && !isAlive(name))
    return ['store.json', ...abandoned].some((name) => renamed(join(this.folder, name), this.#mine))
  }
}

function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

function isAlive(holder: string): boolean {
  try {
    return process.kill(Number(holder.split('.')[1]), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

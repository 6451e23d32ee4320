import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StorageAdapter, type Entry, type ScanPage, type Version } from 'telegraf-sentinel'

type Data = { version: number; entries: Record<string, Entry> }

/**
 * A store in one JSON file. Whoever renames `store.json` to a name of its own holds it, and renames it back; if it is
 * killed, the name tells, and the next one takes over. Content is replaced by a rename too, so never half written.
 */
export class FileStore extends StorageAdapter {
  readonly #mine: string
  constructor(readonly folder: string) {
    super()
    this.#mine = join(folder, `held.${process.pid}.${randomUUID()}`)
  }

  override async connect(): Promise<void> {
    const draft = `${this.folder}.${randomUUID()}`
    mkdirSync(draft, { recursive: true })
    writeFileSync(join(draft, 'store.json'), '{"version":0,"entries":{}}')
    // A folder that has a store in it is not replaced.
    if (!renamed(draft, this.folder, ['ENOTEMPTY', 'EEXIST', 'EPERM'])) rmSync(draft, { recursive: true })
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#hold(({ entries }) => entries[key])
  }

  async swap(key: string, expected: Version | null, value: unknown, ttl = Infinity): Promise<Version | null> {
    return this.#hold((data) => {
      if ((data.entries[key]?.version ?? null) !== expected) return null
      const expiresAt = ttl === Infinity ? undefined : Date.now() + ttl
      data.entries[key] = { value, version: ++data.version, expiresAt }
      return data.version
    })
  }

  async delete(key: string, expected?: Version): Promise<boolean> {
    return this.#hold((data) => {
      const version = data.entries[key]?.version
      if (version === undefined || version !== (expected ?? version)) return false
      data.version++
      return delete data.entries[key]
    })
  }

  async scan(prefix: string, { cursor = '', limit }: { cursor?: string; limit: number }): Promise<ScanPage> {
    return this.#hold(({ entries }) => {
      const keys = Object.keys(entries).filter((key) => key.startsWith(prefix) && key > cursor)
      const page = keys.sort().slice(0, limit)
      return { entries: page.map((key) => ({ key, ...entries[key] })), cursor: keys[limit] && page.at(-1) }
    })
  }

  /** Holds the file while `work` reads its content and, if it raises `version`, changes it. */
  async #hold<T>(work: (data: Data) => T): Promise<T> {
    while (!this.#take()) await sleep(1 + Math.random() * 4)
    try {
      const data = JSON.parse(readFileSync(this.#mine, 'utf8')) as Data
      const { version, entries } = data
      for (const key in entries) if ((entries[key].expiresAt ?? Infinity) <= Date.now()) delete entries[key]
      const result = work(data)
      if (data.version !== version) {
        writeFileSync(join(this.folder, 'draft'), JSON.stringify(data))
        renameSync(join(this.folder, 'draft'), this.#mine)
      }
      return result
    } finally {
      renameSync(this.#mine, join(this.folder, 'store.json'))
    }
  }

  #take(): boolean {
    const files = readdirSync(this.folder).filter((name) => name === 'store.json' || isAbandoned(name))
    return files.some((name) => renamed(join(this.folder, name), this.#mine, ['ENOENT']))
  }
}

function renamed(from: string, to: string, harmless: readonly string[]): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (harmless.includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

function isAbandoned(name: string): boolean {
  const pid = Number(name.split('.')[1])
  try {
    return pid > 0 && !process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

import { StorageAdapter, type Entry, type ScanPage, type Version } from 'telegraf-sentinel'
import { HeldFile } from './held-file'

type Data = { version: number; entries: Record<string, Entry> }

/** A store in one JSON file, `store.json` in a folder of its own; any number of processes may share it. */
export class FileStore extends StorageAdapter {
  readonly #file: HeldFile<Data>
  constructor(folder: string) {
    super()
    this.#file = new HeldFile(folder)
  }

  override async connect(): Promise<void> {
    this.#file.create({ version: 0, entries: {} })
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

  /** What has expired is not there any more. */
  async #hold<T>(work: (data: Data) => T): Promise<T> {
    return this.#file.hold((data) => {
      const { entries } = data
      for (const key in entries) if ((entries[key].expiresAt ?? Infinity) <= Date.now()) delete entries[key]
      return work(data)
    })
  }
}

import { StorageAdapter } from '../../lib/stores/store'
import type { Entry, ScanPage, Version } from '../../lib/stores/store'

/** The smallest store there is: four primitives over a map. Values are held as JSON text, as a server would. */
export class MapStore extends StorageAdapter {
  readonly entries = new Map<string, { text: string; version: number; expiresAt?: number }>()
  swaps = 0
  #version = 0

  async get(key: string): Promise<Entry | undefined> {
    const entry = this.#live(key)
    return entry && { value: JSON.parse(entry.text), version: entry.version, expiresAt: entry.expiresAt }
  }

  async swap(key: string, expected: Version | null, value: unknown, ttl?: number): Promise<Version | null> {
    if ((this.#live(key)?.version ?? null) !== expected) return null
    this.swaps++
    const version = ++this.#version
    const expiresAt = ttl === undefined ? undefined : Date.now() + ttl
    this.entries.set(key, { text: JSON.stringify(value), version, expiresAt })
    return version
  }

  async delete(key: string, expected?: Version): Promise<boolean> {
    const entry = this.#live(key)
    if (entry === undefined || (expected !== undefined && entry.version !== expected)) return false
    return this.entries.delete(key)
  }

  async scan(prefix: string, { cursor = '', limit }: { cursor?: string; limit: number }): Promise<ScanPage> {
    const keys = [...this.entries.keys()].filter((key) => key.startsWith(prefix) && key > cursor).sort()
    const entries: ScanPage['entries'] = []
    for (const key of keys.slice(0, limit)) {
      const entry = await this.get(key)
      if (entry !== undefined) entries.push({ key, ...entry })
    }
    return { entries, cursor: keys.length > limit ? keys[limit - 1] : undefined }
  }

  #live(key: string) {
    const entry = this.entries.get(key)
    return entry?.expiresAt !== undefined && entry.expiresAt <= Date.now() ? undefined : entry
  }
}

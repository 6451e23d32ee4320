import { StorageAdapter } from '../../stores/store'
import type { Entry, ScanPage, Version } from '../../stores/store'

interface Held {
  readonly text: string
  readonly version: number
  readonly expiresAt: number | undefined
}

/** The smallest store there is: four primitives over a map of JSON texts. Other stores are compared with it. */
export class ReferenceStore extends StorageAdapter {
  readonly #held = new Map<string, Held>()
  #version = 0

  async get(key: string): Promise<Entry | undefined> {
    const held = this.#live(key)
    if (held === undefined) return undefined
    return { value: JSON.parse(held.text), version: held.version, expiresAt: held.expiresAt }
  }

  async swap(key: string, expected: Version | null, value: unknown, ttl?: number): Promise<Version | null> {
    if ((this.#live(key)?.version ?? null) !== expected) return null
    const version = ++this.#version
    const expiresAt = ttl === undefined ? undefined : Date.now() + ttl
    this.#held.set(key, { text: JSON.stringify(value), version, expiresAt })
    return version
  }

  async delete(key: string, expected?: Version): Promise<boolean> {
    const held = this.#live(key)
    if (held === undefined || (expected !== undefined && held.version !== expected)) return false
    return this.#held.delete(key)
  }

  async scan(prefix: string, { cursor = '', limit }: { cursor?: string; limit: number }): Promise<ScanPage> {
    const keys = [...this.#held.keys()].filter((key) => key.startsWith(prefix) && key > cursor).sort()
    const entries: ScanPage['entries'] = []
    for (const key of keys.slice(0, limit)) {
      const entry = await this.get(key)
      if (entry !== undefined) entries.push({ key, ...entry })
    }
    return { entries, cursor: keys.length > limit ? keys[limit - 1] : undefined }
  }

  #live(key: string): Held | undefined {
    const held = this.#held.get(key)
    return held?.expiresAt !== undefined && held.expiresAt <= Date.now() ? undefined : held
  }
}

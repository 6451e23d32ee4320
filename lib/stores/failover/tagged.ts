/** What is kept under keys, and lists that go on: each version and each cursor says whose it is. */
import type { Entry, ScanPage, Version } from '../store'
import type { Line } from './line'
import type { Standing } from './standing'
import { ownCursor, ownVersion, staleCursor, tagEntry, tagPage, tagVersion } from './tags'

export class Tagged {
  constructor(private readonly line: Line) {}

  async get(key: string): Promise<Entry | undefined> {
    return this.line.ask({
      ask: async ({ store, index }) => {
        const entry = await store.get(key)
        return entry === undefined ? undefined : tagEntry(index, entry)
      },
    })
  }

  async swap(key: string, expected: Version | null, value: unknown, ttl?: number) {
    return this.line.ask<Version | null>({
      ask: async ({ store, index }) => {
        const own = expected === null ? null : ownVersion(index, expected)
        // What was read of another store has changed in this one.
        if (own === undefined) return null
        const version = await store.swap(key, own, value, ttl)
        return version === null ? null : tagVersion(index, version)
      },
    })
  }

  async delete(key: string, expected?: Version): Promise<boolean> {
    return this.line.ask({
      ask: async ({ store, index }) => {
        if (expected === undefined) return store.delete(key)
        const own = ownVersion(index, expected)
        return own !== undefined && store.delete(key, own)
      },
    })
  }

  scan(prefix: string, options: { cursor?: string; limit: number }): Promise<ScanPage> {
    return this.page(options, async ({ store, index }, own) => {
      const page = await store.scan(prefix, own)
      return { ...page, entries: page.entries.map((entry) => tagEntry(index, entry)) }
    })
  }

  /** @throws SentinelUsageError for a cursor that is none, or another store's than the one that serves. */
  async page<T extends { readonly cursor?: string }>(
    { cursor, limit }: { cursor?: string; limit: number },
    ask: (standing: Standing, own: { cursor?: string; limit: number }) => Promise<T>,
  ): Promise<T> {
    const own = cursor === undefined ? undefined : ownCursor(cursor)
    return this.line.ask({
      ask: async (standing) => {
        if (own !== undefined && own.index !== standing.index) throw staleCursor()
        const page = await ask(standing, own === undefined ? { limit } : { cursor: own.cursor, limit })
        return tagPage(standing.index, page)
      },
    })
  }
}

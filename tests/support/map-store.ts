import { ReferenceStore } from '../../lib/testing/contract/reference'
import type { Entry, Version } from '../../lib/stores/store'

/** Four primitives over a map, which counts what is asked of it. */
export class MapStore extends ReferenceStore {
  readonly calls = { get: 0, swap: 0, delete: 0 }

  override async get(key: string): Promise<Entry | undefined> {
    this.calls.get++
    return super.get(key)
  }

  override async swap(key: string, expected: Version | null, value: unknown, ttl?: number) {
    this.calls.swap++
    return super.swap(key, expected, value, ttl)
  }

  override async delete(key: string, expected?: Version) {
    this.calls.delete++
    return super.delete(key, expected)
  }
}

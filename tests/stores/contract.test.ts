import { StorageAdapter, type Entry, type Version } from '../../lib/stores/store'
import { storeContract } from '../../lib/testing/store-contract'
import { MapStore } from '../support/map-store'
import { NativeStore } from '../support/native-store'

/** The example in StorageAdapter's docstring. */
class ExampleStore extends StorageAdapter {
  readonly #entries = new Map<string, Entry>()
  #version = 0

  async get(key: string) {
    return structuredClone(this.#entries.get(key))
  }
  async swap(key: string, expected: Version | null, value: unknown, ttl = Infinity) {
    if ((this.#entries.get(key)?.version ?? null) !== expected) return null
    const expiresAt = ttl === Infinity ? undefined : Date.now() + ttl
    this.#entries.set(key, structuredClone({ value, version: ++this.#version, expiresAt }))
    return this.#version
  }
  async delete(key: string, expected?: Version) {
    if (expected !== undefined && this.#entries.get(key)?.version !== expected) return false
    return this.#entries.delete(key)
  }
  async scan(prefix: string, { cursor = '', limit }: { cursor?: string; limit: number }) {
    const keys = [...this.#entries.keys()].filter((key) => key.startsWith(prefix) && key > cursor).sort()
    const page = keys.slice(0, limit).flatMap((key) => ({ key, ...(this.#entries.get(key) as Entry) }))
    return { entries: page, cursor: keys.length > limit ? page.at(-1)?.key : undefined }
  }
}

storeContract('the example in the documentation', () => new ExampleStore())
storeContract('four primitives over a map', () => new MapStore())
storeContract('a store with an engine of its own', () => new NativeStore())

test('outside of a test runner, the contract says what it needs', () => {
  const { describe } = globalThis
  Reflect.deleteProperty(globalThis, 'describe')
  try {
    expect(() => storeContract('nowhere', () => new MapStore())).toThrow(/call it in a test file/)
  } finally {
    globalThis.describe = describe
  }
})

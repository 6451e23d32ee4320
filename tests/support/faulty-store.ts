import { StorageAdapter } from '../../lib/stores/store'
import type { Version } from '../../lib/stores/store'
import { MapStore } from './map-store'

export type Primitive = 'get' | 'swap' | 'delete' | 'scan'

/** Another process: the same records, a queue of its own. What happens between two trips is the test's choice. */
export class Process extends StorageAdapter {
  /** Runs before each trip; it may let others write first, or throw as a dead connection does. */
  before: (primitive: Primitive, key: string) => Promise<void> = async () => undefined

  constructor(readonly shared: MapStore = new MapStore()) {
    super()
  }

  async get(key: string) {
    await this.before('get', key)
    return this.shared.get(key)
  }

  async swap(key: string, expected: Version | null, value: unknown, ttl?: number) {
    await this.before('swap', key)
    return this.shared.swap(key, expected, value, ttl)
  }

  async delete(key: string, expected?: Version) {
    await this.before('delete', key)
    return this.shared.delete(key, expected)
  }

  async scan(prefix: string, options: { cursor?: string; limit: number }) {
    await this.before('scan', prefix)
    return this.shared.scan(prefix, options)
  }

  /** Does `act` once, before the `count`th trip that matches. */
  interfere(primitive: Primitive, part: string, act: () => Promise<unknown>, count = 1): void {
    let left = count
    this.before = async (made, key) => {
      if (made !== primitive || !key.includes(part) || left === 0 || --left > 0) return
      await act()
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { Version } from '../../lib/stores/store'
import { MapStore } from './map-store'

/** Four primitives that each take a while, as a remote store's do; counts the trips to each key. */
export class SlowStore extends MapStore {
  readonly trips = new Map<string, number>()

  constructor(private readonly latency: number) {
    super()
  }

  override async get(key: string) {
    await this.#trip(key)
    return super.get(key)
  }

  override async swap(key: string, expected: Version | null, value: unknown, ttl?: number) {
    await this.#trip(key)
    return super.swap(key, expected, value, ttl)
  }

  override async delete(key: string, expected?: Version) {
    await this.#trip(key)
    return super.delete(key, expected)
  }

  async #trip(key: string): Promise<void> {
    this.trips.set(key, (this.trips.get(key) ?? 0) + 1)
    await sleep(this.latency)
  }
}

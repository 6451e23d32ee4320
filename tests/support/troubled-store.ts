import { MapStore } from './map-store'
import type { Version } from '../../lib/stores/store'

/**
 * `fails`: nothing is done, and it says so at once. `hangs`: nothing is done, and it never answers. `loses`: what is asked is
 * done, and the answer is an error. `mute`: what is asked is done, and it never answers.
 */
export type Trouble = 'fails' | 'hangs' | 'loses' | 'mute'

/** Four primitives over a map, whose connection a test may break. */
export class TroubledStore extends MapStore {
  #trouble: Trouble | undefined
  readonly #hanging = new Set<(error: Error) => void>()
  /** Calls of any kind, those that failed among them. */
  asked = 0
  connects = 0
  closes = 0

  get trouble(): Trouble | undefined {
    return this.#trouble
  }

  /** What never answers fails as the trouble changes: a connection that is lost takes its calls along. */
  set trouble(trouble: Trouble | undefined) {
    this.#trouble = trouble
    for (const reject of this.#hanging) reject(new Error('connection lost'))
    this.#hanging.clear()
  }

  override async connect(): Promise<void> {
    this.connects++
    await this.#trip(async () => undefined)
  }

  override async close(): Promise<void> {
    this.closes++
  }

  override get(key: string) {
    return this.#trip(() => super.get(key))
  }

  override swap(key: string, expected: Version | null, value: unknown, ttl?: number) {
    return this.#trip(() => super.swap(key, expected, value, ttl))
  }

  override delete(key: string, expected?: Version) {
    return this.#trip(() => super.delete(key, expected))
  }

  override scan(prefix: string, options: { cursor?: string; limit: number }) {
    return this.#trip(() => super.scan(prefix, options))
  }

  async #trip<T>(act: () => Promise<T>): Promise<T> {
    this.asked++
    const trouble = this.#trouble
    if (trouble === 'fails') throw new Error('connection refused')
    if (trouble === undefined || trouble === 'loses' || trouble === 'mute') {
      const result = await act()
      if (trouble === undefined) return result
      if (trouble === 'loses') throw new Error('connection reset')
    }
    return new Promise<never>((_, reject) => void this.#hanging.add(reject))
  }
}

/** Records that are written while a place is copied: what the copying has read of them may be old. */
import type { RecordPlace } from '../user-record'
import { noteKey } from './changes'

export class Touched {
  /** Writes under way, by record. */
  readonly #writing = new Map<string, number>()
  /** Records written since the copying of a place began. */
  #since: Set<string> | undefined

  /** A place is going to be read. */
  begin(): void {
    this.#since = new Set(this.#writing.keys())
  }

  end(): void {
    this.#since = undefined
  }

  has(place: RecordPlace, userId: number): boolean {
    return this.#since?.has(noteKey(place, userId)) === true
  }

  /** Records are being written; what it returns is to be called when they are. */
  touch(place: RecordPlace, userIds: readonly number[]): () => void {
    const keys = userIds.map((userId) => noteKey(place, userId))
    for (const key of keys) {
      this.#writing.set(key, (this.#writing.get(key) ?? 0) + 1)
      this.#since?.add(key)
    }
    return () => {
      for (const key of keys) {
        const left = (this.#writing.get(key) ?? 0) - 1
        if (left > 0) this.#writing.set(key, left)
        else this.#writing.delete(key)
      }
    }
  }
}

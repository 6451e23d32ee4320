/** What a store tells of itself, without being asked. */
import { toError } from '../errors'
import { isThenable } from '../promises'

/** A store that others stand behind has failed, and another answers in its stead. */
export interface DegradedEvent {
  readonly type: 'degraded'
  /** The store that failed. */
  readonly store: string
  /** The one that answers now; absent where none is left. */
  readonly by?: string
  readonly error: Error
  /** ms, the process's own clock. */
  readonly at: number
}

/** A store that had failed answers again, and what was written meanwhile is with it. */
export interface RecoveredEvent {
  readonly type: 'recovered'
  readonly store: string
  /** ms since it failed. */
  readonly away: number
  /** Writes to blocks and registrations that were made meanwhile and carried over. */
  readonly replayed: number
  readonly at: number
}

/** Something failed that no caller waits for. */
export interface StoreTroubleEvent {
  readonly type: 'storeError'
  /** What failed: `journal`, `copies`, `invalidation`, … */
  readonly source: string
  readonly error: Error
  readonly at: number
}

/** What a store tells by itself, and the sentinel as its own event of that name. */
export type StoreEvent = DegradedEvent | RecoveredEvent | StoreTroubleEvent
/** Who is told of a store's events: `store.observe(listener)`. */
export type StoreListener = (event: StoreEvent) => void

/** Those who listen to a store. */
export class StoreListeners {
  readonly #listeners = new Set<StoreListener>()

  /** Returns what ends it. */
  add(listener: StoreListener): () => void {
    // A listener of its own each time: one function given twice is two.
    const own: StoreListener = (event) => listener(event)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** What a listener throws, or rejects with, reaches neither the store nor the other listeners. */
  tell(event: StoreEvent): void {
    for (const listener of this.#listeners) {
      try {
        const result: unknown = listener(event)
        if (isThenable(result)) result.then(undefined, warn)
      } catch (thrown) {
        warn(thrown)
      }
    }
  }
}

/** (A text: of an error from another realm, a test runner's say, `emitWarning` would make a new one.) */
function warn(thrown: unknown): void {
  process.emitWarning(`a listener of a store failed: ${toError(thrown).message}`, 'SentinelWarning')
}

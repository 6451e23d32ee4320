/** Calls on sessions, one after the other for each: Telegraf begins to read a session while it still writes it. */
import { KeyQueue } from './stores/key-queue'

/** A write that has not begun. */
interface Waiting {
  latest: () => Promise<void>
  done?: Promise<void>
}

/** ms beyond `storeTimeout`: what is under way ends by itself before the next one goes. */
const SPARE = 1_000

export class SessionLine {
  readonly #queue: KeyQueue
  /** By key, where no other call waits behind it. */
  readonly #waiting = new Map<string, Waiting>()

  constructor(storeTimeout: number) {
    this.#queue = new KeyQueue(storeTimeout + SPARE, Infinity)
  }

  read<T>(key: string, work: () => Promise<T>): Promise<T> {
    // It is to find what the writes before it have written, and nothing of those behind it.
    this.#waiting.delete(key)
    return this.#queue.run([key], work)
  }

  /**
   * A write that nobody would read takes the place of the one before it, and both settle with this one: a hundred updates of a
   * group whose session is one would wait for a hundred trips.
   */
  write(key: string, work: () => Promise<void>): Promise<void> {
    const waiting = this.#waiting.get(key)
    if (waiting?.done !== undefined) {
      waiting.latest = work
      return waiting.done
    }
    const mine: Waiting = { latest: work }
    const begun = (): void => {
      if (this.#waiting.get(key) === mine) this.#waiting.delete(key)
    }
    this.#waiting.set(key, mine)
    mine.done = this.#queue.run([key], () => {
      begun()
      return mine.latest()
    })
    // Or it never will: the queue gives up what waits too long.
    mine.done.then(begun, begun)
    return mine.done
  }
}

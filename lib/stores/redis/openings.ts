/** Who has opened a user's client: what we open, we close, once the last store on it is closed. */
import { toError } from '../../errors'
import type { Openable } from './clients'

interface Opening {
  /** Settles with the first attempt; the client may go on trying. */
  readonly attempt: Promise<void>
  /** The attempt has settled. */
  over: boolean
  stores: number
}

/** ms that a client may take to send what is under way, and then to be destroyed. */
const CLOSE_TIMEOUT = 1000

const openings = new WeakMap<Openable, Opening>()

/** One store's hold on a user's client. */
export class Tenancy {
  readonly #client: Openable
  readonly #end: () => Promise<void>
  #opening: Opening | undefined
  #lastError: Error | undefined
  readonly #onError = (error: Error): void => {
    this.#lastError = error
  }
  #listening = false

  /** `end` closes the client; it is called by the last store that leaves, where a store has opened it. */
  constructor(client: Openable, end: () => Promise<void>) {
    this.#client = client
    this.#end = end
  }

  /** What the client last complained of, while it is not ready. */
  get complaint(): Error | undefined {
    if (this.#client.isReady !== false) this.#lastError = undefined
    return this.#lastError
  }

  /** Our first attempt is under way: a Cluster of redis 5 says that it is open, but knows no node yet. */
  get isOpening(): boolean {
    return this.#opening?.over === false
  }

  /** Opens the client if nobody has. Rejects with what it complains of first, while it goes on trying. */
  async open(): Promise<void> {
    this.#listen()
    if (this.#opening === undefined) {
      if (this.#client.isOpen && !openings.has(this.#client)) return
      this.#opening = openingOf(this.#client)
      this.#opening.stores++
    }
    try {
      await this.#opening.attempt
    } catch (error) {
      // It may have come up since.
      if (this.#client.isReady !== true) throw this.complaint ?? error
    } finally {
      if (!this.#client.isOpen) this.#giveUp()
    }
  }

  async close(): Promise<void> {
    this.#client.off('error', this.#onError)
    this.#listening = false
    const opening = this.#opening
    this.#opening = undefined
    if (opening === undefined || --opening.stores > 0) return
    openings.delete(this.#client)
    if (this.#client.isOpen) await this.#end()
  }

  /**
   * An 'error' that nobody listens to ends the process, and every lost connection is one. Calls say what went wrong, so
   * ours is the listener that keeps the process; the user's hear of it as before.
   */
  #listen(): void {
    if (this.#listening) return
    this.#listening = true
    this.#client.on('error', this.#onError)
  }

  /** It has closed itself: the next one to open it starts anew. */
  #giveUp(): void {
    if (openings.get(this.#client) === this.#opening) openings.delete(this.#client)
    this.#opening = undefined
  }
}

function openingOf(client: Openable): Opening {
  let opening = openings.get(client)
  if (opening === undefined) {
    const made: Opening = { attempt: firstAttempt(client), over: false, stores: 0 }
    const over = (): void => void (made.over = true)
    made.attempt.then(over, over)
    openings.set(client, made)
    opening = made
  }
  return opening
}

/** A client that retries for ever never says that it cannot: its first 'error' does. */
function firstAttempt(client: Openable): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on('error', reject)
    client
      .connect()
      .then(() => resolve(), reject)
      .finally(() => client.off('error', reject))
  })
}

/** Closes a client, or destroys it after `CLOSE_TIMEOUT`. */
export async function closeClient(client: Openable): Promise<void> {
  try {
    const closed = Promise.resolve(client.close())
    if (await endsInTime(closed)) return
    // It is destroyed below, and then that is how it ends.
    closed.catch(() => undefined)
    await endsInTime(Promise.resolve(destroyNow(client)))
  } catch (error) {
    throw toError(error)
  }
}

/** Whether `work` ends within `CLOSE_TIMEOUT`; rejects as it does. */
export async function endsInTime(work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), CLOSE_TIMEOUT)
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Destroys a client, whatever it is at; a Sentinel takes a while, and returns a promise. */
export function destroyNow(client: Openable): unknown {
  try {
    return client.destroy()
  } catch (error) {
    if (client.isOpen) throw error
    // redis 5 does not destroy what is closing already: its socket goes with the server's answer, and holds no process until then.
    return client.unref?.()
  }
}

/** The channel to the other processes on the same store. */
import { randomUUID } from 'node:crypto'
import { StoreError, toError } from '../../errors'
import type { Channel, ChannelListener } from '../channel'
import type { StoreTroubleEvent } from '../store-event'
import { messagesOf, readMessage, type Change } from './messages'
import type { LocalClock } from './times'

/** ms between two events of the channel's trouble. */
const TROUBLE_EVERY = 1_000
/** ms that `close` waits for what is being sent. */
const PATIENCE = 1_000
/** ms that a channel may take to connect before that counts as trouble. */
const CONNECTING = 5_000
/** Messages under way at most: a channel that answers none must not pile them up. */
const MOST_SENDING = 1_000

interface InvalidationParts {
  readonly local: LocalClock
  changed(change: Change): void
  /** Anything may have changed. */
  anything(): void
  /** Whether messages arrive has changed. */
  connected(isConnected: boolean): void
  report(event: StoreTroubleEvent): void
}

export class Invalidation {
  /** Tells this store's messages from others'. */
  readonly #id = randomUUID()
  readonly #parts: InvalidationParts
  readonly #sending = new Set<Promise<void>>()
  #channel: Channel | undefined
  /** Since when (local ms) messages may be missed. */
  #lostSince: number | undefined
  /** Whether the channel has said that it is lost; before it is first connected, it has not. */
  #wasTold = false
  #silentUntil = -Infinity
  #closed = false

  constructor(parts: InvalidationParts) {
    this.#parts = parts
  }

  /** ms since messages may be missed; 0 while none are, and where there is no channel. */
  get lag(): number {
    return this.#lostSince === undefined ? 0 : this.#parts.local() - this.#lostSince
  }

  /** Whether it was connected and is not, or does not get connected. */
  get isLost(): boolean {
    return this.#lostSince !== undefined && (this.#wasTold || this.lag >= CONNECTING)
  }

  /** Opens the channel, once. */
  open(openChannel: (listener: ChannelListener) => Channel | undefined): void {
    if (this.#channel !== undefined || this.#closed) return
    this.#lostSince = this.#parts.local()
    this.#channel = openChannel({
      message: (text) => this.#heard(text),
      connected: () => this.#connected(),
      lost: (error) => this.#lost(error),
    })
    if (this.#channel === undefined) this.#lostSince = undefined
  }

  /** Tells the others. The caller does not wait: what it has changed is changed. */
  tell(change: Change): void {
    const channel = this.#channel
    if (channel === undefined || this.#closed) return
    for (const message of messagesOf(this.#id, change)) this.#send(channel, message)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#parts.connected(false)
    if (this.#channel === undefined) return
    await this.#sent()
    await this.#channel.close()
  }

  #send(channel: Channel, message: string): void {
    if (this.#sending.size >= MOST_SENDING) {
      return this.#trouble(new StoreError(`${MOST_SENDING} messages to the other processes wait already`))
    }
    // As a promise whatever it does: one that throws must not fail the write that it tells of.
    const sent = (async () => channel.send(message))().catch((thrown: unknown) =>
      this.#trouble(toError(thrown)),
    )
    this.#sending.add(sent)
    void sent.finally(() => this.#sending.delete(sent))
  }

  /** Waits for what is under way, within bounds. */
  async #sent(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE)
    })
    await Promise.race([Promise.all(this.#sending), patience])
    clearTimeout(timer)
  }

  #heard(text: string): void {
    const heard = readMessage(this.#id, text)
    if (heard === 'own') return
    if (heard === 'everything') this.#parts.anything()
    else this.#parts.changed(heard)
  }

  #connected(): void {
    if (this.#closed) return
    this.#lostSince = undefined
    this.#wasTold = false
    // Whatever was learnt so far may have changed without a word.
    this.#parts.anything()
    this.#parts.connected(true)
  }

  #lost(error: Error): void {
    if (this.#closed) return
    this.#lostSince ??= this.#parts.local()
    this.#wasTold = true
    this.#parts.connected(false)
    this.#trouble(error)
  }

  #trouble(error: Error): void {
    const now = this.#parts.local()
    if (now < this.#silentUntil) return
    this.#silentUntil = now + TROUBLE_EVERY
    this.#parts.report({ type: 'storeError', source: 'invalidation', error, at: Date.now() })
  }
}

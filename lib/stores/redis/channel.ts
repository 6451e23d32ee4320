/** How processes on one Redis tell one another what has changed: its pub/sub, on one channel for all. */
import { toError } from '../../errors'
import type { Channel, ChannelListener } from '../channel'
import { Convoy } from '../convoy'
import type { RedisConnection } from './connection'
import { Line } from './line'
import type { OwnClient } from './line'
import { problemOf } from './problems'

/** Of whatever database and prefix: listeners sort them out. */
export const CHANGES = 'sentinel:changes'

/** ms between two looks at whether the subscription lives, and until it is given up. */
const PULSE_EVERY = 1000
const PULSE_TIMEOUT = 2000
/** ms that a subscription may take to be made. */
const PATIENCE = 3000

export interface RedisChannelOptions {
  /** Makes what listens. */
  newClient(): Promise<OwnClient>
  /** ms that a message may take to be sent. */
  readonly timeout: number
  /** It was closed. */
  closed(): void
}

/**
 * Messages go out on the store's own connection, one after the other, so that they arrive in their order. They come in on
 * a connection of the channel's own, which answers a PING each second: without an answer it is made anew.
 *
 * On a Cluster it listens at one of the masters, which hears what all publish: one that lives and is cut off from the
 * others is not noticed before the client's own view of the Cluster is renewed.
 */
export class RedisChannel implements Channel {
  readonly #connection: RedisConnection
  readonly #listener: ChannelListener
  readonly #line: Line
  readonly #sends: Convoy<string, undefined>
  readonly #unfollow: (() => void) | undefined
  readonly #onClose: () => void
  #pulse: NodeJS.Timeout | undefined
  /** Whether the listener knows that messages may be missed. */
  #isLost = false
  #closed = false

  /** Connects at once. */
  constructor(
    connection: RedisConnection,
    listener: ChannelListener,
    { newClient, timeout, closed }: RedisChannelOptions,
  ) {
    this.#onClose = closed
    this.#connection = connection
    this.#listener = listener
    this.#sends = new Convoy<string, undefined>((messages, timeLeft) => this.#publish(messages, timeLeft), {
      flights: 1,
      most: 1,
      timeout,
    })
    this.#line = new Line({
      make: newClient,
      greet: (client) => client.subscribe(CHANGES, (text) => this.#heard(text)),
      patience: PATIENCE,
      ready: (client) => this.#connected(client),
      lost: (error) => this.#lost(error),
    })
    this.#unfollow = connection.link.onMoved?.(() => this.#moved())
    // What it fails with the listener is told, and it is tried again.
    this.#line.open().catch(() => undefined)
  }

  async send(message: string): Promise<void> {
    await this.#sends.run(message)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#unfollow?.()
    clearTimeout(this.#pulse)
    this.#line.close()
    this.#onClose()
    await this.#sends.drain()
  }

  async #publish([message]: readonly string[], timeLeft: number): Promise<undefined[]> {
    await this.#connection.publish(CHANGES, message, timeLeft)
    return [undefined]
  }

  #heard(text: string): void {
    if (!this.#closed) this.#listener.message(text)
  }

  #connected(client: OwnClient): void {
    this.#isLost = false
    this.#listener.connected()
    this.#pulseSoon(client)
  }

  #lost(error: Error): void {
    clearTimeout(this.#pulse)
    if (this.#closed || this.#isLost) return
    this.#isLost = true
    this.#listener.lost(problemOf(error, this.#connection.link.name))
  }

  #moved(): void {
    const { client } = this.#line
    if (client !== undefined)
      this.#line.giveUp(client, new Error('Socket closed: another master has taken over'))
  }

  #pulseSoon(client: OwnClient): void {
    this.#pulse = setTimeout(() => void this.#feel(client), PULSE_EVERY)
    this.#pulse.unref()
  }

  async #feel(client: OwnClient): Promise<void> {
    const error = new Error(`Connection timeout: no answer within ${PULSE_TIMEOUT} ms`)
    let answered = false
    this.#pulse = setTimeout(() => {
      // What has arrived meanwhile is read first, if this process has been busy.
      setImmediate(() => {
        if (!answered) this.#line.giveUp(client, error)
      })
    }, PULSE_TIMEOUT)
    this.#pulse.unref()
    try {
      await client.sendCommand(['PING'])
    } catch (thrown) {
      // Where the connection stands, an error is an answer too.
      if (!client.isReady) return this.#line.giveUp(client, toError(thrown))
    }
    answered = true
    clearTimeout(this.#pulse)
    if (!this.#closed && this.#line.client === client) this.#pulseSoon(client)
  }
}

/** Sessions that hear notifications: PostgreSQL tells only those connections which have said LISTEN. */
import { StoreError } from '../../errors'
import type { ClientQueue } from './client-queue'
import type { Row, Statement } from './connection'
import type { ListeningClient, Notification } from './sources'
import { quoteName } from './sql/quote'

/** What a session tells, until it is ended. */
export interface SessionEvents {
  notified(payload: string): void
  /** It hears nothing any more. */
  broken(error: Error): void
}

/** A session that listens to one channel. */
export interface ListeningSession {
  /** Rejects unless the session still listens; takes `timeLeft` ms at most. */
  check(timeLeft: number): Promise<void>
  /** Ends it, once. With an error its connection is of no more use. Never rejects. */
  end(error?: Error): Promise<void>
}

/** Opens a session that listens to `channel`; takes `timeLeft` ms at most. */
export type OpenSession = (
  channel: string,
  events: SessionEvents,
  timeLeft: number,
) => Promise<ListeningSession>

/** What differs between the clients that a session may have. */
export interface ClientSessionParts {
  readonly client: ListeningClient
  /** Sends to the client, one statement after another. */
  readonly queue: ClientQueue
  /** Has the client hold the process, until it is finished with. */
  hold?(): void
  /** Gives the client back, or closes it. */
  finish(error: Error | undefined): Promise<void> | void
  /** Whether whoever owns the client wants it back. */
  wanted?(): boolean
}

/** ms that UNLISTEN may take; it is a courtesy. */
const UNLISTENING = 1_000

/** A session on a client of pg. */
export class ClientSession implements ListeningSession {
  #ended: Promise<void> | undefined

  private constructor(
    private readonly parts: ClientSessionParts,
    private readonly channel: string,
    private readonly events: SessionEvents,
  ) {}

  static async start(
    parts: ClientSessionParts,
    channel: string,
    events: SessionEvents,
    timeLeft: number,
  ): Promise<ClientSession> {
    const session = new ClientSession(parts, channel, events)
    await session.#listen(timeLeft)
    return session
  }

  async check(timeLeft: number): Promise<void> {
    if (this.parts.wanted?.() === true) throw new StoreError('PostgreSQL: the pool is about to end')
    // Whoever else uses the session may have said UNLISTEN * or DISCARD ALL.
    const text = 'SELECT count(*)::int4 AS n FROM pg_listening_channels() AS name WHERE name = $1::text'
    const [row] = await this.#run({ text, values: [this.channel] }, timeLeft)
    if (row?.n !== 1) throw new StoreError('PostgreSQL: the session does not listen any more')
  }

  end(error?: Error): Promise<void> {
    this.#ended ??= this.#end(error)
    return this.#ended
  }

  async #listen(timeLeft: number): Promise<void> {
    const { client } = this.parts
    client.on('notification', this.#onNotification)
    client.on('error', this.#onBroken)
    client.on('end', this.#onEnd)
    try {
      await this.#run({ text: `LISTEN ${quoteName(this.channel)}` }, timeLeft)
    } catch (thrown) {
      await this.end(thrown instanceof Error ? thrown : new Error(String(thrown)))
      throw thrown
    }
  }

  async #end(error: Error | undefined): Promise<void> {
    const { client } = this.parts
    this.parts.hold?.()
    client.removeListener('notification', this.#onNotification)
    client.removeListener('end', this.#onEnd)
    let failure = error
    if (failure === undefined) {
      await this.#run({ text: `UNLISTEN ${quoteName(this.channel)}` }, UNLISTENING).catch((thrown: Error) => {
        failure = thrown
      })
    }
    client.removeListener('error', this.#onBroken)
    await this.parts.finish(failure)
  }

  #run(statement: Statement, timeLeft: number): Promise<readonly Row[]> {
    return this.parts.queue.query(statement, timeLeft)
  }

  readonly #onNotification = ({ channel, payload }: Notification): void => {
    if (channel === this.channel) this.events.notified(payload ?? '')
  }

  readonly #onBroken = (error: Error): void => this.events.broken(error)

  readonly #onEnd = (): void => this.events.broken(new StoreError('PostgreSQL: the connection has ended'))
}

/** Connections that are the user's: one client, or whatever runs statements. */
import { ClientQueue, send } from './client-queue'
import type { PostgresConnection, Row, Statement } from './connection'
import { inTime } from './deadline'
import type { OpenSession } from './listening'
import { storeErrorOf, type Surroundings } from './problems'
import { clientSessions } from './sessions'
import type { ClientLike, Queryable } from './sources'

/** Calls whatever the user gave; it sees to its connections itself. */
export class CallerConnection implements PostgresConnection {
  readonly flights = 2

  constructor(
    private readonly caller: Queryable,
    private readonly surroundings: Surroundings,
  ) {}

  async connect(): Promise<void> {
    return undefined
  }

  async close(): Promise<void> {
    return undefined
  }

  async query(statement: Statement, timeLeft: number): Promise<readonly Row[]> {
    try {
      return await inTime(send(this.caller, statement), timeLeft, () => undefined)
    } catch (error) {
      throw storeErrorOf(error, this.surroundings)
    }
  }
}

/** One client, whose statements take turns. */
export class ClientConnection implements PostgresConnection {
  readonly flights = 1
  readonly openSession: OpenSession | undefined
  readonly #queue: ClientQueue
  /** A client that loses its server says so; that must not end the process. The calls say it as well. */
  readonly #onError = (): void => undefined

  constructor(
    private readonly client: ClientLike,
    surroundings: Surroundings,
  ) {
    this.#queue = new ClientQueue(client, surroundings)
    this.openSession = clientSessions(client, this.#queue)
  }

  async connect(): Promise<void> {
    this.client.removeListener('error', this.#onError)
    this.client.on('error', this.#onError)
  }

  async close(): Promise<void> {
    this.client.removeListener('error', this.#onError)
  }

  query(statement: Statement, timeLeft: number): Promise<readonly Row[]> {
    return this.#queue.query(statement, timeLeft)
  }
}

/** Connections that are the user's: one client, or whatever runs statements. */
import { StoreError } from '../../errors'
import type { PostgresConnection, Row, Statement } from './connection'
import { inTime } from './deadline'
import { storeErrorOf, type Surroundings } from './problems'
import type { ClientLike, Queryable } from './sources'

/** Calls that wait for the one client at most. */
const MOST_WAITING = 10_000

/** Sends a statement through what has `query`. */
export async function send(target: Queryable, { text, values }: Statement): Promise<readonly Row[]> {
  const { rows } = await target.query(text, values === undefined ? undefined : [...values])
  return rows as readonly Row[]
}

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

/** One client takes one statement after another. One that hangs holds up the rest, which then are never sent. */
export class ClientConnection implements PostgresConnection {
  readonly flights = 1
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  /** A client that loses its server says so; that must not end the process. The calls say it as well. */
  readonly #onError = (): void => undefined

  constructor(
    private readonly client: ClientLike,
    private readonly surroundings: Surroundings,
  ) {}

  async connect(): Promise<void> {
    this.client.removeListener('error', this.#onError)
    this.client.on('error', this.#onError)
  }

  async close(): Promise<void> {
    this.client.removeListener('error', this.#onError)
  }

  async query(statement: Statement, timeLeft: number): Promise<readonly Row[]> {
    if (this.#waiting >= MOST_WAITING) {
      throw new StoreError(`PostgreSQL: the client does not answer, ${this.#waiting} calls wait already`)
    }
    let late = false
    const turn = this.#last.then(async () => {
      if (!late) return send(this.client, statement)
      return []
    })
    this.#waiting++
    this.#last = turn.catch(() => undefined).finally(() => this.#waiting--)
    try {
      return await inTime(turn, timeLeft, () => (late = true))
    } catch (error) {
      throw storeErrorOf(error, this.surroundings)
    }
  }
}

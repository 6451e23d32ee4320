/** One client takes one statement after another, in turn. */
import { StoreError } from '../../errors'
import type { Row, Statement } from './connection'
import { inTime } from './deadline'
import { storeErrorOf, type Surroundings } from './problems'
import type { Queryable } from './sources'

/** Calls that wait for the one client at most. */
const MOST_WAITING = 10_000

/** Sends a statement through what has `query`. */
export async function send(target: Queryable, { text, values }: Statement): Promise<readonly Row[]> {
  const { rows } = await target.query(text, values === undefined ? undefined : [...values])
  return rows as readonly Row[]
}

/** A statement that hangs holds up those after it, which then are never sent. */
export class ClientQueue {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(
    private readonly client: Queryable,
    private readonly surroundings: Surroundings,
  ) {}

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

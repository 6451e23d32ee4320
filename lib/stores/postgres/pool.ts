/** A pool of connections: ours, made of a URL, or the user's. */
import { Deadline } from '../../deadline'
import { StoreTimeoutError, toError } from '../../errors'
import { send } from './client-queue'
import type { PostgresConnection, Row, Statement } from './connection'
import type { OpenSession } from './listening'
import { OwnPool, type OwnPoolOptions } from './own-pool'
import { codeOf, storeErrorOf, type Surroundings } from './problems'
import { poolSessions } from './sessions'
import type { Connecting, PooledClient, PoolLike } from './sources'

/** Statements with decisions at the same time, where the pool has no more than four connections, or is the user's. */
const FLIGHTS = 3

const quiet = (): void => undefined

/**
 * Runs statements on clients of a pool. A client whose call took too long is closed, for its answer may still come; the
 * server gives up what it is still at by itself (statement_timeout).
 */
export class PoolConnection implements PostgresConnection {
  #pool: Connecting

  private constructor(
    private readonly timeout: number,
    private readonly surroundings: Surroundings,
    readonly openSession: OpenSession | undefined,
    pool: Connecting,
    readonly flights: number,
    /** Makes a pool of ours; absent, the pool is the user's. */
    private readonly make?: () => OwnPool,
  ) {
    this.#pool = pool
  }

  static on(pool: PoolLike, timeout: number, surroundings: Surroundings): PoolConnection {
    // Without a listener, an idle connection that breaks ends the process.
    pool.on('error', quiet)
    return new PoolConnection(timeout, surroundings, poolSessions(pool, surroundings), pool, FLIGHTS)
  }

  /** Records and entries are left one of its connections. */
  static made(
    make: () => OwnPool,
    { max, timeout, surroundings }: OwnPoolOptions,
    openSession: OpenSession,
  ): PoolConnection {
    const flights = Math.max(FLIGHTS, max - 1)
    return new PoolConnection(timeout, surroundings, openSession, make(), flights, make)
  }

  async connect(): Promise<void> {
    if (this.#pool instanceof OwnPool && this.#pool.ended && this.make !== undefined) this.#pool = this.make()
  }

  async close(): Promise<void> {
    if (this.#pool instanceof OwnPool) await this.#pool.end()
  }

  async query(statement: Statement, timeLeft: number): Promise<readonly Row[]> {
    const call = new Call(timeLeft)
    try {
      return await Promise.race([call.expired, this.#run(statement, call)])
    } catch (error) {
      throw storeErrorOf(error, this.surroundings)
    } finally {
      call.end()
    }
  }

  async #run(statement: Statement, call: Call): Promise<readonly Row[]> {
    const client = await this.#pool.connect()
    if (call.over) {
      client.release()
      return []
    }
    call.client = client
    client.on('error', quiet)
    let failure: Error | undefined
    try {
      return await (call.timeLeft > this.timeout
        ? patiently(client, statement, call.timeLeft)
        : send(client, statement))
    } catch (error) {
      failure = toError(error)
      throw error
    } finally {
      call.release(failure !== undefined && isBroken(failure) ? failure : undefined)
    }
  }
}

/** One call, and the client that it has meanwhile. */
class Call {
  client: PooledClient | undefined
  over = false
  readonly expired: Promise<never>
  #deadline: Deadline | undefined

  constructor(readonly timeLeft: number) {
    this.expired = new Promise((_resolve, reject) => {
      if (timeLeft === Infinity) return
      this.#deadline = new Deadline(timeLeft, () => {
        const error = new StoreTimeoutError(Math.round(timeLeft))
        this.over = true
        this.release(error)
        reject(error)
      }).unref()
    })
  }

  /** Gives the client back, once; one with an error is closed. */
  release(error: Error | undefined): void {
    const { client } = this
    this.client = undefined
    if (client === undefined) return
    client.removeListener('error', quiet)
    client.release(error)
  }

  end(): void {
    this.over = true
    this.#deadline?.clear()
  }
}

/** Where more time is given than the pool's own statements have, the server is told so, for this transaction. */
async function patiently(
  client: PooledClient,
  statement: Statement,
  timeLeft: number,
): Promise<readonly Row[]> {
  const timeout = timeLeft === Infinity ? 0 : Math.ceil(timeLeft)
  await client.query(`BEGIN; SET LOCAL statement_timeout = ${timeout}`)
  try {
    const rows = await send(client, statement)
    await client.query('COMMIT')
    return rows
  } catch (error) {
    // A broken connection cannot take it, and its transaction is gone with it.
    await client.query('ROLLBACK').catch(quiet)
    throw error
  }
}

/** Whether the connection is of no more use: an error of the server alone leaves it as it was. */
function isBroken(error: Error): boolean {
  const code = codeOf(error)
  return code === undefined || !/^[0-9A-Z]{5}$/.test(code) || /^(08|57P)/.test(code)
}

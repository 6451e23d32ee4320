/** A pool of connections: ours, made of a URL, or the user's. */
import { StoreTimeoutError, toError } from '../../errors'
import type { PostgresConnection, Row, Statement } from './connection'
import { codeOf, storeErrorOf, type Surroundings } from './problems'
import { send } from './single'
import type { PooledClient, PoolLike } from './sources'

type Config = Readonly<Record<string, unknown>>

/** How long a connection may take to come about (ms); a call does not wait for it longer than for its answer. */
const CONNECTING = 5_000

/** Idle connections are closed after this long (ms). */
const IDLE = 60_000

const quiet = (): void => undefined

/**
 * Runs statements on clients of a pool. A client whose call took too long is closed, for its answer may still come; the
 * server gives up what it is still at by itself (statement_timeout).
 */
export class PoolConnection implements PostgresConnection {
  /** A fourth pays only where the server has more than four processors; records and entries need a connection, too. */
  readonly flights = 3
  #pool: PoolLike | undefined
  #closed = false

  private constructor(
    private readonly timeout: number,
    private readonly surroundings: Surroundings,
    /** Makes a pool of ours; absent, the pool is the user's. */
    private readonly make: ((config: Config) => PoolLike) | undefined,
    pool: PoolLike | undefined,
  ) {
    this.#pool = pool
    // Without a listener, an idle connection that breaks ends the process.
    pool?.on('error', quiet)
  }

  static on(pool: PoolLike, timeout: number, surroundings: Surroundings): PoolConnection {
    return new PoolConnection(timeout, surroundings, undefined, pool)
  }

  static made(
    make: (config: Config) => PoolLike,
    timeout: number,
    surroundings: Surroundings,
  ): PoolConnection {
    return new PoolConnection(timeout, surroundings, make, undefined)
  }

  async connect(): Promise<void> {
    this.#closed = false
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.make === undefined) return
    const pool = this.#pool
    this.#pool = undefined
    await pool?.end()
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
    const client = await this.#acquire()
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

  async #acquire(): Promise<PooledClient> {
    const pool = (this.#pool ??= this.#open({ statement_timeout: Math.ceil(this.timeout) }))
    try {
      return await pool.connect()
    } catch (error) {
      if (this.make === undefined || !refusesSettings(toError(error))) throw error
      // PgBouncer takes no settings that it does not know. Nothing has been sent yet, so it may be tried again.
      if (this.#pool === pool) {
        this.#pool = this.#open({})
        await pool.end()
      }
      return this.#pool.connect()
    }
  }

  #open(settings: Config): PoolLike {
    if (this.make === undefined || this.#closed)
      throw new Error('Cannot use a pool after calling end on the pool')
    const pool = this.make({
      allowExitOnIdle: true,
      connectionTimeoutMillis: Math.max(CONNECTING, this.timeout),
      idleTimeoutMillis: IDLE,
      keepAlive: true,
      fallback_application_name: 'telegraf-sentinel',
      ...settings,
    })
    pool.on('error', quiet)
    return pool
  }
}

/** One call, and the client that it has meanwhile. */
class Call {
  client: PooledClient | undefined
  over = false
  readonly expired: Promise<never>
  #timer: NodeJS.Timeout | undefined

  constructor(readonly timeLeft: number) {
    this.expired = new Promise((_resolve, reject) => {
      if (timeLeft === Infinity) return
      this.#timer = setTimeout(() => {
        const error = new StoreTimeoutError(Math.round(timeLeft))
        this.over = true
        this.release(error)
        reject(error)
      }, timeLeft)
      this.#timer.unref()
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
    clearTimeout(this.#timer)
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

function refusesSettings(error: Error): boolean {
  return /unsupported startup parameter/i.test(error.message)
}

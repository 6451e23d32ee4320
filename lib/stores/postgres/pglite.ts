/** PGlite: PostgreSQL inside this process, in a folder or in memory. */
import { StoreError } from '../../errors'
import { send } from './client-queue'
import type { PostgresConnection, Row, Statement } from './connection'
import type { OpenSession } from './listening'
import { loadPglite } from './peers'
import { takeFolder, unusable, type Folder } from './pglite-folder'
import { storeErrorOf, type Surroundings } from './problems'
import { pgliteSessions } from './sessions'
import type { PgliteLike } from './sources'

/** Else a timer of its, after a start from what a killed process left, keeps the process alive for ever. */
const QUIET_START = ['-c', 'log_startup_progress_interval=0']

/**
 * Counters are committed without waiting for the log. A server writes it a moment later; here nobody else does, so we do,
 * and an idle process stays for that moment (ms).
 */
const FLUSH = 200

/** It takes one statement after another by itself, and nothing can end one but the end of the process: no deadlines. */
export class PgliteConnection implements PostgresConnection {
  readonly flights = 1
  readonly openSession: OpenSession
  #pglite: PgliteLike | undefined
  #folder: Folder | undefined
  #flush: NodeJS.Timeout | undefined

  private constructor(
    /** Opens one of ours; absent, it is the user's. */
    private readonly open: ((folder: Folder) => PgliteLike) | undefined,
    private readonly name: string,
    pglite: PgliteLike | undefined,
    private readonly surroundings: Surroundings,
  ) {
    this.#pglite = pglite
    this.openSession = pgliteSessions(() => this.#started(), surroundings)
  }

  static on(pglite: PgliteLike, surroundings: Surroundings): PgliteConnection {
    return new PgliteConnection(undefined, '', pglite, surroundings)
  }

  static in(name: string, surroundings: Surroundings): PgliteConnection {
    const { PGlite } = loadPglite()
    const startParams = [...(PGlite.defaultStartParams ?? []), ...QUIET_START]
    const options = PGlite.defaultStartParams === undefined ? {} : { startParams }
    const open = ({ path }: Folder): PgliteLike => lettingGo(new PGlite(path, options))
    return new PgliteConnection(open, name, undefined, surroundings)
  }

  async connect(): Promise<void> {
    try {
      await this.#started()
    } catch (error) {
      await this.close()
      throw storeErrorOf(error, this.surroundings)
    }
  }

  async close(): Promise<void> {
    if (this.open === undefined) return
    clearTimeout(this.#flush)
    this.#flush = undefined
    const pglite = this.#pglite
    this.#pglite = undefined
    try {
      if (pglite !== undefined && (await hasStarted(pglite))) await pglite.close()
    } finally {
      this.#folder?.release()
      this.#folder = undefined
    }
  }

  async query(statement: Statement): Promise<readonly Row[]> {
    try {
      return await send(await this.#started(), statement)
    } catch (error) {
      throw storeErrorOf(error, this.surroundings)
    } finally {
      if (this.open !== undefined) this.#flush ??= setTimeout(() => void this.#write(), FLUSH)
    }
  }

  /** A commit that waits for the log takes all before it along. If it fails, so does the next call, which says so. */
  async #write(): Promise<void> {
    this.#flush = undefined
    await this.#pglite
      ?.query(`SELECT pg_logical_emit_message(true, 'telegraf-sentinel', '')`)
      .catch(() => undefined)
  }

  async #started(): Promise<PgliteLike> {
    const pglite = this.#opened()
    const folder = this.#folder
    try {
      await pglite.waitReady
    } catch (error) {
      throw folder === undefined ? error : unusable(folder, error)
    }
    return pglite
  }

  #opened(): PgliteLike {
    if (this.#pglite !== undefined) return this.#pglite
    if (this.open === undefined) throw new StoreError('PGlite is not open')
    this.#folder = takeFolder(this.name)
    this.#pglite = this.open(this.#folder)
    return this.#pglite
  }
}

/** One that has not has nothing to close; why not is said to those who use it. */
function hasStarted(pglite: PgliteLike): Promise<boolean> {
  return pglite.waitReady.then(
    () => true,
    () => false,
  )
}

/**
 * Sees to it that timers which the database makes while it is at a statement (statistics, ten seconds later) hold no
 * process. It makes them by the global function, in the middle of a call that nothing else can come between.
 */
export function lettingGo<T extends PgliteLike>(pglite: T): T {
  const { execProtocolRawSync: original } = pglite
  if (original === undefined) return pglite
  pglite.execProtocolRawSync = (...args) => {
    const { setTimeout: make } = globalThis
    const makeLoose = (act: () => void, delay: number): NodeJS.Timeout => make(act, delay).unref()
    Reflect.set(globalThis, 'setTimeout', makeLoose)
    try {
      return original.apply(pglite, args)
    } finally {
      Reflect.set(globalThis, 'setTimeout', make)
    }
  }
  return pglite
}

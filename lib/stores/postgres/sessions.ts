/** Sessions that listen, by what the store works on. */
import { StoreError } from '../../errors'
import { ClientQueue } from './client-queue'
import { inTime } from './deadline'
import { ClientSession, type ListeningSession, type OpenSession } from './listening'
import { hangUp, newOwn, open, type Own } from './own-client'
import type { PgModule } from './peers'
import { storeErrorOf, type Surroundings } from './problems'
import { canListen, type ClientLike, type PgliteLike, type PoolLike } from './sources'

const quiet = (): void => undefined

/** A connection of the store's own, beside its pool. */
export function ownSessions(pg: PgModule, url: string, surroundings: Surroundings): OpenSession {
  return async (channel, events, timeLeft) => {
    const own = await connected(pg, url, surroundings, timeLeft)
    const { client } = own
    const parts = {
      client,
      queue: new ClientQueue(client, surroundings),
      hold: () => client.ref(),
      finish: (error: Error | undefined) => hangUp(own, error),
    }
    return ClientSession.start(parts, channel, events, timeLeft)
  }
}

/** Holds no process, neither while it connects nor afterwards. */
async function connected(
  pg: PgModule,
  url: string,
  surroundings: Surroundings,
  timeLeft: number,
): Promise<Own> {
  try {
    const own = newOwn(pg, url, timeLeft)
    const opening = open(own)
    own.client.unref()
    await opening
    own.client.unref()
    return own
  } catch (thrown) {
    throw storeErrorOf(thrown, surroundings)
  }
}

/** One client of the user's pool for good; `undefined` where that would leave none to the store. */
export function poolSessions(pool: PoolLike, surroundings: Surroundings): OpenSession | undefined {
  if (!(Number(pool.options?.max) > 1)) return undefined
  return async (channel, events, timeLeft) => {
    const client = await checkOut(pool, timeLeft, surroundings)
    if (!canListen(client)) throw new StoreError('PostgreSQL: a client of your Pool tells no notifications')
    // A pool that is idle lets the process exit after a while; so does this client.
    client.unref?.()
    const parts = {
      client,
      queue: new ClientQueue(client, surroundings),
      hold: () => client.ref?.(),
      finish: (error: Error | undefined) => client.release(error),
      wanted: () => pool.ending === true,
    }
    return ClientSession.start(parts, channel, events, timeLeft)
  }
}

/** The user's one client, which the store's statements take turns on. */
export function clientSessions(client: ClientLike, queue: ClientQueue): OpenSession | undefined {
  if (!canListen(client)) return undefined
  return async (channel, events, timeLeft) => {
    const { processID } = client
    const [row] = await queue.query({ text: 'SELECT pg_backend_pid() AS pid' }, timeLeft)
    // One client hears what it says itself even through a pooler, so that proves nothing.
    if (typeof processID === 'number' && processID !== row?.pid) throw new UnheardError()
    return ClientSession.start({ client, queue, finish: quiet }, channel, events, timeLeft)
  }
}

/** A PGlite, once it has started. There is no connection that could be lost. */
export function pgliteSessions(started: () => Promise<PgliteLike>, surroundings: Surroundings): OpenSession {
  return async (channel, { notified }) => {
    try {
      const pglite = await started()
      if (pglite.listen === undefined) throw new StoreError('this PGlite tells no notifications: update it')
      return new PgliteSession(await pglite.listen(channel, notified))
    } catch (thrown) {
      throw storeErrorOf(thrown, surroundings)
    }
  }
}

class PgliteSession implements ListeningSession {
  constructor(private readonly unlisten: () => Promise<void>) {}

  async check(): Promise<void> {
    return undefined
  }

  async end(): Promise<void> {
    // A PGlite that was closed meanwhile cannot take it, and has nothing to forget.
    await this.unlisten().catch(quiet)
  }
}

/** Whoever listens does not hear what is told. */
export class UnheardError extends StoreError {
  constructor() {
    super(
      'PostgreSQL: notifications do not arrive: a pooler (PgBouncer in transaction or statement mode) stands between, which ' +
        'does not pass them on. Give the store a URL of the server itself, or of a pooler in session mode',
    )
  }
}

async function checkOut(pool: PoolLike, timeLeft: number, surroundings: Surroundings) {
  let late = false
  const pending = pool.connect()
  pending.then((client) => {
    if (late) client.release()
  }, quiet)
  try {
    return await inTime(pending, timeLeft, () => (late = true))
  } catch (thrown) {
    throw storeErrorOf(thrown, surroundings)
  }
}

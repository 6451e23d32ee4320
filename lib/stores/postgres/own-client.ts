/** A connection of our own. */
import { Socket } from 'node:net'
import { inTime } from './deadline'
import type { OwnClient, PgModule } from './peers'

/** A client and its socket, which can be closed when the server does not answer any more. */
export interface Own {
  readonly client: OwnClient
  readonly socket: Socket
  /** What broke it, once something has: it takes nothing any more. */
  failure: Error | undefined
}

/** ms that a goodbye may take: a server that is gone does not answer it. */
const GOODBYE = 1_000

const quiet = (): void => undefined

/** A connection that is to be opened, which may take `timeLeft` ms. */
export function newOwn(
  pg: PgModule,
  url: string,
  timeLeft: number,
  settings: Readonly<Record<string, unknown>> = {},
): Own {
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: url,
    stream: () => socket,
    connectionTimeoutMillis: timeLeft,
    keepAlive: true,
    fallback_application_name: 'telegraf-sentinel',
    ...settings,
  })
  const own: Own = { client, socket, failure: undefined }
  // It says so again after whoever used it has let go of it.
  client.on('error', (error) => {
    own.failure ??= error
  })
  return own
}

/** Opens it; what cannot be opened is closed. */
export async function open(own: Own): Promise<Own> {
  try {
    await own.client.connect()
    // The server may have ended it in the same breath.
    if (own.failure !== undefined) throw own.failure
    return own
  } catch (thrown) {
    await hangUp(own, thrown)
    throw thrown
  }
}

/** Ends a connection; one with an error is of no more use and just closed. Never rejects. */
export async function hangUp({ client, socket }: Own, error?: unknown): Promise<void> {
  // Whoever waits for it has a process that waits.
  client.ref()
  // Destroyed first, a broken socket lets the goodbye end at once.
  if (error !== undefined) socket.destroy()
  await inTime(client.end(), GOODBYE, () => socket.destroy()).catch(quiet)
}

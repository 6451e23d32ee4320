/** Where the guards' state is: in the process, or in a server of its own that counts what it is asked. */
import { MemoryStore } from '../../../lib'
import type { StorageAdapter } from '../../../lib'
import { PostgresStore } from '../../../lib/stores/postgres'
import { RedisStore } from '../../../lib/stores/redis'
import { startPostgres } from '../../support/servers/postgres'
import { startRedis } from '../../support/servers/redis'
import { bytesOfAll as postgresBytes } from '../postgres/bytes'
import { bytesOfAll as redisBytes } from '../redis/bytes'
import { transactionsOf } from './transactions'

export interface StoreServer {
  /** Has something written before anything is measured; in a server, by a store of its own. */
  fill(write: (store: StorageAdapter) => Promise<void>): Promise<void>
  /** A store on it, not connected. */
  open(): StorageAdapter
  /** Calls so far: of scripts in Redis, transactions in PostgreSQL. Right only once all stores are closed. */
  calls(): Promise<number>
  /** Bytes of all that is stored there. */
  bytes(): Promise<number>
  stop(): Promise<void>
}

export type ServerKind = 'memory' | 'Redis' | 'PostgreSQL'

export const SERVERS: Readonly<Record<ServerKind, () => Promise<StoreServer>>> = {
  memory: inProcess,
  Redis: redis,
  PostgreSQL: postgres,
}

async function inProcess(): Promise<StoreServer> {
  const store = new MemoryStore()
  const none = () => Promise.resolve(0)
  return {
    fill: (write) => write(store),
    open: () => store,
    calls: none,
    bytes: none,
    stop: () => store.close(),
  }
}

async function redis(): Promise<StoreServer> {
  const server = await startRedis()
  const open = () => new RedisStore(server.url)
  return {
    fill: (write) => closing(open(), write),
    open,
    calls: async () => scriptCalls(String(await server.admin('INFO', 'commandstats'))),
    bytes: () => redisBytes(server.url),
    stop: () => server.stop(),
  }
}

/** Of lines such as `cmdstat_evalsha:calls=12,usec=…`. What a script calls itself is not counted. */
function scriptCalls(stats: string): number {
  const counts = [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].map(([, calls]) => Number(calls))
  return counts.reduce((sum, calls) => sum + calls, 0)
}

async function postgres(): Promise<StoreServer> {
  const server = await startPostgres({ durable: true })
  const open = () => new PostgresStore(server.url)
  return {
    fill: (write) => closing(open(), write),
    open,
    calls: () => transactionsOf(server.url),
    bytes: () => postgresBytes(server.url),
    stop: () => server.stop(),
  }
}

async function closing(
  store: StorageAdapter,
  write: (store: StorageAdapter) => Promise<void>,
): Promise<void> {
  await write(store)
  await store.close()
}

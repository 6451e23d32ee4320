/** The durable store of a soak: a server that keeps what it has acknowledged when it is killed. */
import { PostgresStore } from '../../lib/stores/postgres'
import { RedisStore } from '../../lib/stores/redis'
import type { StorageAdapter } from '../../lib/stores/store'
import { startPostgres } from '../support/servers/postgres'
import { startRedis } from '../support/servers/redis'

export type DurableKind = 'redis' | 'postgres'

export interface Durable {
  readonly url: string
  readonly port: number
  /** A store on it, without anything in between. */
  open(): StorageAdapter
  pause(): void
  resume(): void
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts it again after that. */
  start(): Promise<void>
  stop(): Promise<void>
}

export const DURABLE: Readonly<Record<DurableKind, () => Promise<Durable>>> = { redis, postgres }

async function redis(): Promise<Durable> {
  const server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
  return {
    url: server.url,
    port: server.port,
    open: () => new RedisStore(server.url),
    pause: () => server.pause(),
    resume: () => server.resume(),
    kill: () => server.kill(),
    start: () => server.restart(),
    stop: () => server.stop(),
  }
}

async function postgres(): Promise<Durable> {
  const server = await startPostgres({ durable: true })
  return {
    url: server.url,
    port: server.port,
    open: () => new PostgresStore(server.url),
    pause: () => server.pause(),
    resume: () => server.resume(),
    kill: () => server.kill(),
    start: () => server.start(),
    stop: () => server.stop(),
  }
}

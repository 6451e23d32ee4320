/** PgBouncer in front of a test's PostgreSQL server. */
import { chmodSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { programOf } from './install'
import type { PostgresServer } from './postgres'
import { temporaryFolder } from './child'
import { freePort, ServerProcess } from './process'

export interface PgBouncerOptions {
  mode: 'transaction' | 'session' | 'statement'
  /** More lines of its section `[pgbouncer]`. */
  settings?: Readonly<Record<string, string>>
}

export interface PgBouncerServer {
  /** Of the superuser, by way of PgBouncer. */
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

/** Starts PgBouncer; `stop()` it when done. Installs it where it is missing and we are root. */
export async function startPgBouncer(
  postgres: PostgresServer,
  { mode, settings = {} }: PgBouncerOptions,
): Promise<PgBouncerServer> {
  const command = await programOf({
    programs: ['pgbouncer'],
    debian: 'pgbouncer',
    otherwise: 'they are about PostgreSQL behind PgBouncer',
  })
  const folder = temporaryFolder('pgbouncer')
  const port = await freePort()
  const users = join(folder, 'users.txt')
  const config = join(folder, 'pgbouncer.ini')
  writeFileSync(users, `"postgres" "${postgres.password}"\n`)
  const all: Record<string, string> = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    pool_mode: mode,
    default_pool_size: '4',
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  const target = `* = host=127.0.0.1 port=${postgres.port}`
  writeFileSync(config, ['[databases]', target, '[pgbouncer]', ...lines, ''].join('\n'))
  for (const file of [users, config]) chmodSync(file, 0o644)
  const server = await ServerProcess.start({
    command,
    args: [config],
    folder,
    ready: () => accepts(port),
  })
  return {
    url: postgres.url.replace(`:${postgres.port}/`, `:${port}/`),
    port,
    stop: () => server.stop(),
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    const settle = (answer: boolean) => (): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', settle(true)).once('error', settle(false))
  })
}

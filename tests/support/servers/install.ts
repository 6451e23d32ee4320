/** Servers that are on the machine, or come with its package manager. */
import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Others wait this long for an installation (ms). */
const PATIENCE = 300_000

export interface Wanted {
  /** Names of the program; the first that is found is used. */
  readonly programs: readonly string[]
  /** The Debian package that brings it. */
  readonly debian: string
  /** What else one may do. */
  readonly otherwise: string
}

/**
 * The path of a server's program, installed with apt where it is missing.
 *
 * @throws Error that says what to install.
 */
export async function programOf(wanted: Wanted): Promise<string> {
  const there = find(wanted.programs)
  if (there !== undefined) return there
  const apt = find(['apt-get'])
  if (process.getuid?.() !== 0 || apt === undefined) throw missing(wanted)
  await installOnce(apt, wanted)
  const installed = find(wanted.programs)
  if (installed === undefined) throw missing(wanted)
  return installed
}

function missing({ programs, debian, otherwise }: Wanted): Error {
  return new Error(
    `these tests need ${programs.join(' or ')} on the PATH (Debian: apt-get install ${debian}); ${otherwise}`,
  )
}

function find(programs: readonly string[]): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return programs
    .flatMap((program) => directories.map((directory) => join(directory, program)))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Several workers may ask at once: one installs, the others wait for it. */
async function installOnce(apt: string, { programs, debian }: Wanted): Promise<void> {
  const lock = join(tmpdir(), `install-${debian}.lock`)
  const end = Date.now() + PATIENCE
  while (!take(lock)) {
    if (Date.now() > end) throw new Error(`somebody else installs ${debian} for too long: see ${lock}`)
    await delay(200)
  }
  if (find(programs) !== undefined) return release(lock)
  try {
    // Nobody starts the service: the tests run their own servers.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
    const install = () => run(apt, ['install', '-y', '--no-install-recommends', debian], { env })
    await install().catch(async () => {
      await run(apt, ['update'], { env })
      await install()
    })
  } finally {
    release(lock)
  }
}

function release(lock: string): void {
  rmSync(lock, { force: true })
}

function take(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    if (existsSync(lock) && !isAlive(Number(readFileSync(lock, 'utf8')))) rmSync(lock, { force: true })
    return false
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return true
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

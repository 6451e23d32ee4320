/** Server processes of tests: as an unprivileged user, in a folder of their own, and never left behind. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { chownSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const NOBODY = 65534

/** Servers refuse to run as root: then they run as `nobody`. */
export const unprivileged: { uid?: number; gid?: number } =
  process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

/** A new folder that the servers' user owns. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `telegraf-sentinel-${name}-`))
  const { uid, gid } = unprivileged
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
  return folder
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

export interface Child {
  readonly pid: number
  /** Whether it has not ended. */
  readonly alive: boolean
  /** What it said, on either stream. */
  log(): string
  signal(signal: NodeJS.Signals): void
  /** Waits until it has ended; until somebody does, it holds nobody. Rejects if it could not be run. */
  ended(): Promise<void>
}

/** Ends the process and removes the folder if this process is gone before it says `done`, however it went. */
const WATCHDOG =
  'read -r word; [ "$word" = done ] && exit; kill -QUIT "$1"; sleep 1; kill -KILL "$1"; sleep 1; rm -rf "$2"'

/** Starts a server that works in `folder`, which goes with it if this process dies. */
export function startChild(command: string, args: readonly string[], folder: string): Child {
  const logFile = join(folder, 'server.log')
  const log = openSync(logFile, 'a')
  const child = spawn(command, args, {
    cwd: folder,
    stdio: ['ignore', log, log],
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    ...unprivileged,
  })
  closeSync(log)
  const { pid } = child
  // Without a pid it did not start, and `error` says why.
  const watchdog = pid === undefined ? undefined : watch(pid, folder)
  child.unref()
  let alive = true
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => {
      alive = pid !== undefined
      reject(error)
    })
    child.once('exit', () => {
      alive = false
      watchdog?.stdin?.end('done\n')
      resolve()
    })
  })
  // Whoever waits for its end is told; nobody else need be.
  ended.catch(() => undefined)
  return {
    pid: pid ?? 0,
    get alive() {
      return alive
    },
    log: () => readFileSync(logFile, 'utf8'),
    signal: (signal) => void child.kill(signal),
    ended() {
      if (alive) child.ref()
      return ended
    },
  }
}

function watch(pid: number, folder: string): ChildProcess {
  const watchdog = spawn('sh', ['-c', WATCHDOG, 'watchdog', String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watchdog.unref()
  // The pipe must not keep a process that is done; it is a socket, whatever its declared type.
  const { stdin } = watchdog
  if (stdin !== null && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
  return watchdog
}

/** Runs a tool to its end, as the servers' user. Rejects with what it said if it fails. */
export async function run(command: string, args: readonly string[], folder: string): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { cwd: folder, ...unprivileged })
  return stdout
}

/** Asks again and again until the answer is true; rejects with `why()` after 30 s. */
export async function until(isSo: () => boolean | Promise<boolean>, why: () => string): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(why())
    await delay(10)
  }
}

/** A file that says which process has something that one process at a time may have. */
import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { codeOf } from '../errors'

export interface Lock {
  release(): void
}

/** Locks that this process has. */
const held = new Set<string>()

/** File systems that know no hard links say so with these. */
const NO_LINKS: readonly unknown[] = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK']
const ABSENT: readonly unknown[] = ['ENOENT']
/** What the system keeps to itself, or does not have. */
const UNTOLD: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'ESRCH', 'EACCES', 'EPERM']
/** Only where there are no links is a file seen before its content: looks at it, and ms between two. */
const LOOKS = 25
const PAUSE = 20

/**
 * Makes the file, with this process's number and start in it. One that a dead process has left says nothing, nor does one whose
 * number another process has by now (where the system tells when a process was started).
 *
 * @returns the lock, or the number of the process that has it (perhaps this one).
 * @throws what the file system does.
 */
export function takeLock(path: string): Lock | number {
  if (held.has(path)) return process.pid
  const content = contentOf(process.pid)
  const holder = takeFile(path, content)
  if (holder !== undefined) return holder
  held.add(path)
  return {
    release() {
      if (held.delete(path)) removeOwn(path, content)
    },
  }
}

/** Returns the number of the process that has it, or `undefined`: it is ours. */
function takeFile(path: string, content: string): number | undefined {
  const own = `${path}.${randomUUID()}`
  writeFileSync(own, content, { flag: 'wx' })
  try {
    while (!make(path, own, content)) {
      const found = settledContentOf(path)
      // It was released just now.
      if (found === undefined) continue
      return isLive(found) ? pidOf(found) : replaceStale(path, own)
    }
    return undefined
  } finally {
    rmSync(own, { force: true })
  }
}

/**
 * One at a time may replace what a dead process has left, so that nobody replaces what another has just put there. Who may is
 * said by a lock again; one that died over it left just another stale lock.
 */
function replaceStale(path: string, own: string): number | undefined {
  const claim = `${path}.claim`
  const content = contentOf(process.pid)
  const other = takeFile(claim, content)
  // It will have the lock in a moment.
  if (other !== undefined) return other
  try {
    const found = settledContentOf(path)
    if (found !== undefined && isLive(found)) return pidOf(found)
    if (found === undefined) return make(path, own, content) ? undefined : pidOf(settledContentOf(path) ?? '')
    renameSync(own, path)
    return undefined
  } finally {
    removeOwn(claim, content)
  }
}

/** In one step, where the file system can: nobody sees the file without its content. */
function make(path: string, own: string, content: string): boolean {
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    if (!NO_LINKS.includes(codeOf(error))) throw error
  }
  try {
    writeFileSync(path, content, { flag: 'wx' })
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
  // Whoever found it empty for too long has replaced it.
  return contentAt(path) === content
}

/** An empty file is being written, unless it stays so. `undefined`: there is none. */
function settledContentOf(path: string): string | undefined {
  let content = contentAt(path)
  for (let look = 1; content === '' && look < LOOKS; look++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE)
    content = contentAt(path)
  }
  return content
}

function contentAt(path: string): string | undefined {
  return textAt(path, ABSENT)
}

function removeOwn(path: string, content: string): void {
  if (contentAt(path) === content) rmSync(path, { force: true })
}

function contentOf(pid: number): string {
  return `${pid} ${startOf(pid) ?? ''}`.trim()
}

function pidOf(content: string): number {
  return Number(content.split(' ', 1)[0])
}

/** What tells a process from an earlier one of the same number; `undefined` where the system does not say. */
function startOf(pid: number): string | undefined {
  const stat = textAt(`/proc/${pid}/stat`, UNTOLD)
  const boot = textAt('/proc/sys/kernel/random/boot_id', UNTOLD)
  // The second field is a name that may have anything in it; the start is the 22nd.
  const start = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return start === undefined || boot === undefined ? undefined : `${boot.slice(0, 8)}-${start}`
}

function isLive(content: string): boolean {
  const pid = pidOf(content)
  if (!(pid > 0) || !isRunning(pid)) return false
  const then = content.split(' ', 2)[1]
  const now = startOf(pid)
  if (then !== undefined && now !== undefined) return then === now
  // This process has not written it: it is an earlier one's, as in a restarted container.
  return pid !== process.pid
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

function textAt(path: string, unreadable: readonly unknown[]): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (unreadable.includes(codeOf(error))) return undefined
    throw error
  }
}

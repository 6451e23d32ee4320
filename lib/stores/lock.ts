/** A file that says which process has something that one process at a time may have. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'

export interface Lock {
  release(): void
}

/** Locks that this process has. */
const held = new Set<string>()

/**
 * Makes the file, with this process's number in it. One that a dead process has left says nothing.
 *
 * @returns the lock, or the number of the process that has it (perhaps this one).
 * @throws what the file system does.
 */
export function takeLock(path: string): Lock | number {
  if (held.has(path)) return process.pid
  if (!take(path)) {
    const holder = holderOf(path)
    if (isLive(holder)) return holder
    rmSync(path, { force: true })
    if (!take(path)) return holderOf(path)
  }
  held.add(path)
  return {
    release() {
      if (held.delete(path)) rmSync(path, { force: true })
    },
  }
}

function take(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function holderOf(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0
    throw error
  }
}

/** This process's number on a file that it has not written is that of an earlier one, as in a restarted container. */
function isLive(pid: number): boolean {
  if (!(pid > 0) || pid === process.pid) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | undefined)?.code
}

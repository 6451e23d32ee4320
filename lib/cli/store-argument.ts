/** What `--from` and `--to` name: a URL, or a module of the user's own. */
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SentinelOptionsError, SentinelUsageError, toError } from '../errors'
import { maskUrl } from '../mask'
import { isStore, openStore } from '../stores/open'
import type { StorageAdapter } from '../stores/store'

/** ms that one page may take: nobody waits for a decision here. */
const TIMEOUT = 30_000

/** A store as it was named, without the secrets of a URL: what is shown, and what a migration is recognized by. */
export function nameOf(argument: string): string {
  return isPath(argument) ? resolve(argument) : maskUrl(argument)
}

/** @throws SentinelUsageError naming the option; Error where a module fails */
export async function openArgument(option: string, argument: string): Promise<StorageAdapter> {
  if (isPath(argument)) return storeOf(argument, await load(argument))
  if (argument === 'memory') {
    throw new SentinelUsageError(
      `${option}: 'memory' is this process's own and ends with it: nothing to copy`,
    )
  }
  try {
    return openStore(argument, { timeout: TIMEOUT })
  } catch (thrown) {
    if (!(thrown instanceof SentinelOptionsError)) throw thrown
    throw new SentinelUsageError(`${option}: ${thrown.problems.map(({ message }) => message).join('; ')}`)
  }
}

function isPath(argument: string): boolean {
  return /^\.{1,2}[\\/]|\.[cm]?js$/.test(argument) || isAbsolute(argument)
}

async function load(path: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(resolve(path)).href)
  } catch (thrown) {
    throw new Error(`${path} cannot be loaded: ${toError(thrown).message}`, { cause: thrown })
  }
}

/** The default export or the export `store`. A CommonJS module's exports are the default export of what is imported. */
function storeOf(path: string, module: unknown): StorageAdapter {
  const { default: main, store } = module as { default?: unknown; store?: unknown }
  const inner = (main ?? {}) as { default?: unknown; store?: unknown }
  const found = [main, store, inner.default, inner.store].find(isStore)
  if (found !== undefined) return found
  throw new SentinelUsageError(
    `${path} has no store: its default export, or its export 'store', must be an object of a class that extends StorageAdapter`,
  )
}

import { setTimeout as sleep } from 'node:timers/promises'
import { StoreError } from '../errors'
import type { Entry, StorageAdapter, Version } from './store'

/** What a compare-and-set is to do: nothing, forget the record, or write `value`. */
export type Change = 'keep' | 'delete' | { readonly value: unknown; readonly ttl?: number }

/** Reads, changes and writes one record until no other process came in between. */
export async function update(
  store: StorageAdapter,
  key: string,
  change: (entry: Entry | undefined) => Change,
): Promise<void> {
  await retry(async () => {
    const entry = await store.get(key)
    const version = await write(store, key, entry, change(entry))
    return version === null ? { conflict: key } : { done: undefined }
  })
}

/** One compare-and-set against `entry` as it was read: the new version if one was written, `null` on conflict. */
export async function write(
  store: StorageAdapter,
  key: string,
  entry: Entry | undefined,
  change: Change,
): Promise<Version | null | undefined> {
  if (change === 'keep') return undefined
  if (change !== 'delete') return store.swap(key, entry?.version ?? null, change.value, change.ttl)
  if (entry === undefined || (await store.delete(key, entry.version))) return undefined
  return null
}

/** The most attempts before a record counts as unwritable, and the longest pause between two (ms). */
const MOST_ATTEMPTS = 100
const LONGEST_PAUSE = 32

/**
 * Repeats an attempt until it is done. The pauses are random and grow, so that processes that meet at one record
 * do not meet again at once.
 *
 * @throws StoreError naming the key, after 100 conflicts in a row.
 */
export async function retry<T>(
  attempt: () => Promise<{ readonly done: T } | { readonly conflict: string }>,
): Promise<T> {
  let key = ''
  for (let count = 0; count < MOST_ATTEMPTS; count++) {
    const result = await attempt()
    if ('done' in result) return result.done
    key = result.conflict
    // The first conflict is chance, and worth another attempt at once.
    if (count > 0) await sleep(Math.random() * Math.min(LONGEST_PAUSE, 2 * count))
  }
  throw new StoreError(`'${key}' changed under each of ${MOST_ATTEMPTS} attempts to write it`)
}

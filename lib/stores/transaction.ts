/**
 * One decision over several records, each with a compare-and-set of its own. They are written in key order; when a
 * later one turns out to have changed, the earlier are taken back and everything is judged again. A crash in between
 * leaves a charge too many, never one too few.
 */
import type { Planned } from './json-ledger'
import type { Entry, StorageAdapter, Version } from './store'
import { retry, update, write } from './update'

export type Entries = ReadonlyMap<string, Entry | undefined>

/** What was judged, and what is to be written for it. */
export interface Judged<T> {
  readonly value: T
  readonly plan: readonly Planned[]
}

/** What was judged and written. */
export interface Committed<T> {
  readonly value: T
  /** Takes back what was written, and nothing that others wrote since. */
  undo(): Promise<void>
}

interface Written {
  readonly planned: Planned
  readonly version: Version | undefined
}

/** Reads the records, judges them and writes the changed ones, again until nobody came in between. */
export async function transact<T>(
  store: StorageAdapter,
  keys: readonly string[],
  injected: number | undefined,
  work: (entries: Entries, now: number) => Judged<T>,
): Promise<Committed<T>> {
  return retry<Committed<T>>(async () => {
    const [now, ...read] = await Promise.all([injected ?? store.now(), ...keys.map((key) => store.get(key))])
    const { value, plan } = work(new Map(keys.map((key, index) => [key, read[index]])), now)
    const written: Written[] = []
    const conflict = await writeAll(store, plan, written)
    return conflict === undefined ? { done: { value, undo: () => undo(store, written) } } : { conflict }
  })
}

/** The key that had changed, with nothing written; `undefined` when all is written. */
async function writeAll(
  store: StorageAdapter,
  plan: readonly Planned[],
  written: Written[],
): Promise<string | undefined> {
  try {
    for (const planned of plan) {
      const version = await write(store, planned.key, planned.entry, planned.change)
      if (version === null) {
        await undo(store, written)
        return planned.key
      }
      written.push({ planned, version })
    }
  } catch (error) {
    // The store is failing: what cannot be taken back either is a charge too many, and the first error says why.
    await undo(store, written).catch(() => undefined)
    throw error
  }
  return undefined
}

async function undo(store: StorageAdapter, written: readonly Written[]): Promise<void> {
  for (const { planned, version } of [...written].reverse()) {
    await update(store, planned.key, (entry) =>
      entry?.version === version ? planned.restore : planned.withdraw(entry),
    )
  }
}

/**
 * Decisions over several records, each with a compare-and-set of its own. They are written in the plan's order; when
 * one turns out to have changed, the others are taken back and everything is judged again. A crash in between
 * leaves a charge too many, never one too few.
 */
import type { Entries, Plan, Planned } from './draft'
import type { StorageAdapter, Version } from './store'
import { retry, update, write } from './update'

/** What was judged, and what is to be written for it. */
export interface Judged<T> {
  readonly value: T
  readonly plan: Plan
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
async function writeAll(store: StorageAdapter, plan: Plan, written: Written[]): Promise<string | undefined> {
  try {
    for (const wave of plan) {
      const conflict = await writeWave(store, wave, written)
      if (conflict === undefined) continue
      await undo(store, written)
      return conflict
    }
  } catch (error) {
    // The store is failing: what cannot be taken back either is a charge too many, and the first error says why.
    await undo(store, written).catch(() => undefined)
    throw error
  }
  return undefined
}

/** Writes records at the same time, and waits for all of them, lest one be written after it was taken back. */
async function writeWave(
  store: StorageAdapter,
  wave: readonly Planned[],
  written: Written[],
): Promise<string | undefined> {
  let conflict: string | undefined
  await allDone(wave, async (planned) => {
    const version = await write(store, planned.key, planned.entry, planned.change)
    if (version === null) conflict = planned.key
    else written.push({ planned, version })
  })
  return conflict
}

async function undo(store: StorageAdapter, written: readonly Written[]): Promise<void> {
  await allDone(written, ({ planned, version }) =>
    update(store, planned.key, (entry) =>
      entry?.version === version ? planned.restore : planned.withdraw(entry),
    ),
  )
}

/** Does all of them, whatever becomes of each, and then throws what the first one threw. */
async function allDone<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(items.map(act))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

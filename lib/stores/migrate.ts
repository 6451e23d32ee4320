/** Copies what lasts (blocks, registrations, members) from any store to any other. */
import { setImmediate as turn } from 'node:timers/promises'
import { SentinelOptionsError, type Problem } from '../errors'
import { show } from '../schema'
import { readMigration, type Migration, type MigrateOptions } from './migrate-options'
import { tokenOf, type Position } from './migrate-token'
import { inForce } from './judge'
import type { Block } from './decision'
import { isStore } from './open'
import type { StorageAdapter } from './store'
import type { UserNamespace, UserRecordOf } from './user-record'

export type { MigrateOptions, MigrateProgress } from './migrate-options'

/** How many records of each kind the target has of the source: written now, or there before, perhaps newer. */
export type MigrateCounts = Readonly<Record<UserNamespace, number>>

const NAMESPACES = ['blocks', 'registrations', 'members'] as const

/**
 * Copies blocks, registrations and members from one store to another, page by page and in constant memory, while both may
 * be in use. Of two records of one user the later stays, so to do it again changes nothing, and whatever is interrupted
 * may simply be done again: from the start, or from the last page by `resumeFrom`. Blocks that are over by the source's
 * clock are not copied. Counters are not: they are over soon. A record that is removed while it is copied may come back.
 *
 * Connects both stores, closes neither.
 *
 * @throws SentinelOptionsError for what is no store, and for wrong options; StoreError and whatever else the stores throw;
 *   what `onProgress` throws; the reason of `signal`.
 * @example
 * const from = new RedisStore('redis://localhost:6379')
 * const to = new PostgresStore('postgres://localhost/bot')
 * const { blocks } = await migrateStore(from, to, { onProgress: ({ namespace, copied }) => console.log(namespace, copied) })
 */
export async function migrateStore(
  from: StorageAdapter,
  to: StorageAdapter,
  options: MigrateOptions = {},
): Promise<MigrateCounts> {
  checkStores({ from, to })
  const migration = readMigration(options)
  await from.connect()
  await to.connect()
  let position = migration.start
  if (migration.count)
    position = { ...position, totals: position.totals ?? (await countAll(from, migration)) }
  while (position.namespace !== undefined) {
    const { namespace } = position
    migration.signal?.throwIfAborted()
    position = await copyPage(from, to, migration, position, namespace)
    const copied = position.counts[namespace]
    const total = position.totals?.[namespace]
    const token = tokenOf(migration.spaces, position)
    migration.onProgress({ namespace, copied, ...(total !== undefined && { total }), token })
    // Stores that answer at once would else keep signals, and everything else in this process, waiting until the end.
    await turn()
  }
  return position.counts
}

/** Copies one page; returns where the next one starts. */
async function copyPage<N extends UserNamespace>(
  from: StorageAdapter,
  to: StorageAdapter,
  { spaces, page }: Migration,
  position: Position,
  namespace: N,
): Promise<Position> {
  const [source, target] = spaces
  const options = { cursor: position.cursor, limit: page }
  const found = await from.listRecords({ space: source, namespace }, options)
  const records = notOver(namespace, found.records, await from.now())
  if (records.length > 0) await to.putRecords({ space: target, namespace }, records, 'later')
  const { [namespace]: before } = position.counts
  return {
    ...position,
    namespace: found.cursor === undefined ? after(namespace) : namespace,
    cursor: found.cursor,
    counts: { ...position.counts, [namespace]: before + records.length },
  }
}

async function countAll(from: StorageAdapter, migration: Migration): Promise<MigrateCounts> {
  const totals = { blocks: 0, registrations: 0, members: 0 }
  for (const namespace of NAMESPACES) {
    const place = { space: migration.spaces[0], namespace }
    let cursor: string | undefined
    do {
      migration.signal?.throwIfAborted()
      const found = await from.listRecords(place, { cursor, limit: migration.page })
      totals[namespace] += notOver(namespace, found.records, await from.now()).length
      cursor = found.cursor
    } while (cursor !== undefined)
  }
  return totals
}

/** Without the blocks that are over. */
function notOver<N extends UserNamespace>(
  namespace: N,
  records: readonly UserRecordOf[N][],
  now: number,
): readonly UserRecordOf[N][] {
  if (namespace !== 'blocks') return records
  return records.filter((record) => inForce(record as Block, now) !== undefined)
}

function after(namespace: UserNamespace): UserNamespace | undefined {
  return NAMESPACES.at(NAMESPACES.indexOf(namespace) + 1)
}

function checkStores(stores: Readonly<Record<string, unknown>>): void {
  const problems = Object.entries(stores).flatMap(([path, store]): Problem[] =>
    isStore(store) ? [] : [{ path, message: `must be a store (a StorageAdapter), not ${show(store)}` }],
  )
  if (problems.length > 0) throw new SentinelOptionsError(problems)
}

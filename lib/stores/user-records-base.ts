/** Records of users on the four primitives: what a store does that has nothing better. */
import { userKey, userPrefix } from './record-keys'
import type { UserNamespace } from './record-keys'
import { blockChange } from './ledger-record'
import type { Block } from './decision'
import type { StorageAdapter } from './store'
import { update } from './update'
import type { Change } from './update'
import { met } from './user-record'
import type { Meeting, RecordPlace, UserRecordOf, UserRecordPage } from './user-record'

/** Compare-and-sets under way at the same time. */
const AT_ONCE = 32

export async function findRecord<N extends UserNamespace>(
  store: StorageAdapter,
  { space, namespace }: RecordPlace<N>,
  userId: number,
): Promise<UserRecordOf[N] | undefined> {
  const entry = await store.get(userKey(space, namespace, userId))
  return entry?.value as UserRecordOf[N] | undefined
}

export function putRecords<N extends UserNamespace>(
  store: StorageAdapter,
  { space, namespace }: RecordPlace<N>,
  records: readonly UserRecordOf[N][],
  meeting: Meeting,
): Promise<(UserRecordOf[N] | undefined)[]> {
  return someAtOnce(records, async (record) => {
    let stored: UserRecordOf[N] | undefined
    await update(store, userKey(space, namespace, record.userId), (entry) => {
      stored = met(record, entry?.value as UserRecordOf[N] | undefined, meeting)
      return stored === undefined ? 'keep' : changeOf(namespace, stored)
    })
    return stored
  })
}

export function dropRecords<N extends UserNamespace>(
  store: StorageAdapter,
  { space, namespace }: RecordPlace<N>,
  userIds: readonly number[],
): Promise<(UserRecordOf[N] | undefined)[]> {
  return someAtOnce(userIds, async (userId) => {
    let dropped: UserRecordOf[N] | undefined
    await update(store, userKey(space, namespace, userId), (entry) => {
      dropped = entry?.value as UserRecordOf[N] | undefined
      return entry === undefined ? 'keep' : 'delete'
    })
    return dropped
  })
}

export async function listRecords<N extends UserNamespace>(
  store: StorageAdapter,
  { space, namespace }: RecordPlace<N>,
  options: { cursor?: string; limit: number },
): Promise<UserRecordPage<UserRecordOf[N]>> {
  const { entries, cursor } = await store.scan(userPrefix(space, namespace), options)
  const records = entries.map(({ value }) => value as UserRecordOf[N])
  return cursor === undefined ? { records } : { records, cursor }
}

function changeOf(namespace: UserNamespace, record: UserRecordOf[UserNamespace]): Change {
  return namespace === 'blocks' ? blockChange(record as Block, { now: record.since }) : { value: record }
}

/** Does all, in order, some at the same time. */
async function someAtOnce<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let from = 0; from < items.length; from += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map(act))))
  }
  return results
}

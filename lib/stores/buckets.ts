/** What is done to single buckets from outside a decision: looking, forgetting, moving to another chat. */
import type { LimitQuery, LimitState } from './decision'
import { JsonLedger } from './json-ledger'
import { LedgerRecord, momentOf, momentOfUnknownClock } from './ledger-record'
import type { Moment } from './ledger-record'
import { memberPrefix, placeKey } from './record-keys'
import type { MovedBucket, StorageAdapter } from './store'
import { update } from './update'

const PAGE = 100

/** The state of one limit; nothing is charged. */
export async function peekBucket(store: StorageAdapter, query: LimitQuery): Promise<LimitState> {
  const key = placeKey(query, query.limit)
  const [now, entry] = await Promise.all([query.now ?? store.now(), store.get(key)])
  return new JsonLedger(query, new Map([[key, entry]]), now).state(query.limit, now)
}

/** Forgets one limit's state, and nothing else at its place. */
export async function resetBucket(store: StorageAdapter, query: LimitQuery): Promise<void> {
  const moment = momentOf(query.now, query.now ?? (await store.now()))
  await dropBuckets(store, placeKey(query, query.limit), [query.limit.bucket], moment)
}

/** Moves chat- and member-scoped buckets from one chat to another, where that has none. */
export async function moveBuckets(
  store: StorageAdapter,
  space: string,
  from: number,
  to: number,
  buckets: readonly MovedBucket[],
): Promise<void> {
  const moment = momentOfUnknownClock(await store.now())
  const named = (scope: string): string[] =>
    buckets.filter((moved) => moved.scope === scope).map(({ bucket }) => bucket)
  const place = { scope: 'chat', key: undefined } as const
  const chatKey = (chat: number): string => placeKey({ space, actor: undefined, chat }, place)
  await moveRecord(store, chatKey(from), chatKey(to), named('chat'), moment)
  const ofMembers = named('member')
  if (ofMembers.length === 0) return
  const prefix = memberPrefix(space, from)
  let cursor: string | undefined
  do {
    const page = await store.scan(prefix, { cursor, limit: PAGE })
    for (const { key } of page.entries) {
      await moveRecord(store, key, memberPrefix(space, to) + key.slice(prefix.length), ofMembers, moment)
    }
    cursor = page.cursor
  } while (cursor !== undefined)
}

async function moveRecord(
  store: StorageAdapter,
  from: string,
  to: string,
  buckets: readonly string[],
  moment: Moment,
): Promise<void> {
  const source = new LedgerRecord(await store.get(from))
  const moved = buckets.filter((bucket) => source.stored(bucket) !== undefined)
  if (moved.length === 0) return
  // Written before it is dropped: a crash in between leaves it in both chats, never in none.
  await update(store, to, (entry) => {
    const target = new LedgerRecord(entry)
    for (const bucket of moved) {
      if (target.stored(bucket) === undefined) target.put(bucket, source.stored(bucket))
    }
    return target.change(moment)
  })
  await dropBuckets(store, from, moved, moment)
}

async function dropBuckets(
  store: StorageAdapter,
  key: string,
  buckets: readonly string[],
  moment: Moment,
): Promise<void> {
  await update(store, key, (entry) => {
    const record = new LedgerRecord(entry)
    for (const bucket of buckets) {
      if (record.stored(bucket) !== undefined) record.put(bucket, undefined)
    }
    return record.change(moment)
  })
}

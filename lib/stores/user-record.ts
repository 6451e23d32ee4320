/** A record per user (blocks, registrations, members), as every store keeps them. */
import { SentinelUsageError } from '../errors'
import type { Block, Member, Registration } from './decision'
import type { UserNamespace } from './record-keys'

export type { UserNamespace } from './record-keys'

/** A member as it is stored: `updateId` orders updates of one second. */
export interface StoredMember extends Member {
  readonly updateId: number
}

/** What each namespace keeps of a user. */
export interface UserRecordOf {
  readonly blocks: Block
  readonly registrations: Registration
  readonly members: StoredMember
}

/** Which of a space's records: `space` is `prefix:bot`, both escaped. */
export interface RecordPlace<N extends UserNamespace = UserNamespace> {
  readonly space: string
  readonly namespace: N
}

/**
 * What becomes of a record that is there already. `replace`: the new one takes its place. `keep-since`: it takes its
 * place but for `since`. `later`: it takes its place only if it is later, by `since` and then by `updateId`; an equal one
 * does not.
 */
export type Meeting = 'replace' | 'keep-since' | 'later'

/** At most `limit` records, perhaps none; `cursor` is there as long as there may be more. */
export interface UserRecordPage<T> {
  readonly records: T[]
  readonly cursor?: string
}

/** Whether `a` is the later word. */
export function isLater(a: Later, b: Later): boolean {
  return a.since === b.since ? (a.updateId ?? 0) > (b.updateId ?? 0) : a.since > b.since
}

interface Later {
  readonly since: number
  readonly updateId?: number
}

/** What a store is to hold once `record` has met `former`; `undefined`: the former stays. */
export function met<T extends UserRecordOf[UserNamespace]>(
  record: T,
  former: T | undefined,
  meeting: Meeting,
): T | undefined {
  if (former === undefined || meeting === 'replace') return record
  if (meeting === 'keep-since') return { ...record, since: former.since }
  return isLater(record, former) ? record : undefined
}

/** What is said of a cursor that no list has returned. */
export function badCursor(cursor: unknown): SentinelUsageError {
  const got = typeof cursor === 'string' ? `'${cursor.slice(0, 40)}'` : String(cursor)
  return new SentinelUsageError(`cursor must be what the last list returned, not ${got}`)
}

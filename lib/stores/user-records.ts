/** A record per user, found by id and listed: what blocks, registrations and members have in common. */
import { SentinelUsageError } from '../errors'
import { eachThousand, type BulkOptions, type Many } from './bulk'
import type { Block, Registration } from './decision'
import type { StorageAdapter } from './store'
import { badCursor } from './user-record'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf } from './user-record'

/** ms since the epoch. */
export type Now = () => number | Promise<number>

/** What happened to a record, by the name of the event that tells of it. */
export type RecordChange =
  | { readonly type: 'blockAdded' | 'blockRemoved'; readonly record: Block }
  | { readonly type: 'registrationAdded' | 'registrationRemoved'; readonly record: Registration }

export interface RecordsOptions {
  /** Told of each change once it is stored. */
  readonly changed?: (change: RecordChange) => void
}

export interface ListOptions {
  /** Entries at most. Default 100. */
  readonly limit?: number
  /** Where the last list ended. */
  readonly cursor?: string
}

/** One page of a list; `cursor` asks for the next, and is absent at the end. */
export interface RecordList<T> {
  readonly entries: T[]
  readonly cursor?: string
}

/** What the three kinds of records share: a record per user (`T` to the public), found by id and listed. */
export abstract class UserRecords<N extends UserNamespace, T> {
  protected abstract readonly namespace: N

  constructor(
    private readonly store: StorageAdapter,
    private readonly space: string,
    protected readonly now: Now,
    private readonly options: RecordsOptions = {},
  ) {}

  protected tell(change: RecordChange): void {
    this.options.changed?.(change)
  }

  /** A stored record as its public one; `undefined` if it does not count at `now`. */
  protected abstract read(record: UserRecordOf[N], now: number): T | undefined

  protected async find(userId: number): Promise<T | undefined> {
    const id = checkedId(userId)
    const [now, record] = await Promise.all([this.now(), this.store.findRecord(this.#place, id)])
    return record === undefined ? undefined : this.read(record, now)
  }

  /** Reads on until the page is full, so that a page without entries is the last one. */
  protected async page({ limit = 100, cursor }: ListOptions = {}): Promise<RecordList<T>> {
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new SentinelUsageError(`limit must be a whole number above 0, not ${String(limit)}`)
    }
    const now = await this.now()
    const entries: T[] = []
    let position = this.#positionOf(cursor)
    do {
      const options = { cursor: position, limit: limit - entries.length }
      const found = await this.store.listRecords(this.#place, options)
      entries.push(...this.#counting(found.records, now))
      position = found.cursor
    } while (position !== undefined && entries.length < limit)
    return position === undefined ? { entries } : { entries, cursor: `${this.namespace}:${position}` }
  }

  /** Where in the store a cursor points. One of another list would end this one too soon, and nobody would know. */
  #positionOf(cursor: unknown): string | undefined {
    if (cursor === undefined) return undefined
    const mine = `${this.namespace}:`
    if (typeof cursor !== 'string' || !cursor.startsWith(mine)) throw badCursor(cursor)
    return cursor.slice(mine.length)
  }

  /** Writes one record: what is stored now, or `undefined` where the former stays. */
  protected async put(record: UserRecordOf[N], meeting: Meeting): Promise<UserRecordOf[N] | undefined> {
    const [stored] = await this.store.putRecords(this.#place, [record], meeting)
    return stored
  }

  /** Writes a record for each item, as if one after another, and tells of each what is stored of it. */
  protected putAll<I>(
    items: Many<I>,
    options: BulkOptions | undefined,
    meeting: Exclude<Meeting, 'later'>,
    recordOf: (item: I, now: number) => UserRecordOf[N],
    told: (record: UserRecordOf[N]) => void,
  ): Promise<number> {
    return eachThousand(items, options, recordOf, this.now, async (records) => {
      const last = new Map(records.map((record) => [record.userId, record]))
      const stored = await this.store.putRecords(this.#place, [...last.values()], meeting)
      const since = new Map(stored.map((record) => [record?.userId, record?.since]))
      for (const record of records) told({ ...record, since: since.get(record.userId) ?? record.since })
      return records.length
    })
  }

  /** Forgets a record, and returns it if it counted. */
  protected async drop(userId: number): Promise<T | undefined> {
    const id = checkedId(userId)
    const now = await this.now()
    return this.#counting(await this.store.dropRecords(this.#place, [id]), now).at(0)
  }

  /** Forgets the records of all these users, tells of those that counted, and returns how many they were. */
  protected dropAll(
    userIds: Many<number>,
    options: BulkOptions | undefined,
    told: (record: T) => void,
  ): Promise<number> {
    return eachThousand(userIds, options, checkedId, this.now, async (ids, now) => {
      const dropped = this.#counting(await this.store.dropRecords(this.#place, [...new Set(ids)]), now)
      dropped.forEach(told)
      return dropped.length
    })
  }

  get #place(): RecordPlace<N> {
    return { space: this.space, namespace: this.namespace }
  }

  #counting(records: readonly (UserRecordOf[N] | undefined)[], now: number): T[] {
    const counting: T[] = []
    for (const record of records) {
      const read = record === undefined ? undefined : this.read(record, now)
      if (read !== undefined) counting.push(read)
    }
    return counting
  }
}

/** @throws SentinelUsageError for what is no user's or chat's id */
export function checkedId(userId: unknown): number {
  if (typeof userId === 'number' && Number.isSafeInteger(userId) && userId !== 0) return userId
  const got = typeof userId === 'string' ? `the text '${userId}'` : String(userId)
  throw new SentinelUsageError(
    `userId must be Telegram's numeric id (a whole number other than 0, such as ctx.from.id), not ${got}`,
  )
}

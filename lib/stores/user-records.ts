/** A record per user, found by id and listed: what blocks, registrations and members have in common. */
import { SentinelUsageError } from '../errors'
import type { Block, Registration } from './decision'
import { userKey, userPrefix } from './record-keys'
import type { UserNamespace } from './record-keys'
import type { StorageAdapter } from './store'
import { update } from './update'

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

/** What the three kinds of records share: a record per user, found by id and listed. */
export abstract class UserRecords<T> {
  protected abstract readonly namespace: UserNamespace

  constructor(
    protected readonly store: StorageAdapter,
    protected readonly space: string,
    protected readonly now: Now,
    private readonly options: RecordsOptions = {},
  ) {}

  protected keyOf(userId: number): string {
    return userKey(this.space, this.namespace, checkedId(userId))
  }

  protected tell(change: RecordChange): void {
    this.options.changed?.(change)
  }

  /** A stored value as its public record; `undefined` if it does not count at `now`. */
  protected abstract read(value: unknown, now: number): T | undefined

  protected async find(userId: number): Promise<T | undefined> {
    const key = this.keyOf(userId)
    const [now, entry] = await Promise.all([this.now(), this.store.get(key)])
    return entry === undefined ? undefined : this.read(entry.value, now)
  }

  /** Reads on until the page is full, so that a page without entries is the last one. */
  protected async page({ limit = 100, cursor }: ListOptions = {}): Promise<RecordList<T>> {
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new SentinelUsageError(`limit must be a whole number above 0, not ${String(limit)}`)
    }
    const prefix = userPrefix(this.space, this.namespace)
    const now = await this.now()
    const entries: T[] = []
    let position = cursor
    do {
      const found = await this.store.scan(prefix, { cursor: position, limit: limit - entries.length })
      for (const { value } of found.entries) {
        const record = this.read(value, now)
        if (record !== undefined) entries.push(record)
      }
      position = found.cursor
    } while (position !== undefined && entries.length < limit)
    return position === undefined ? { entries } : { entries, cursor: position }
  }

  /** Forgets a record that `read` lets count; returns it. */
  protected async drop(userId: number): Promise<T | undefined> {
    const now = await this.now()
    let dropped: T | undefined
    await update(this.store, this.keyOf(userId), (entry) => {
      dropped = entry === undefined ? undefined : this.read(entry.value, now)
      return dropped === undefined ? 'keep' : 'delete'
    })
    return dropped
  }
}

function checkedId(userId: unknown): number {
  if (typeof userId === 'number' && Number.isSafeInteger(userId) && userId !== 0) return userId
  const got = typeof userId === 'string' ? `the text '${userId}'` : String(userId)
  throw new SentinelUsageError(
    `userId must be Telegram's numeric id (a whole number other than 0, such as ctx.from.id), not ${got}`,
  )
}

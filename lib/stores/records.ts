/** The records that last: blocks, registrations and reachable members, on any store. */
import { DURATION_HINT, toMilliseconds } from '../duration'
import type { Duration } from '../duration'
import { SentinelUsageError } from '../errors'
import type { Block, Member, Registration } from './decision'
import { inForce } from './judge'
import { copyJson, jsonProblem } from './json'
import { blockChange } from './json-ledger'
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

export interface BlockOptions {
  /** How long. Default: without end. */
  readonly for?: Duration
  /** Why, for the admins. */
  readonly reason?: string
  /** Who did it. */
  readonly by?: string
}

/** What the three kinds of records share: a record per user, found by id and listed. */
abstract class UserRecords<T> {
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

/** Bans, by user id (a sender chat's id too). */
export class Blocks extends UserRecords<Block> {
  protected readonly namespace = 'blocks'

  /**
   * Blocks a user, for a while or without end. A block that stands is replaced.
   *
   * @throws SentinelUsageError for an id or a duration that is none.
   * @example await sentinel.blocks.add(ctx.from.id, { for: '7d', reason: 'spam' })
   */
  async add(userId: number, options: BlockOptions = {}): Promise<Block> {
    const key = this.keyOf(userId)
    const length = checkedLength(options.for)
    const since = await this.now()
    const block: Block = {
      userId,
      ...checkedTexts(options),
      since,
      ...(length !== undefined && { until: since + length }),
    }
    await update(this.store, key, () => blockChange(block, { now: since }))
    this.tell({ type: 'blockAdded', record: block })
    return block
  }

  /** Lifts a block; returns whether there was one. */
  async remove(userId: number): Promise<boolean> {
    const record = await this.drop(userId)
    if (record !== undefined) this.tell({ type: 'blockRemoved', record })
    return record !== undefined
  }

  /** The user's block, unless it is over. */
  async get(userId: number): Promise<Block | undefined> {
    return this.find(userId)
  }

  /** Blocks in force, in no particular order, page by page. */
  async list(options?: ListOptions): Promise<RecordList<Block>> {
    return this.page(options)
  }

  protected read(value: unknown, now: number): Block | undefined {
    return inForce(value as Block, now)
  }
}

/** Users that the bot knows. */
export class Registrations extends UserRecords<Registration> {
  protected readonly namespace = 'registrations'

  /**
   * Registers a user. Once more: the profile is replaced, `since` stays.
   *
   * @param profile plain JSON of the bot's own.
   * @throws SentinelUsageError for an id that is none, a profile that is not plain JSON.
   * @example await sentinel.registrations.add(ctx.from.id, { plan: 'free' })
   */
  async add(userId: number, profile?: unknown): Promise<Registration> {
    const key = this.keyOf(userId)
    const problem = profile === undefined ? undefined : jsonProblem(profile)
    if (problem !== undefined) throw new SentinelUsageError(`profile must be plain JSON: ${problem}`)
    const now = await this.now()
    const content = profile === undefined ? {} : { profile: copyJson(profile) }
    let record: Registration = { userId, ...content, since: now }
    await update(this.store, key, (entry) => {
      const since = (entry?.value as Registration | undefined)?.since ?? now
      record = { userId, ...content, since }
      return { value: record }
    })
    this.tell({ type: 'registrationAdded', record })
    return record
  }

  /** Forgets a user; returns whether it was registered. */
  async remove(userId: number): Promise<boolean> {
    const record = await this.drop(userId)
    if (record !== undefined) this.tell({ type: 'registrationRemoved', record })
    return record !== undefined
  }

  async get(userId: number): Promise<Registration | undefined> {
    return this.find(userId)
  }

  /** Registrations, in no particular order, page by page. */
  async list(options?: ListOptions): Promise<RecordList<Registration>> {
    return this.page(options)
  }

  protected read(value: unknown): Registration {
    return value as Registration
  }
}

/** A member as it is stored: `updateId` orders updates of one second. */
interface StoredMember extends Member {
  readonly updateId: number
}

/** Who can be reached: what `my_chat_member` last said of each private chat. */
export class Members extends UserRecords<Member> {
  protected readonly namespace = 'members'

  /** `undefined` for a user of whom nothing was said. */
  async get(userId: number): Promise<Member | undefined> {
    return this.find(userId)
  }

  /**
   * Notes what an update of `date` (ms) said. The later date wins, then the later update.
   *
   * @returns whether this is the latest word.
   */
  async record(userId: number, reachable: boolean, date: number, updateId: number): Promise<boolean> {
    const latest: StoredMember = { userId, reachable, since: date, updateId }
    let noted = false
    await update(this.store, this.keyOf(userId), (entry) => {
      noted = entry === undefined || isLater(latest, entry.value as StoredMember)
      return noted ? { value: latest } : 'keep'
    })
    return noted
  }

  protected read(value: unknown): Member {
    const { userId, reachable, since } = value as StoredMember
    return { userId, reachable, since }
  }
}

function isLater(a: StoredMember, b: StoredMember): boolean {
  return a.since === b.since ? a.updateId > b.updateId : a.since > b.since
}

function checkedId(userId: unknown): number {
  if (typeof userId === 'number' && Number.isSafeInteger(userId) && userId !== 0) return userId
  const got = typeof userId === 'string' ? `the text '${userId}'` : String(userId)
  throw new SentinelUsageError(
    `userId must be Telegram's numeric id (a whole number other than 0, such as ctx.from.id), not ${got}`,
  )
}

function checkedLength(duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined
  const length = toMilliseconds(duration)
  if (length === undefined)
    throw new SentinelUsageError(`for must be ${DURATION_HINT}, not ${String(duration)}`)
  return length
}

function checkedTexts(options: BlockOptions): Pick<Block, 'reason' | 'by'> {
  const texts: { reason?: string; by?: string } = {}
  for (const name of ['reason', 'by'] as const) {
    const text: unknown = options[name]
    if (text === undefined) continue
    if (typeof text !== 'string') {
      throw new SentinelUsageError(`${name} must be a text, not ${String(text)}`)
    }
    texts[name] = text
  }
  return texts
}

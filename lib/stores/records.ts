/** The records that last: blocks, registrations and reachable members, on any store. */
import { DURATION_HINT, toMilliseconds } from '../duration'
import type { Duration } from '../duration'
import { SentinelUsageError } from '../errors'
import { hintFor } from '../nearest'
import type { Block, Member, Registration } from './decision'
import { inForce } from './judge'
import { copyJson, jsonProblem } from './json'
import { blockChange } from './json-ledger'
import { update } from './update'
import { UserRecords } from './user-records'
import type { ListOptions, RecordList } from './user-records'

export type { ListOptions, Now, RecordChange, RecordList, RecordsOptions } from './user-records'

export interface BlockOptions {
  /** How long. Default: without end. */
  readonly for?: Duration
  /** Why, for the admins. */
  readonly reason?: string
  /** Who did it. */
  readonly by?: string
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
    checkNames(options)
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

/** A mistyped `for` would else be a block without end. */
function checkNames(options: BlockOptions): void {
  const known = ['for', 'reason', 'by']
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    throw new SentinelUsageError(`a block has no option '${name}'; ${hintFor(name, known, 'options')}`)
  }
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

/** The records that last: blocks, registrations and reachable members, on any store. */
import { DURATION_HINT, toMilliseconds } from '../duration'
import type { Duration } from '../duration'
import { SentinelUsageError } from '../errors'
import { hintFor } from '../nearest'
import type { BulkOptions, Many } from './bulk'
import type { Block, Member, Registration } from './decision'
import { inForce } from './judge'
import { copyJson, jsonProblem } from './json'
import type { StoredMember } from './user-record'
import { checkedId, UserRecords } from './user-records'
import type { ListOptions, RecordList } from './user-records'

export type { BulkOptions, Many } from './bulk'
export type { ListOptions, Now, RecordChange, RecordList, RecordsOptions } from './user-records'

/** What `blocks.add` takes besides the user's id. */
export interface BlockOptions {
  /** How long. Default: without end. */
  readonly for?: Duration
  /** Why, for the admins. */
  readonly reason?: string
  /** Who did it. */
  readonly by?: string
}

/** A user to block: an id, or an id with options of its own. */
export type BlockItem = number | ({ readonly userId: number } & BlockOptions)

/** A user to register: an id, or an id with a profile. */
export type RegistrationItem = number | { readonly userId: number; readonly profile?: unknown }

/** Bans, by user id (a sender chat's id too). */
export class Blocks extends UserRecords<'blocks', Block> {
  protected readonly namespace = 'blocks'

  /**
   * Blocks a user, for a while or without end. A block that stands is replaced.
   *
   * @throws SentinelUsageError for an id or a duration that is none.
   * @example await sentinel.blocks.add(ctx.from.id, { for: '7d', reason: 'spam' })
   */
  async add(userId: number, options: BlockOptions = {}): Promise<Block> {
    const id = checkedId(userId)
    const draft = checkedBlock(options)
    const block = draft(id, await this.now())
    await this.put(block, 'replace')
    this.#added(block)
    return block
  }

  /**
   * Blocks many users, a thousand at a time and in constant memory, as `add` would one after another: a standing block is
   * replaced, and each is an event.
   *
   * @param items ids, or `{ userId, for?, reason?, by? }`: an array, or any iterable or async iterable.
   * @returns how many were added.
   * @throws SentinelUsageError for a wrong item, naming its place; StoreError; what the iterable throws. The thousands
   *   before it stay done; of a thousand that the store failed at, some may be. To do it all once more does no harm.
   * @example await sentinel.blocks.addMany(spammers, { onProgress: (done) => console.log(done) })
   */
  addMany(items: Many<BlockItem>, options?: BulkOptions): Promise<number> {
    return this.putAll(items, options, 'replace', blockOf, (block) => this.#added(block))
  }

  /** Lifts a block; returns whether there was one. */
  async remove(userId: number): Promise<boolean> {
    const block = await this.drop(userId)
    if (block !== undefined) this.#removed(block)
    return block !== undefined
  }

  /**
   * Lifts the blocks of many users, a thousand at a time and in constant memory.
   *
   * @returns how many there were.
   * @throws as `addMany` does.
   * @example await sentinel.blocks.removeMany([5, 6, 7])
   */
  removeMany(userIds: Many<number>, options?: BulkOptions): Promise<number> {
    return this.dropAll(userIds, options, (block) => this.#removed(block))
  }

  /** The user's block, unless it is over. */
  async get(userId: number): Promise<Block | undefined> {
    return this.find(userId)
  }

  /** Blocks in force, in no particular order, page by page. */
  async list(options?: ListOptions): Promise<RecordList<Block>> {
    return this.page(options)
  }

  protected read(block: Block, now: number): Block | undefined {
    return inForce(block, now)
  }

  #added(record: Block): void {
    this.tell({ type: 'blockAdded', record })
  }

  #removed(record: Block): void {
    this.tell({ type: 'blockRemoved', record })
  }
}

/** Users that the bot knows. */
export class Registrations extends UserRecords<'registrations', Registration> {
  protected readonly namespace = 'registrations'

  /**
   * Registers a user. Once more: the profile is replaced, `since` stays.
   *
   * @param profile plain JSON of the bot's own.
   * @throws SentinelUsageError for an id that is none, a profile that is not plain JSON.
   * @example await sentinel.registrations.add(ctx.from.id, { plan: 'free' })
   */
  async add(userId: number, profile?: unknown): Promise<Registration> {
    const draft = checkedRegistration(userId, profile)
    const registration = { ...draft, since: await this.now() }
    const stored = (await this.put(registration, 'keep-since')) ?? registration
    this.#added(stored)
    return stored
  }

  /**
   * Registers many users, a thousand at a time and in constant memory, as `add` would one after another: of a known user
   * the profile is replaced and `since` stays, and each is an event.
   *
   * @param items ids, or `{ userId, profile? }`: an array, or any iterable or async iterable.
   * @returns how many were added.
   * @throws SentinelUsageError for a wrong item, naming its place; StoreError; what the iterable throws. The thousands
   *   before it stay done; of a thousand that the store failed at, some may be. To do it all once more does no harm.
   * @example await sentinel.registrations.addMany(users.map(({ id, plan }) => ({ userId: id, profile: { plan } })))
   */
  addMany(items: Many<RegistrationItem>, options?: BulkOptions): Promise<number> {
    return this.putAll(items, options, 'keep-since', registrationOf, (registration) =>
      this.#added(registration),
    )
  }

  /** Forgets a user; returns whether it was registered. */
  async remove(userId: number): Promise<boolean> {
    const registration = await this.drop(userId)
    if (registration !== undefined) this.#removed(registration)
    return registration !== undefined
  }

  /**
   * Forgets many users, a thousand at a time and in constant memory.
   *
   * @returns how many were registered.
   * @throws as `addMany` does.
   */
  removeMany(userIds: Many<number>, options?: BulkOptions): Promise<number> {
    return this.dropAll(userIds, options, (registration) => this.#removed(registration))
  }

  async get(userId: number): Promise<Registration | undefined> {
    return this.find(userId)
  }

  /** Registrations, in no particular order, page by page. */
  async list(options?: ListOptions): Promise<RecordList<Registration>> {
    return this.page(options)
  }

  protected read(registration: Registration): Registration {
    return registration
  }

  #added(record: Registration): void {
    this.tell({ type: 'registrationAdded', record })
  }

  #removed(record: Registration): void {
    this.tell({ type: 'registrationRemoved', record })
  }
}

/** Who can be reached: what `my_chat_member` last said of each private chat. */
export class Members extends UserRecords<'members', Member> {
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
    const latest = { userId: checkedId(userId), reachable, since: date, updateId }
    return (await this.put(latest, 'later')) !== undefined
  }

  protected read({ userId, reachable, since }: StoredMember): Member {
    return { userId, reachable, since }
  }
}

function blockOf(item: BlockItem, now: number): Block {
  if (!isObject(item)) return { userId: checkedId(item), since: now }
  const { userId, ...options } = item
  return checkedBlock(options)(checkedId(userId), now)
}

/** Checks all that is known before the time is asked for. */
function checkedBlock(options: BlockOptions): (userId: number, since: number) => Block {
  checkNames(options, ['for', 'reason', 'by'], 'a block')
  const length = checkedLength(options.for)
  const texts = checkedTexts(options)
  return (userId, since) => ({
    userId,
    ...texts,
    since,
    ...(length !== undefined && { until: since + length }),
  })
}

function registrationOf(item: RegistrationItem, now: number): Registration {
  if (!isObject(item)) return { userId: checkedId(item), since: now }
  checkNames(item, ['userId', 'profile'], 'a registration')
  return { ...checkedRegistration(item.userId, item.profile), since: now }
}

function checkedRegistration(userId: number, profile: unknown): Omit<Registration, 'since'> {
  const id = checkedId(userId)
  if (profile === undefined) return { userId: id }
  const problem = jsonProblem(profile)
  if (problem !== undefined) throw new SentinelUsageError(`profile must be plain JSON: ${problem}`)
  return { userId: id, profile: copyJson(profile) }
}

/** A mistyped `for` would else be a block without end. */
function checkNames(options: object, known: readonly string[], what: string): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    throw new SentinelUsageError(`${what} has no option '${name}'; ${hintFor(name, known, 'options')}`)
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

function isObject<T>(item: T): item is T & object {
  return typeof item === 'object' && item !== null
}

/** Copies of the first store's blocks and registrations in those behind it, made in the background and kept up to date. */
import { StoreError, toError } from '../../errors'
import type { DecisionRequest } from '../decision'
import { later } from '../later'
import type { RecordPlace, UserNamespace, UserRecordPage } from '../user-record'
import { give } from './bare'
import type { Note, UserRecord } from './changes'
import { bounded } from './deadlines'
import type { Line } from './line'
import { Lookout } from './lookout'
import type { Standing } from './standing'
import { Touched } from './touched'

/** Records that are read, and written, at a time; and ms from one such page to the next. */
const PAGE = 1_000
const PAUSE = 2
/** ms until it is tried again where it failed. */
const RETRY = 5_000
/** ms until it is made anew where it was spoilt. */
const SOON = 1_000
/** Records that are looked up at a time before they are deleted from a copy. */
const LOOKUPS = 100

const COPIED: readonly UserNamespace[] = ['blocks', 'registrations']

interface CopiesParts {
  readonly line: Line
  readonly options: { readonly most: number; readonly refresh: number }
  /** ms. */
  readonly timeout: number
  readonly trouble: (source: string, error: Error) => void
}

export class Copies {
  readonly #spaces = new Set<string>()
  /** The space that was met last: most bots have one. */
  #latest: string | undefined
  /** Stores and places whose copy was whole at some time since the store last failed. */
  readonly #whole = new Set<string>()
  /** How often each store's copies have been spoilt: one that was while it was made is not whole. */
  readonly #spoilt: number[]
  /** Places that have more records than are copied; each is told of once. */
  readonly #tooLarge = new Set<string>()
  readonly #touched = new Touched()
  readonly #lookout: Lookout
  #timer: NodeJS.Timeout | undefined
  /** When it is due (ms, monotonic). */
  #due = Infinity
  #running = false
  /** A copy is to be made as soon as the one under way is done. */
  #again = false
  #stopped = false

  constructor(private readonly parts: CopiesParts) {
    this.#spoilt = parts.line.standings.map(() => 0)
    this.#lookout = new Lookout({
      isOnDuty: () => this.#mayGoOn(),
      bounded: (work) => this.#bounded(work),
      first: parts.line.standings[0],
      gone: (place, userIds) => this.#gone(place, userIds),
      lost: (standing) => this.missed(standing),
      failed: (standing, thrown) => parts.line.failed(standing, thrown),
    })
  }

  /** A space is used. */
  meet(space: string): void {
    if (space === this.#latest) return
    this.#latest = space
    if (this.#spaces.has(space)) return
    this.#spaces.add(space)
    this.refresh()
  }

  /** The request as this store can judge it: whoever a copy may just not know is not locked out. */
  adapted(standing: Standing, request: DecisionRequest): DecisionRequest {
    if (request.registration !== 'required' || standing.index === 0) return request
    const place = { space: request.space, namespace: 'registrations' } as const
    return this.#whole.has(copyKey(standing, place)) ? request : { ...request, registration: 'vouched' }
  }

  /** Whether a store knows of all records of a place, as far as they are copied. */
  isWhole(standing: Standing, place: RecordPlace): boolean {
    return standing.index === 0 || this.#whole.has(copyKey(standing, place))
  }

  /** Records are being written; what it returns is to be called when they are. */
  touch(place: RecordPlace, userIds: readonly number[]): () => void {
    return this.#touched.touch(place, userIds)
  }

  /** A copy has got what was written to the first store. */
  written(standing: Standing, notes: readonly Note[]): void {
    for (const { place, userId, change } of notes) {
      const isCopied = change.put !== undefined && COPIED.includes(place.namespace)
      if (isCopied) this.#lookout.watch(copyKey(standing, place), standing, place, [userId])
    }
  }

  /** A store is not what it was: its copies are made anew, now or when it is back. */
  missed({ index, isClosed }: Standing): void {
    this.#spoilt[index]++
    for (const key of this.#whole) if (key.startsWith(`${index} `)) this.#whole.delete(key)
    if (isClosed) this.refresh(SOON)
  }

  /** Copies everything, if the first store serves. */
  refresh(inMs = 0): void {
    if (this.#running) this.#again = true
    else if (this.#spaces.size > 0) this.#schedule(inMs)
  }

  stop(): void {
    this.#stopped = true
    this.#lookout.stop()
    clearTimeout(this.#timer)
  }

  /** What is due sooner stays so: failures that keep coming must not put it off. */
  #schedule(ms: number): void {
    const due = performance.now() + ms
    if (this.#stopped || this.#due <= due) return
    clearTimeout(this.#timer)
    this.#due = due
    this.#timer = later(ms, () => void this.#run())
  }

  async #run(): Promise<void> {
    this.#due = Infinity
    if (this.#running) return
    this.#running = true
    this.#again = false
    const spoilt = [...this.#spoilt]
    let wait = this.parts.options.refresh
    try {
      for (const space of this.#spaces) {
        for (const namespace of COPIED) await this.#copy({ space, namespace }, spoilt)
      }
    } catch (thrown) {
      if (this.#mayGoOn()) this.parts.trouble('copies', toError(thrown))
      wait = Math.min(wait, RETRY)
    } finally {
      this.#running = false
      this.#touched.end()
    }
    this.#schedule(this.#again ? Math.min(wait, SOON) : wait)
  }

  #mayGoOn(): boolean {
    return !this.#stopped && this.parts.line.serving?.index === 0
  }

  async #copy(place: RecordPlace, spoilt: readonly number[]): Promise<void> {
    const [first, ...behind] = this.parts.line.standings
    const targets = behind.filter(({ isClosed }) => isClosed)
    if (targets.length === 0 || !this.#mayGoOn()) return
    this.#touched.begin()
    const seen = new Set<number>()
    for await (const records of this.#pages(first, place)) {
      for (const { userId } of records) seen.add(userId)
      if (seen.size > this.parts.options.most) return this.#foundTooLarge(first, place)
      await Promise.all(targets.map((target) => this.#put(target, place, records)))
    }
    // It ended early where the first store serves no more.
    if (!this.#mayGoOn()) return
    this.#tooLarge.delete(placeKey(place))
    for (const target of targets) {
      await this.#forget(target, place, seen)
      if (!this.#mayGoOn() || !target.isClosed || this.#spoilt[target.index] !== spoilt[target.index])
        continue
      this.#whole.add(copyKey(target, place))
      this.#lookout.watch(copyKey(target, place), target, place, seen)
    }
  }

  /** Forgets in the copy what is gone from the first store. */
  async #forget(target: Standing, place: RecordPlace, seen: ReadonlySet<number>): Promise<void> {
    for await (const records of this.#pages(target, place)) {
      const unseen = records.map(({ userId }) => userId).filter((userId) => !seen.has(userId))
      for (let at = 0; at < unseen.length; at += LOOKUPS) {
        await this.#drop(target, place, await this.#gone(place, unseen.slice(at, at + LOOKUPS)))
      }
    }
  }

  /** Those whom the first store does not know now: another process that shares both may have added them meanwhile. */
  async #gone(place: RecordPlace, userIds: readonly number[]): Promise<readonly number[]> {
    const [{ store }] = this.parts.line.standings
    const found = await this.#bounded(Promise.all(userIds.map((userId) => store.findRecord(place, userId))))
    return userIds.filter((_, n) => found[n] === undefined)
  }

  async *#pages(standing: Standing, place: RecordPlace): AsyncGenerator<readonly UserRecord[]> {
    let cursor: string | undefined
    do {
      if (!this.#mayGoOn() || !standing.isClosed) return
      const options = cursor === undefined ? { limit: PAGE } : { cursor, limit: PAGE }
      const page: UserRecordPage<UserRecord> = await this.#bounded(standing.store.listRecords(place, options))
      yield page.records
      cursor = page.cursor
      if (cursor !== undefined) await new Promise<void>((resolve) => void later(PAUSE, resolve))
    } while (cursor !== undefined)
  }

  #put(target: Standing, place: RecordPlace, records: readonly UserRecord[]): Promise<void> {
    return this.#write(target, async () => {
      const old = records.filter(({ userId }) => !this.#touched.has(place, userId))
      await this.#putAll(target, place, old)
    })
  }

  async #putAll(target: Standing, place: RecordPlace, records: readonly UserRecord[]): Promise<void> {
    const at = Date.now()
    const notes = records.map((put) => ({
      place,
      userId: put.userId,
      change: { put, meeting: 'replace' } as const,
      at,
    }))
    const { timeout, trouble } = this.parts
    await give(target, notes, timeout, (error) => trouble('copies', error))
  }

  #drop(target: Standing, place: RecordPlace, userIds: readonly number[]): Promise<void> {
    return this.#write(target, async () => {
      const gone = userIds.filter((userId) => !this.#touched.has(place, userId))
      if (gone.length > 0) await this.#bounded(target.store.dropRecords(place, gone))
    })
  }

  #write(target: Standing, write: () => Promise<void>): Promise<void> {
    return target.inOrder(async () => {
      // What is skipped is missing, even if it is back at the end.
      if (!target.isClosed) return this.missed(target)
      try {
        await write()
      } catch (thrown) {
        this.missed(target)
        this.parts.line.failed(target, thrown)
        throw thrown
      }
    })
  }

  #foundTooLarge({ name }: Standing, place: RecordPlace): void {
    const { line, options, trouble } = this.parts
    for (const standing of line.standings) this.#whole.delete(copyKey(standing, place))
    if (this.#tooLarge.has(placeKey(place))) return
    this.#tooLarge.add(placeKey(place))
    const then =
      place.namespace === 'blocks'
        ? 'the others’ bans do not hold'
        : 'whoever must be registered counts as registered'
    trouble(
      'copies',
      new StoreError(
        `${name} has more than ${options.most} ${place.namespace} of ${place.space}, and no more are copied (copies.most): ` +
          `while another store serves, ${then}`,
      ),
    )
  }

  #bounded<T>(work: Promise<T>): Promise<T> {
    return bounded(work, this.parts.timeout, PAGE)
  }
}

function placeKey({ space, namespace }: RecordPlace): string {
  return `${space} ${namespace}`
}

function copyKey({ index }: Standing, place: RecordPlace): string {
  return `${index} ${placeKey(place)}`
}

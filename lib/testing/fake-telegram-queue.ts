/** The updates that wait for the bot: what getUpdates and the webhook take from. */
import type { Update } from 'telegraf/types'
import { SentinelUsageError } from '../errors'
import { ApiError } from './fake-telegram-api'
import { Signal, type WaitOptions } from './fake-telegram-signal'
import type { Mint } from './updates-base'

/** An update of any kind; without an `update_id` it gets the next one. */
export type NewUpdate = Update | { update_id?: number; [kind: string]: unknown }

/** What getUpdates asks for. */
export interface Poll {
  readonly offset: number
  readonly limit: number
  /** ms. */
  readonly timeout: number
  readonly allowed: readonly string[] | undefined
  /** Aborted when the bot hangs up. */
  readonly gone: AbortSignal
}

interface Pending {
  readonly update: Update
  readonly kind: string
  handedOver: boolean
}

/** Kinds that a bot gets only if it names them. */
const ON_REQUEST = new Set(['chat_member', 'message_reaction', 'message_reaction_count'])

const TERMINATED =
  'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running'

export class UpdateQueue {
  readonly #mint: Mint
  readonly #signal = new Signal()
  readonly #known = new Set<number>()
  readonly #unwanted = new Map<number, string>()
  #pending: Pending[] = []
  /** Every update below it is confirmed. */
  #floor = 0
  #allowed: readonly string[] = []
  #endPoll: ((error?: ApiError) => void) | undefined
  #flushPoll: (() => void) | undefined
  /** Called when there is something to deliver. */
  onUpdate: () => void = () => undefined

  constructor(mint: Mint) {
    this.#mint = mint
  }

  get size(): number {
    return this.#pending.length
  }

  get allowed(): readonly string[] {
    return this.#allowed
  }

  /** Enqueues an update, in the order of update ids, and returns its id. */
  add(given: NewUpdate): number {
    const kind = kindOf(given)
    const update = { ...given, update_id: given.update_id ?? this.#mint.updateId() } as Update
    const id = update.update_id
    if (id < this.#floor) {
      throw new SentinelUsageError(
        `update ${id} would never arrive: the bot has confirmed everything below ${this.#floor}. ` +
          'Leave update_id out, or build the update with telegram.updates, which counts along with the server',
      )
    }
    this.#mint.skipPast(id)
    this.#known.add(id)
    const after = this.#pending.findIndex((other) => other.update.update_id > id)
    this.#pending.splice(after < 0 ? this.#pending.length : after, 0, { update, kind, handedOver: false })
    // A microtask later, so that what is sent in one go arrives as one batch.
    queueMicrotask(() => {
      this.#flushPoll?.()
      this.onUpdate()
    })
    return id
  }

  /** getUpdates: confirms what is below the offset, then waits for something to hand over. */
  poll(poll: Poll): Promise<Update[]> {
    this.endPoll(new ApiError(409, TERMINATED))
    this.#confirm(poll.offset)
    this.allow(poll.allowed)
    const batch = this.#batch(poll.limit)
    if (batch.length > 0 || poll.timeout === 0 || poll.gone.aborted) return Promise.resolve(batch)
    return this.#hold(poll)
  }

  /** Ends the hanging poll, if there is one: with an error, or with no updates. */
  endPoll(error?: ApiError): void {
    this.#endPoll?.(error)
  }

  /** Remembers which kinds the bot wants; `undefined` leaves it as it was, an empty list means the default. */
  allow(kinds: readonly string[] | undefined): void {
    if (kinds !== undefined) this.#allowed = kinds
    for (const { update, kind } of this.#pending) {
      if (!this.#wants(kind)) this.#unwanted.set(update.update_id, kind)
    }
    this.#remove(({ kind }) => !this.#wants(kind))
  }

  /** The next update for the webhook; it stays pending until it is settled. */
  claim(): Update | undefined {
    this.allow(undefined)
    const next = this.#pending.find(({ handedOver }) => !handedOver)
    if (next !== undefined) next.handedOver = true
    return next?.update
  }

  /** The webhook has taken the update. */
  settle(update: Update): void {
    this.#remove((pending) => pending.update === update)
  }

  /** The webhook is gone: the update is free for whoever comes next. */
  release(update: Update): void {
    for (const pending of this.#pending) if (pending.update === update) pending.handedOver = false
  }

  /** drop_pending_updates. */
  drop(): void {
    for (const { update } of this.#pending) this.#unwanted.set(update.update_id, 'drop_pending_updates')
    this.#remove(() => true)
  }

  /** Resolves once the update is confirmed. */
  async handled(updateId: number, options?: WaitOptions): Promise<void> {
    const check = () => {
      const reason = this.#unwanted.get(updateId)
      if (reason !== undefined) throw new Error(`update ${updateId} was dropped: ${whyDropped(reason)}`)
      if (!this.#known.has(updateId)) throw new SentinelUsageError(`no update ${updateId} was ever sent`)
      return this.#pending.some(({ update }) => update.update_id === updateId) ? undefined : true
    }
    await this.#signal.until(check, () => this.#explain(), options)
  }

  /** Resolves once no update waits any more. */
  async idle(options?: WaitOptions): Promise<void> {
    const check = () => (this.#pending.length === 0 ? true : undefined)
    await this.#signal.until(check, () => this.#explain(), options)
  }

  /** Resolves once a poll hangs. */
  async polled(options?: WaitOptions): Promise<void> {
    const check = () => (this.#endPoll === undefined ? undefined : true)
    await this.#signal.until(check, () => 'no bot waits for updates. Is it launched?', options)
  }

  close(): void {
    this.endPoll()
    this.#signal.close(new Error('FakeTelegram was stopped'))
  }

  #hold({ limit, timeout, gone }: Poll): Promise<Update[]> {
    return new Promise((resolve, reject) => {
      const end = (error?: ApiError, batch: Update[] = []) => {
        clearTimeout(timer)
        gone.removeEventListener('abort', hangUp)
        this.#endPoll = this.#flushPoll = undefined
        if (error === undefined) resolve(batch)
        else reject(error)
      }
      const hangUp = () => end()
      const timer = setTimeout(hangUp, timeout)
      gone.addEventListener('abort', hangUp)
      this.#endPoll = end
      this.#flushPoll = () => {
        this.allow(undefined)
        const batch = this.#batch(limit)
        if (batch.length > 0) end(undefined, batch)
      }
      this.#signal.notify()
    })
  }

  #batch(limit: number): Update[] {
    const batch = this.#pending.slice(0, limit)
    for (const pending of batch) pending.handedOver = true
    return batch.map(({ update }) => update)
  }

  /** A negative offset counts from the end: what comes before is forgotten. */
  #confirm(offset: number): void {
    const floor = offset < 0 ? (this.#pending.at(offset)?.update.update_id ?? 0) : offset
    if (floor <= this.#floor) return
    this.#floor = floor
    this.#mint.skipPast(floor - 1)
    this.#remove(({ update }) => update.update_id < floor)
  }

  #remove(done: (pending: Pending) => boolean): void {
    this.#pending = this.#pending.filter((pending) => !done(pending))
    this.#signal.notify()
  }

  #wants(kind: string): boolean {
    return this.#allowed.length === 0 ? !ON_REQUEST.has(kind) : this.#allowed.includes(kind)
  }

  #explain(): string {
    const list = this.#pending.map(
      ({ update, kind, handedOver }) =>
        `${update.update_id} (${kind}, ${handedOver ? 'handed over, not confirmed' : 'not handed over'})`,
    )
    return `the bot has not finished with: ${list.join(', ')}. Is it launched, and did no handler throw?`
  }
}

function kindOf(update: NewUpdate): string {
  const kinds = Object.keys(update).filter((key) => key !== 'update_id')
  const payload: unknown = Object.entries(update).find(([key]) => key === kinds[0])?.[1]
  if (kinds.length === 1 && typeof payload === 'object' && payload !== null) return kinds[0]
  throw new SentinelUsageError(
    `an update has one kind and its payload, such as { message: {…} }; this one has ${kinds.join(', ') || 'none'}`,
  )
}

function whyDropped(reason: string): string {
  if (reason === 'drop_pending_updates') return 'the bot asked for drop_pending_updates'
  return `the bot's allowed_updates do not include ${reason}`
}

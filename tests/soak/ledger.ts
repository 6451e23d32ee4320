/** Bans and registrations that come and go all the time, and what must have become of them. */
import type { StorageAdapter } from '../../lib/stores/store'
import { Blocks, Registrations } from '../../lib/stores/records'
import type { Crowd } from './crowd'
import type { BotOrder, DriverOrder, Wanted } from './words'
import type { Worker } from './worker'

const SPACE = 'sentinel:main'
/** Ids per page of a list. */
const PAGE = 1_000

type Act = Extract<BotOrder, { userId: number }>['act']

/** What is done with a record, and what becomes of updates while it is there and while it is not. */
interface Kind {
  readonly add: Act
  readonly remove: Act
  readonly there: Wanted
  readonly gone: Wanted
  readonly records: typeof Blocks | typeof Registrations
}

const KINDS = {
  bans: { add: 'ban', remove: 'unban', there: 'refused as banned', gone: 'served', records: Blocks },
  registrations: {
    add: 'register',
    remove: 'unregister',
    there: 'served',
    gone: 'refused as unregistered',
    records: Registrations,
  },
} as const satisfies Readonly<Record<string, Kind>>

/** How the records of one kind came out. */
export interface Outcome {
  readonly added: number
  readonly removed: number
  /** Calls that the bot rejected: what became of them is not known, and not looked at. */
  readonly rejected: number
  /** Removals that said there was nothing to remove, though there was. */
  readonly unseen: number
  /** ms that the longest call took. */
  readonly longest: number
  /** Added, and not there. */
  readonly lost: number[]
  /** Removed, and there again. */
  readonly resurrected: number[]
}

export class Ledger {
  readonly #kind: Kind
  /** Whether the record is there, as the last call said that was carried out. */
  readonly #there = new Map<number, boolean>()
  /** Nobody knows any more, or a call is under way. */
  readonly #unknown = new Set<number>()
  readonly #counts = { added: 0, removed: 0, rejected: 0, unseen: 0, longest: 0 }

  constructor(
    kind: keyof typeof KINDS,
    private readonly users: readonly number[],
    there: readonly number[],
    private readonly workers: { readonly bot: Worker<BotOrder>; readonly driver: Worker<DriverOrder> },
  ) {
    this.#kind = KINDS[kind]
    for (const userId of users) this.#there.set(userId, false)
    for (const userId of there) this.#there.set(userId, true)
  }

  /** Adds the record of one user, or removes it, as chance has it. */
  async change(random: () => number): Promise<void> {
    const userId = this.users[Math.floor(random() * this.users.length)]
    if (this.#unknown.has(userId)) return
    const there = this.#there.get(userId) !== true
    this.#unknown.add(userId)
    this.#expect(userId, there, undefined)
    const started = performance.now()
    try {
      const found = await this.workers.bot.ask({ act: there ? this.#kind.add : this.#kind.remove, userId })
      if (found === false) this.#counts.unseen++
    } catch {
      this.#counts.rejected++
      return
    } finally {
      this.#counts.longest = Math.max(this.#counts.longest, performance.now() - started)
    }
    this.#counts[there ? 'added' : 'removed']++
    this.#there.set(userId, there)
    this.#unknown.delete(userId)
    this.#expect(userId, there, Date.now())
  }

  /** Holds what was said to be done against what is in the store. */
  async outcome(store: StorageAdapter): Promise<Outcome> {
    const stored = await this.#stored(store)
    const known = [...this.#there].filter(([userId]) => !this.#unknown.has(userId))
    const wrong = known.filter(([userId, there]) => stored.has(userId) !== there)
    return {
      ...this.#counts,
      lost: wrong.filter(([, there]) => there).map(([userId]) => userId),
      resurrected: wrong.filter(([, there]) => !there).map(([userId]) => userId),
    }
  }

  async #stored(store: StorageAdapter): Promise<Set<number>> {
    const records = new this.#kind.records(store, SPACE, Date.now)
    const ids = new Set<number>()
    let cursor: string | undefined
    do {
      const page = await records.list({ limit: PAGE, cursor })
      for (const { userId } of page.entries) ids.add(userId)
      cursor = page.cursor
    } while (cursor !== undefined)
    return ids
  }

  #expect(userId: number, there: boolean, at: number | undefined): void {
    const wanted = there ? this.#kind.there : this.#kind.gone
    // A driver that is gone is told of by itself.
    this.workers.driver.ask({ act: 'expect', userId, wanted, at }).catch(() => undefined)
  }
}

/** Has everybody registered whom the bot knows from the start. */
export async function registerAll(store: StorageAdapter, crowd: Crowd): Promise<void> {
  await new Registrations(store, SPACE, Date.now).addMany(crowd.registered())
}

/** One fault, from before it begins until after it is over, under steady traffic; and what it came to. */
import { setTimeout as delay } from 'node:timers/promises'
import type { SentinelOptions, StorageAdapter } from 'telegraf-sentinel'
import { until } from '../support/servers/child'
import { startShopBot, type ShopBot, type Stay } from './bot'
import { Pauses } from './pauses'
import { KNOWN_BANNED, KNOWN_REGISTERED, LIMIT, person, roleOf } from './people'
import { sumOf, Traffic } from './traffic'

/** ms of traffic before the fault, while it lasts unless the scenario says otherwise, and after the recovery. */
const BEFORE = 700
const AWAY = 2000
const AFTER = 700
/** ms that a recovery may take at most, and without an error after which a store that stands alone has recovered. */
const PATIENCE = 20_000
const CALM = 1000

export interface Scenario {
  /** The row's first cells. */
  readonly fault: string
  readonly store: string
  /** The bot's store, not connected yet. It is closed here. */
  open(): Opened
  /** Another one, that reaches the primary itself, once the fault is over. It is closed here. */
  primary(): StorageAdapter
  begin(): unknown
  /** ms between `begin` and `end`. Default 2000. */
  readonly away?: number
  end(): unknown
  /** From when the recovery counts: the fault's end (default) or, where nothing but time is needed, its beginning. */
  readonly countedFrom?: 'begin' | 'end'
  readonly onStoreError?: SentinelOptions['onStoreError']
}

export interface Opened {
  readonly store: StorageAdapter
  /** The one that is to serve while the primary is away: it gets copies of the primary's bans and registrations. */
  readonly secondary?: StorageAdapter
}

export interface Figures {
  readonly sent: number
  readonly handled: number
  /** Errors that reached bot.catch. */
  readonly caught: readonly unknown[]
  readonly refused: number
  /** Of these, updates of users who kept below their limit and were registered where they had to be. */
  readonly wronglyRefused: number
  /** Let through beyond the limit: of all users together, and of the user with most. */
  readonly beyond: { readonly all: number; readonly most: number }
  /** Updates let through of users who were banned, or not registered where they had to be. */
  readonly intruders: number
  /** ms: the longest stay of an update, the machine's pauses in it, and the longest stay without such pauses. */
  readonly stall: { readonly longest: number; readonly paused: number; readonly own: number }
  /** ms, and the machine's pauses in them; `undefined` where there was nothing to recover from. */
  readonly recovery: { readonly took: number; readonly paused: number } | undefined
  /** Times that the primary was left, and times that it was returned to. */
  readonly switches: number
  /** What the store told of itself, and when (ms, the fault's beginning is 0). */
  readonly told: readonly string[]
  readonly writes: { readonly made: number; readonly refused: number; readonly lost: readonly string[] }
}

let scenarios = 0

export async function play(scenario: Scenario): Promise<Figures> {
  // A space of its own: the servers are shared by scenarios.
  const prefix = `faults${++scenarios}`
  const space = `${prefix}:main`
  await withStore(scenario.primary(), (primary) => foundedIn(primary, space))
  const { store, secondary } = scenario.open()
  const bot = await startShopBot({ store, prefix, onStoreError: scenario.onStoreError })
  const traffic = new Traffic(bot)
  const watch = new Watch(bot)
  const pauses = new Pauses().start()
  try {
    await bot.sentinel.ready()
    // A busy machine may have it begin with the secondary.
    await watch.recovered(performance.now())
    if (secondary !== undefined) await copied(bot, secondary, space)
    traffic.start()
    await delay(BEFORE)
    // … or leave the primary without our doing. Then that is not what this scenario is about.
    await watch.recovered(performance.now())
    traffic.moreFlooders()
    const from = performance.now()
    await scenario.begin()
    await delay(scenario.away ?? AWAY)
    await scenario.end()
    const to = performance.now()
    await watch.recovered(to)
    await delay(AFTER)
    await traffic.stop()
    await bot.telegram.idle({ timeout: PATIENCE })
    // What a journal still holds is on its way.
    await watch.recovered(performance.now())
    const recovery = recoveryOf(watch, pauses, scenario.countedFrom === 'begin' ? from : to)
    const lost = await withStore(scenario.primary(), (primary) => lostOf(traffic, primary, space))
    const { switches } = watch
    const writes = writesOf(traffic, lost)
    return { ...figuresOf(bot, traffic, pauses), recovery, switches, told: watch.told(from), writes }
  } finally {
    pauses.stop()
    await traffic.stop()
    await bot.stop()
    await bot.sentinel.close()
    await store.close()
  }
}

/** Follows whether decisions come from the primary. */
class Watch {
  switches = 0
  #away = false
  /** ms, monotonic: each time that it was returned to, and when it last failed to decide. */
  readonly #returns: number[] = []
  #failed: number | undefined
  readonly #told: { readonly at: number; readonly what: string }[] = []

  constructor({ sentinel }: ShopBot) {
    sentinel.on('degraded', ({ by, error }) => {
      this.#note(`degraded, ${by ?? 'nobody'} serves: ${error.message}`)
      this.switches++
      this.#away = true
    })
    sentinel.on('recovered', ({ replayed }) => {
      this.#note(`recovered, ${replayed} replayed`)
      this.switches++
      this.#away = false
      this.#returns.push(performance.now())
    })
    sentinel.on('storeError', ({ source, error }) => {
      if (source === 'decide') this.#failed = performance.now()
      this.#note(`${source}: ${error.message}`)
    })
  }

  /** Resolves once the primary decides again, or when it does not for too long. */
  async recovered(since: number): Promise<void> {
    const isWell = (): boolean => !this.#away && performance.now() - (this.#failed ?? -Infinity) > CALM
    while (!isWell() && performance.now() < since + PATIENCE) await delay(10)
  }

  /** ms from the fault's end until the primary decided again. */
  recovery(since: number): number | undefined {
    if (this.#away) return Infinity
    const last = this.#returns.at(-1)
    const well = this.#returns.find((at) => at > since) ?? last ?? this.#failed
    return well === undefined ? undefined : Math.max(0, well - since)
  }

  told(since: number): string[] {
    return this.#told.map(({ at, what }) => `${Math.round(at - since)}: ${what}`)
  }

  #note(what: string): void {
    const last = this.#told.at(-1)
    if (last?.what !== what) this.#told.push({ at: performance.now(), what })
  }
}

function figuresOf({ shop, stays, caught }: ShopBot, { sent }: Traffic, pauses: Pauses) {
  const { bought, served, heard } = shop
  const extra = [...bought.values()].map((count) => Math.max(0, count - LIMIT))
  const strangers = sumOf(served, 'stranger')
  const admitted = sumOfAll(bought) + sumOfAll(served) + sumOfAll(heard)
  const all = sumOfAll(sent)
  const rightful = [...sent].filter(([userId]) => ['good', 'registered', 'newcomer'].includes(roleOf(userId)))
  const through = (userId: number): number => (bought.get(userId) ?? 0) + (served.get(userId) ?? 0)
  return {
    sent: all,
    handled: stays.length,
    caught,
    refused: stays.length - admitted,
    wronglyRefused: rightful.reduce((sum, [userId, count]) => sum + count - through(userId), 0),
    beyond: { all: extra.reduce((sum, count) => sum + count, 0), most: Math.max(...extra) },
    intruders: sumOfAll(heard) + strangers,
    stall: stallOf(stays, pauses),
  }
}

function recoveryOf(watch: Watch, pauses: Pauses, since: number): Figures['recovery'] {
  const took = watch.recovery(since)
  return took === undefined ? undefined : { took, paused: pauses.within(since, since + took) }
}

function stallOf(stays: readonly Stay[], pauses: Pauses): Figures['stall'] {
  const all = stays.map(({ from, to }) => ({ length: to - from, paused: pauses.within(from, to) }))
  const longest = all.reduce((one, other) => (other.length > one.length ? other : one))
  const own = Math.max(...all.map(({ length, paused }) => length - paused))
  return { longest: longest.length, paused: longest.paused, own }
}

function sumOfAll(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}

function writesOf({ writes }: Traffic, lost: readonly string[]): Figures['writes'] {
  const { present, absent, refused } = writes
  return { made: present.banned.length + present.registered.length + absent.length, refused, lost }
}

/** What the sentinel said was written, and the primary does not have. */
async function lostOf({ writes }: Traffic, primary: StorageAdapter, space: string): Promise<string[]> {
  const { present, absent } = writes
  const has = async (namespace: 'blocks' | 'registrations', userId: number): Promise<boolean> =>
    (await primary.findRecord({ space, namespace }, userId)) !== undefined
  const lost: string[] = []
  for (const userId of present.banned) if (!(await has('blocks', userId))) lost.push(`ban of ${userId}`)
  for (const userId of present.registered) {
    if (!(await has('registrations', userId))) lost.push(`registration of ${userId}`)
  }
  for (const userId of absent) if (await has('blocks', userId)) lost.push(`lifting of the ban of ${userId}`)
  return lost
}

/** The bans and registrations that the primary knew before this process was there. */
async function foundedIn(primary: StorageAdapter, space: string): Promise<void> {
  const since = Date.now()
  const banned = KNOWN_BANNED.map((userId) => ({ userId, reason: 'spam', since }))
  const registered = KNOWN_REGISTERED.map((userId) => ({ userId, profile: { vip: true }, since }))
  await primary.putRecords({ space, namespace: 'blocks' }, banned, 'replace')
  await primary.putRecords({ space, namespace: 'registrations' }, registered, 'replace')
}

async function copied({ sentinel }: ShopBot, secondary: StorageAdapter, space: string): Promise<void> {
  // A space is copied from its first use on.
  await sentinel.blocks.get(person('stranger', 0))
  const has = async (namespace: 'blocks' | 'registrations', userIds: readonly number[]): Promise<boolean> => {
    const found = await Promise.all(
      userIds.map((userId) => secondary.findRecord({ space, namespace }, userId)),
    )
    return !found.includes(undefined)
  }
  await until(
    async () => (await has('blocks', KNOWN_BANNED)) && (await has('registrations', KNOWN_REGISTERED)),
    () => 'bans and registrations of the primary are not copied',
  )
}

async function withStore<T>(store: StorageAdapter, use: (store: StorageAdapter) => Promise<T>): Promise<T> {
  await store.connect()
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { Telegraf, type Context } from 'telegraf'
import type { Update } from 'telegraf/types'
import {
  createSentinel,
  MemoryStore,
  sentinelOf,
  type Refused,
  type Sentinel,
  type SentinelEvent,
  type SentinelOptions,
  type StorageAdapter,
  type Verdict,
} from 'telegraf-sentinel'
import { createUpdates, FakeTelegram, ManualClock, type Updates } from 'telegraf-sentinel/testing'
import { EVENT_NAMES } from '../../lib/events'
import { MapStore } from './map-store'

/** What a controller's handler gets from Telegraf. */
export type Next = () => Promise<void>

/** Stores that every law of the flow must hold on: the native one, and the smallest that a user can write. */
export const stores: readonly (readonly [name: string, make: () => StorageAdapter])[] = [
  ['MemoryStore', () => new MemoryStore()],
  ['a four-primitive store', () => new MapStore()],
]

/** A real Telegraf behind a sentinel, talking to a Bot API server on loopback. */
export interface GuardedBot<C extends Context = Context> {
  readonly bot: Telegraf<C>
  readonly sentinel: Sentinel<C>
  readonly telegram: FakeTelegram
  readonly clock: ManualClock
  readonly updates: Updates
  /** Every event so far, in order. */
  readonly events: SentinelEvent[]
  /** Updates that got past the sentinel and its controllers. */
  readonly passed: C[]
  /** What bot.catch was given. */
  readonly caught: unknown[]
  send(update: object): Promise<void>
  /** Sends an update and returns what the sentinel came to. */
  judge(update: object): Promise<Verdict>
  /** Sends an update that must be refused. */
  refused(update: object): Promise<Refused>
  /** Sends updates one after the other; for each, why it was refused, or 'allowed'. */
  outcomes(...updates: readonly object[]): Promise<string[]>
  /** Types of the events so far. */
  types(): string[]
  /** What the bot has said (in a chat), once no reply waits any more: to one chat it sends one message a second. */
  told(chat?: number): Promise<string[]>
}

export interface GuardedSetup<C extends Context> {
  /** Before `bot.use(sentinel)`. */
  before?: (bot: Telegraf<C>, sentinel: Sentinel<C>) => void
  /** After it: handlers that are in no controller. */
  after?: (bot: Telegraf<C>, sentinel: Sentinel<C>) => void
  /** The store's own time instead of the manual clock. */
  realTime?: boolean
}

const open: FakeTelegram[] = []

/** Stops what `guarded` started; for `afterEach`. */
export async function stopAll(): Promise<void> {
  await Promise.all(open.splice(0).map((telegram) => telegram.stop()))
}

export async function guarded<C extends Context = Context>(
  options: SentinelOptions<C> = {},
  setup: GuardedSetup<C> = {},
): Promise<GuardedBot<C>> {
  const telegram = await FakeTelegram.start()
  open.push(telegram)
  const clock = new ManualClock()
  const bot = new Telegraf<C>(telegram.token, { telegram: { apiRoot: telegram.apiRoot } })
  bot.botInfo = await bot.telegram.getMe()
  telegram.clear()
  const caught: unknown[] = []
  bot.catch((error) => void caught.push(error))
  const sentinel = createSentinel<C>(setup.realTime ? options : { clock, ...options })
  const events: SentinelEvent[] = []
  for (const name of EVENT_NAMES) sentinel.on(name, (event) => void events.push(event as SentinelEvent))
  const passed: C[] = []
  const contexts = new WeakMap<object, C>()
  bot.use((ctx, next) => {
    contexts.set(ctx.update, ctx)
    return next()
  })
  setup.before?.(bot, sentinel)
  bot.use(sentinel)
  setup.after?.(bot, sentinel)
  bot.use((ctx) => void passed.push(ctx))

  const send = (update: object): Promise<void> => bot.handleUpdate(update as Update)
  const judge = async (update: object): Promise<Verdict> => {
    await send(update)
    const ctx = contexts.get(update)
    if (ctx === undefined) throw new Error('the update did not reach the bot')
    return sentinelOf(ctx).verdict
  }
  return {
    bot,
    sentinel,
    telegram,
    clock,
    updates: createUpdates(),
    events,
    passed,
    caught,
    send,
    judge,
    refused: async (update) => {
      const verdict = await judge(update)
      if (verdict.allowed) throw new Error('the update was allowed')
      return verdict
    },
    outcomes: async (...updates) => {
      const outcomes: string[] = []
      for (const update of updates) {
        const verdict = await judge(update)
        outcomes.push(verdict.allowed ? 'allowed' : verdict.reason)
      }
      return outcomes
    },
    types: () => events.map(({ type }) => type),
    told: async (chat) => {
      while ((await sentinel.health()).waiting.replies > 0) await sleep(20)
      return telegram.texts(chat)
    },
  }
}

/** What user 42 has left of each of these limits. */
export async function remaining(
  { sentinel }: { readonly sentinel: Pick<Sentinel, 'limits'> },
  ...names: string[]
): Promise<number[]> {
  const states = await Promise.all(names.map((name) => sentinel.limits.peek(name, { userId: 42 })))
  return states.map((state) => state.remaining)
}

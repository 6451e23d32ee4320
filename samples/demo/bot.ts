/** The demo's bot: the same on the real Telegram and on the one in this process. */
import 'reflect-metadata'
import { Telegraf, type Context } from 'telegraf'
import { createSentinel, type Sentinel, type Verdict } from 'telegraf-sentinel'
import { Shop } from './shop'

/** Told of every decision: what came of it and how long it took (ms). */
export type Watch = (ctx: Context, verdict: Verdict, took: number) => void

/** Makes the bot and its sentinel. */
export function createBot(
  token: string,
  watch: Watch,
  options?: ConstructorParameters<typeof Telegraf>[1],
): { bot: Telegraf; sentinel: Sentinel } {
  const bot = new Telegraf(token, options)
  const begun = new WeakMap<Context, number>()
  const decided = (ctx: Context, verdict: Verdict): void =>
    watch(ctx, verdict, performance.now() - (begun.get(ctx) ?? performance.now()))
  const shop = new Shop((userId) => sentinel.registrations.add(userId))
  const sentinel: Sentinel = createSentinel({
    controllers: [shop],
    hooks: {
      before: (ctx) => void begun.set(ctx, performance.now()),
      allowed: decided,
      refused: decided,
    },
  })
  bot.use(sentinel)
  return { bot, sentinel }
}

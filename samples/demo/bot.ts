/** The demo's bot: the same on the real Telegram and on the one in this process. */
import 'reflect-metadata'
import { Telegraf, type Context } from 'telegraf'
import { message } from 'telegraf/filters'
import {
  Action,
  Command,
  Controller,
  createSentinel,
  Debounce,
  On,
  RateLimit,
  RequireRegistered,
  Start,
  type Sentinel,
  type Verdict,
} from 'telegraf-sentinel'

/** Told of every decision: what came of it and how long it took (ms). */
export type Watch = (ctx: Context, verdict: Verdict, took: number) => void

export const LIKE = 'like'

@Controller('shop')
@RateLimit({ limit: 15, window: '5s', blockFor: '1m' }) // more than that is no customer
class Shop {
  constructor(private readonly register: (userId: number) => Promise<unknown>) {}

  @Start()
  async start(ctx: Context) {
    await ctx.reply('Welcome! /register, then /buy. Do you like us?', {
      reply_markup: { inline_keyboard: [[{ text: '❤️', callback_data: LIKE }]] },
    })
  }

  @Command('register')
  async registerUser(ctx: Context) {
    if (ctx.from === undefined) return
    await this.register(ctx.from.id)
    await ctx.reply('You are registered.')
  }

  @Command('buy')
  @RateLimit({ limit: 3, window: '4s' })
  @RequireRegistered()
  async buy(ctx: Context) {
    await ctx.reply('Bought.')
  }

  @Action(LIKE)
  @Debounce('2s')
  async like(ctx: Context) {
    await ctx.answerCbQuery('Thanks!')
  }

  @On(message('photo'))
  @RateLimit({ limit: 1, window: '5s', algorithm: 'gcra' }) // an album is one message
  async photo() {
    // Kept for the album; nothing to say.
  }

  @On(message('text'))
  async text(ctx: Context) {
    await ctx.reply('I see.')
  }
}

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

/** Controllers: limits for the bot, for a class and for a method; only registered users may buy. */
import 'reflect-metadata'
import { Telegraf, type Context } from 'telegraf'
import {
  Action,
  Command,
  Controller,
  createSentinel,
  Debounce,
  RateLimit,
  RequireRegistered,
  sentinelOf,
  Start,
  type Sentinel,
} from 'telegraf-sentinel'

/** What `/register` does; the shop need not know of sentinels. */
type Register = (userId: number, name: string) => Promise<unknown>

@Controller('shop')
@RateLimit(30, '1m') // one bucket for the whole class
class Shop {
  constructor(private readonly register: Register) {}

  @Start()
  async start(ctx: Context) {
    await ctx.reply('Welcome! /register, then /buy.', {
      reply_markup: { inline_keyboard: [[{ text: '❤️', callback_data: 'like' }]] },
    })
  }

  @Command('register')
  async registerUser(ctx: Context) {
    if (ctx.from === undefined) return
    await this.register(ctx.from.id, ctx.from.first_name)
    await ctx.reply('You are registered.')
  }

  @Command('buy')
  @RateLimit({ limit: 3, window: '10s' }) // its own bucket, on top of the class's
  @RequireRegistered({ reply: 'Please /register first.' })
  async buy(ctx: Context) {
    const { profile } = sentinelOf(ctx)
    await ctx.reply(`Bought, ${(profile as { name: string }).name}.`)
  }

  @Action('like')
  @Debounce('2s') // a double tap counts once
  async like(ctx: Context) {
    await ctx.answerCbQuery('Thanks!')
  }
}

export function createBot(
  token: string,
  options?: ConstructorParameters<typeof Telegraf>[1],
): { bot: Telegraf; sentinel: Sentinel } {
  const bot = new Telegraf(token, options)
  const shop = new Shop((userId, name) => sentinel.registrations.add(userId, { name }))
  const sentinel: Sentinel = createSentinel({
    controllers: [shop],
    rateLimit: { limit: 100, window: '1h' },
    reply: { limited: { en: 'Slow down, please.', de: 'Bitte langsamer.' } },
  })
  bot.use(sentinel)
  return { bot, sentinel }
}

// npm run build && BOT_TOKEN=123:abc npx ts-node --transpile-only samples/controllers/bot.ts
if (require.main === module) void createBot(process.env.BOT_TOKEN ?? '').bot.launch()

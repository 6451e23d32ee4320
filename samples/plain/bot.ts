/** Plain Telegraf: you route, and the guards stand on the methods that you call. */
import 'reflect-metadata'
import { Telegraf, type Context } from 'telegraf'
import { createSentinel, Debounce, Exempt, RateLimit, type Sentinel } from 'telegraf-sentinel'

@RateLimit(20, '1m') // one bucket for all of the class
class Shop {
  readonly #sold: string[] = []

  @RateLimit({ limit: 3, window: '10s' })
  async buy(ctx: Context, what: string) {
    this.#sold.push(what)
    await ctx.reply(`Bought: ${what}. ${this.#sum()}`)
  }

  @Debounce('2s') // a double tap counts once
  async like(ctx: Context) {
    await ctx.answerCbQuery('Thanks!')
  }

  @Exempt()
  async help(ctx: Context) {
    await ctx.reply('/buy something', {
      reply_markup: { inline_keyboard: [[{ text: '❤️', callback_data: 'like' }]] },
    })
  }

  #sum() {
    return `That makes ${this.#sold.length}.`
  }
}

export function createBot(
  token: string,
  options?: ConstructorParameters<typeof Telegraf>[1],
): { bot: Telegraf; sentinel: Sentinel } {
  const bot = new Telegraf(token, options)
  const sentinel = createSentinel()
  const shop = sentinel.protect(new Shop())

  bot.help(shop.help)
  bot.command('buy', (ctx) => shop.buy(ctx, ctx.payload || 'a book'))
  bot.action('like', shop.like)
  return { bot, sentinel }
}

// npm run build && BOT_TOKEN=123:abc npx ts-node --transpile-only samples/plain/bot.ts
if (require.main === module) void createBot(process.env.BOT_TOKEN ?? '').bot.launch()

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
  type Clock,
} from 'telegraf-sentinel'

@Controller('shop')
class Shop {
  @Command('buy')
  @RateLimit(3, '10s')
  async buy(ctx: Context) {
    await ctx.reply('Bought.')
  }

  @Action('like')
  @Debounce('2s')
  async like(ctx: Context) {
    await ctx.answerCbQuery('Thanks!')
  }

  @On(message('text'))
  async text(ctx: Context) {
    await ctx.reply('I see.')
  }
}

export function createBot(
  token: string,
  options?: ConstructorParameters<typeof Telegraf>[1],
  clock?: Clock,
): Telegraf {
  const bot = new Telegraf(token, options)
  bot.use(
    createSentinel({
      controllers: [Shop],
      rateLimit: { limit: 10, window: '1m', reply: false },
      debounce: '1s',
      clock, // for tests
    }),
  )
  return bot
}

import { Telegraf } from 'telegraf'
import rateLimit from 'telegraf-ratelimit'

export function createBot(token: string, options?: ConstructorParameters<typeof Telegraf>[1]): Telegraf {
  const bot = new Telegraf(token, options)

  bot.use(
    rateLimit({
      window: 10_000,
      limit: 3,
      onLimitExceeded: (ctx) => ctx.reply('Slow down, please.'),
    }),
  )

  // Once a minute in each chat, whoever asks.
  const joke = rateLimit({ window: 60_000, limit: 1, keyGenerator: (ctx) => ctx.chat?.id })
  bot.command('joke', joke, (ctx) => ctx.reply('Knock, knock.'))

  bot.action('like', (ctx) => ctx.answerCbQuery('Thanks!'))
  bot.on('pre_checkout_query', (ctx) => ctx.answerPreCheckoutQuery(true))
  bot.on('message', (ctx) => ctx.reply('I see.'))
  bot.on('channel_post', (ctx) => ctx.reply('I see.'))
  return bot
}

import { limit } from '@grammyjs/ratelimiter'
import { Bot, type Context } from 'grammy'

/** The two commands that the package calls: those of ioredis, by their names. */
interface Counters {
  incr(key: string): Promise<number>
  pexpire(key: string, milliseconds: number): Promise<number>
}

export function createBot(token: string, redis: Counters, client?: { apiRoot: string }): Bot {
  const bot = new Bot(token, { client })

  bot.use(
    limit<Context, Counters>({
      timeFrame: 10_000,
      limit: 3,
      storageClient: redis,
      onLimitExceeded: (ctx) => void ctx.reply('Slow down, please.'),
    }),
  )

  // Once a minute in each chat, whoever asks.
  const joke = limit<Context, Counters>({
    timeFrame: 60_000,
    limit: 1,
    storageClient: redis,
    keyPrefix: 'JOKE',
    keyGenerator: (ctx) => ctx.chat?.id.toString(),
  })
  bot.command('joke', joke, (ctx) => ctx.reply('Knock, knock.'))

  bot.callbackQuery('like', (ctx) => ctx.answerCallbackQuery('Thanks!'))
  bot.on('pre_checkout_query', (ctx) => ctx.answerPreCheckoutQuery(true))
  bot.on('message', (ctx) => ctx.reply('I see.'))
  bot.on('channel_post', (ctx) => ctx.reply('I see.'))
  return bot
}

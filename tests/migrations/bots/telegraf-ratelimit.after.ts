import { Telegraf } from 'telegraf'
import { createSentinel, type Clock } from 'telegraf-sentinel'

export function createBot(
  token: string,
  options?: ConstructorParameters<typeof Telegraf>[1],
  clock?: Clock,
): Telegraf {
  const bot = new Telegraf(token, options)

  const sentinel = createSentinel({
    rateLimit: { limit: 3, window: '10s', reply: 'Slow down, please.' },
    clock, // for tests
  })
  bot.use(sentinel)

  // Once a minute in each chat, whoever asks.
  const joke = sentinel.guard({
    name: 'joke',
    rateLimit: { limit: 1, window: '1m', scope: 'chat', reply: false },
  })
  bot.command('joke', joke, (ctx) => ctx.reply('Knock, knock.'))

  bot.action('like', (ctx) => ctx.answerCbQuery('Thanks!'))
  bot.on('pre_checkout_query', (ctx) => ctx.answerPreCheckoutQuery(true))
  bot.on('message', (ctx) => ctx.reply('I see.'))
  bot.on('channel_post', (ctx) => ctx.reply('I see.'))
  return bot
}

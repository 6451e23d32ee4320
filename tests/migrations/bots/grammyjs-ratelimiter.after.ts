import { Telegraf } from 'telegraf'
import { createSentinel, type Clock, type Sentinel } from 'telegraf-sentinel'

export function createBot(
  token: string,
  redis: string,
  options?: ConstructorParameters<typeof Telegraf>[1],
  clock?: Clock,
): { bot: Telegraf; sentinel: Sentinel } {
  const bot = new Telegraf(token, options)

  const sentinel = createSentinel({
    store: redis, // 'redis://localhost:6379'
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
  return { bot, sentinel }
}

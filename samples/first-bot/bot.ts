/** The smallest guarded bot: every user may send 20 updates a minute, whatever the handlers are. */
import 'reflect-metadata'
import { Telegraf } from 'telegraf'
import { message } from 'telegraf/filters'
import { createSentinel } from 'telegraf-sentinel'

export function createBot(token: string, options?: ConstructorParameters<typeof Telegraf>[1]): Telegraf {
  const bot = new Telegraf(token, options)

  bot.use(createSentinel({ rateLimit: { limit: 20, window: '1m' } }))

  bot.start((ctx) => ctx.reply('Hello! Say something.'))
  bot.on(message('text'), (ctx) => ctx.reply(`You said: ${ctx.message.text}`))
  return bot
}

// npm run build && BOT_TOKEN=123:abc npx ts-node --transpile-only samples/first-bot/bot.ts
if (require.main === module) void createBot(process.env.BOT_TOKEN ?? '').launch()

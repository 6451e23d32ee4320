/** A bot that keeps its limits, blocks and registrations in a file: they survive a restart. */
import 'reflect-metadata'
import { Telegraf } from 'telegraf'
import { createSentinel } from 'telegraf-sentinel'
import { FileStore } from './file-store'

export function createBot(
  token: string,
  folder: string,
  options?: ConstructorParameters<typeof Telegraf>[1],
): Telegraf {
  const bot = new Telegraf(token, options)
  const sentinel = createSentinel({ store: new FileStore(folder) })

  bot.use(sentinel)
  bot.command('quote', sentinel.guard({ name: 'quote', rateLimit: { limit: 3, window: '1h' } }), (ctx) =>
    ctx.reply('Simplicity is prerequisite for reliability.'),
  )
  return bot
}

// npm run build && BOT_TOKEN=123:abc npx ts-node --transpile-only samples/own-store/bot.ts
if (require.main === module) void createBot(process.env.BOT_TOKEN ?? '', 'bot-data').launch()

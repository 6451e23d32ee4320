/** Limits and bans that survive a restart, without any server: a PostgreSQL inside the process, in a folder. */
import 'reflect-metadata'
import { Telegraf } from 'telegraf'
import { createSentinel } from 'telegraf-sentinel'

export function createBot(
  token: string,
  folder: string,
  options?: ConstructorParameters<typeof Telegraf>[1],
) {
  const bot = new Telegraf(token, options)
  const sentinel = createSentinel({ store: `pglite:${folder}` })

  bot.use(sentinel)
  bot.command(
    'quote',
    sentinel.guard({ name: 'quote', rateLimit: { limit: 3, window: '1h', blockFor: '1d' } }),
    (ctx) => ctx.reply('Simplicity is prerequisite for reliability.'),
  )
  return { bot, sentinel }
}

// npm run build && BOT_TOKEN=123:abc npx ts-node --transpile-only samples/pglite/bot.ts
if (require.main === module) {
  const { bot, sentinel } = createBot(process.env.BOT_TOKEN ?? '', './bot-data')
  // Opening the folder takes a second or two: updates wait with Telegram meanwhile, and none passes unguarded.
  void sentinel.ready().then(() => bot.launch())
}

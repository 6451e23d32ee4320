/** Controllers: limits for the bot, for a class and for a method; only registered users may buy. */
import 'reflect-metadata'
import { Telegraf } from 'telegraf'
import { createSentinel, type Sentinel } from 'telegraf-sentinel'
import { Shop } from './shop'

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

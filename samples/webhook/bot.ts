/**
 * A bot behind a webhook. Telegram sends an update again when the answer is late or lost; `deduplicate` sees to it
 * that each is handled once.
 */
import 'reflect-metadata'
import { createServer, type Server } from 'node:http'
import { Telegraf } from 'telegraf'
import { createSentinel } from 'telegraf-sentinel'

export const PATH = '/telegram'

export function createBot(token: string, options?: ConstructorParameters<typeof Telegraf>[1]): Telegraf {
  const bot = new Telegraf(token, options)
  bot.use(createSentinel({ deduplicate: '10m', rateLimit: { limit: 20, window: '1m' } }))
  bot.command('pay', (ctx) => ctx.reply('Paid once.'))
  return bot
}

/** Serves the bot's webhook; only requests with the secret are Telegram's. */
export function serve(bot: Telegraf, port: number, secretToken: string): Server {
  return createServer(bot.webhookCallback(PATH, { secretToken })).listen(port, '127.0.0.1')
}

// npm run build && BOT_TOKEN=123:abc WEBHOOK_URL=https://bot.example.org/telegram SECRET=… npx ts-node --transpile-only samples/webhook/bot.ts
if (require.main === module) {
  const { BOT_TOKEN = '', WEBHOOK_URL = '', SECRET = '', PORT = '8080' } = process.env
  const bot = createBot(BOT_TOKEN)
  serve(bot, Number(PORT), SECRET)
  void bot.telegram.setWebhook(WEBHOOK_URL, { secret_token: SECRET })
}

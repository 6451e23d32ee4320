/** Two workers share one webhook, and through Redis one limit: 20 commands a minute, whoever of them serves a user. */
import 'reflect-metadata'
import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { Telegraf } from 'telegraf'
import { createSentinel } from 'telegraf-sentinel'

function createBot(token: string, apiRoot?: string): Telegraf {
  const bot = new Telegraf(token, { telegram: { apiRoot } })
  const store = process.env.REDIS_URL ?? 'redis://localhost:6379'

  bot.use(createSentinel({ store, rateLimit: { limit: 20, window: '1m' }, deduplicate: '10m' }))
  bot.command('who', (ctx) => ctx.reply(`Worker ${process.pid} at your service.`))
  return bot
}

// npm run build && BOT_TOKEN=123:abc REDIS_URL=redis://localhost WEBHOOK=https://bot.example.org/telegram SECRET=… npx ts-node --transpile-only samples/redis-workers/bot.ts
const { BOT_TOKEN = '', API_ROOT, WEBHOOK = '', SECRET, PORT = '8080' } = process.env
const bot = createBot(BOT_TOKEN, API_ROOT)
if (cluster.isPrimary) {
  for (let worker = 0; worker < 2; worker++) cluster.fork()
  cluster.once('listening', () => void bot.telegram.setWebhook(WEBHOOK, { secret_token: SECRET }))
} else {
  const callback = bot.webhookCallback('/telegram', { secretToken: SECRET })
  createServer(callback).listen(Number(PORT), '127.0.0.1')
}

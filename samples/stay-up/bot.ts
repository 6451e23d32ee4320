/** A bot that its Redis cannot take down: memory stands behind it and in front of it, and an orchestrator can ask how it is. */
import { createServer } from 'node:http'
import { Telegraf } from 'telegraf'
import { createSentinel, failover, healthHandler, layered, type Sentinel } from 'telegraf-sentinel'

export function createBot(
  token: string,
  redis: string,
  journal: string,
  options?: ConstructorParameters<typeof Telegraf>[1],
): { bot: Telegraf; sentinel: Sentinel; close: () => Promise<void> } {
  const bot = new Telegraf(token, options)
  // Floods are answered from memory; if Redis fails, memory decides, and bans given meanwhile are brought to Redis afterwards.
  const store = layered('memory', failover([redis, 'memory'], { journal: { file: journal } }))
  const sentinel = createSentinel({ store, rateLimit: { limit: 20, window: '1m' } })

  sentinel.on('degraded', ({ store, by, error }) =>
    console.error(`${store} is away, ${by} serves: ${error.message}`),
  )
  sentinel.on('recovered', ({ store, away }) => console.error(`${store} is back after ${away} ms`))
  sentinel.on('overload', ({ what, dropped }) => console.error(`${dropped} ${what} were turned away`))

  bot.use(sentinel)
  bot.command('ban', async (ctx) => {
    if (ctx.from.id !== Number(process.env.OWNER)) return
    await sentinel.blocks.add(Number(ctx.payload), { for: '7d', by: 'owner' })
    await ctx.reply('Banned.')
  })
  bot.command('ping', (ctx) => ctx.reply('pong'))
  const close = () => sentinel.close().then(() => store.close())
  return { bot, sentinel, close }
}

// npm run build && BOT_TOKEN=123:abc OWNER=42 REDIS_URL=redis://localhost npx ts-node --transpile-only samples/stay-up/bot.ts
if (require.main === module) {
  const { BOT_TOKEN = '', REDIS_URL = 'redis://localhost:6379' } = process.env
  const { bot, sentinel, close } = createBot(BOT_TOKEN, REDIS_URL, 'bot-data.journal')
  createServer(healthHandler(sentinel)).listen(8081) // GET /live, GET /ready
  void bot.launch()
  process.once('SIGTERM', () => {
    bot.stop()
    void close()
  })
}

/** A limiter of one's own: ten questions a day, from 9 to 17 o'clock UTC. */
import 'reflect-metadata'
import { Telegraf } from 'telegraf'
import { createSentinel, type Clock } from 'telegraf-sentinel'
import { officeHours } from './office-hours'

export function createBot(
  token: string,
  options?: ConstructorParameters<typeof Telegraf>[1],
  clock?: Clock,
): Telegraf {
  const bot = new Telegraf(token, options)
  const sentinel = createSentinel({ clock })
  const openHours = sentinel.guard({
    name: 'questions',
    rateLimit: {
      limit: 10,
      window: '1d',
      algorithm: officeHours(9, 17),
      reply: (_ctx, { retryAfter = 0 }) => `We are back in ${Math.ceil(retryAfter / 3_600_000)} h.`,
    },
  })
  bot.command('ask', openHours, (ctx) => ctx.reply('Let me think…'))
  return bot
}

// npm run build && BOT_TOKEN=123:abc npx ts-node --transpile-only samples/own-limiter/bot.ts
if (require.main === module) void createBot(process.env.BOT_TOKEN ?? '').launch()

/** A bot for registered users, who are kept in PostgreSQL together with what they told about themselves. */
import 'reflect-metadata'
import { Telegraf } from 'telegraf'
import { createSentinel, sentinelOf } from 'telegraf-sentinel'

export function createBot(
  token: string,
  store: string,
  options?: ConstructorParameters<typeof Telegraf>[1],
): Telegraf {
  const bot = new Telegraf(token, options)
  const sentinel = createSentinel({ store, rateLimit: { limit: 30, window: '1m' } })
  const membersOnly = sentinel.guard({ requireRegistered: { reply: 'Send /register and your city first.' } })

  bot.use(sentinel)
  bot.command('register', async (ctx) => {
    await sentinel.registrations.add(ctx.from.id, { city: ctx.payload })
    await ctx.reply('You are registered.')
  })
  bot.command('leave', (ctx) => sentinel.registrations.remove(ctx.from.id))
  bot.command('city', membersOnly, (ctx) => {
    const { city } = sentinelOf(ctx).profile as { city: string }
    return ctx.reply(`You live in ${city}.`)
  })
  return bot
}

// npm run build && BOT_TOKEN=123:abc DATABASE_URL=postgres://… npx ts-node --transpile-only samples/postgres-registrations/bot.ts
if (require.main === module) {
  const { BOT_TOKEN = '', DATABASE_URL = 'postgres://localhost/bot' } = process.env
  void createBot(BOT_TOKEN, DATABASE_URL).launch()
}

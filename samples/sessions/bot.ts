/** Sessions and limits on one store: nobody starts over when the bot does, and who has paid may ask more. */
import { session, Telegraf, type Context } from 'telegraf'
import { createSentinel, type Sentinel } from 'telegraf-sentinel'

interface Asking extends Context {
  session: { asked: number; paid: boolean }
}

export function createBot(
  token: string,
  store: string,
  options?: ConstructorParameters<typeof Telegraf<Asking>>[1],
): { bot: Telegraf<Asking>; sentinel: Sentinel<Asking> } {
  const bot = new Telegraf<Asking>(token, options)
  const sentinel = createSentinel<Asking>({ store, rateLimit: { limit: 30, window: '1m' } })
  const sessions = sentinel.sessionStore({ ttl: '90d' })

  bot.use(sentinel) // first: who floods costs no reading of a session
  bot.use(session({ store: sessions, defaultSession: () => ({ asked: 0, paid: false }) }))
  bot.command('pay', async (ctx) => {
    ctx.session.paid = true
    await ctx.reply('Thank you.')
  })
  bot.command(
    'ask',
    // After the session, a limit can go by it.
    sentinel.guard({
      name: 'ask',
      rateLimit: {
        limit: (ctx) => (ctx.session.paid ? 10 : 1),
        window: '1h',
        reply: 'That was all for now. /pay?',
      },
    }),
    async (ctx) => {
      await ctx.reply(`Question ${++ctx.session.asked}: let me think…`)
    },
  )
  bot.catch((error, ctx) => console.error(`update ${ctx.update.update_id} failed:`, error))
  return { bot, sentinel }
}

// npm run build && BOT_TOKEN=123:abc npx ts-node --transpile-only samples/sessions/bot.ts
if (require.main === module) {
  const { BOT_TOKEN = '', STORE = 'redis://localhost:6379' } = process.env
  const { bot, sentinel } = createBot(BOT_TOKEN, STORE)
  process.once('SIGTERM', () => bot.stop())
  // Resolves when the updates under way are handled, and their sessions written.
  void bot.launch().then(() => sentinel.close())
}

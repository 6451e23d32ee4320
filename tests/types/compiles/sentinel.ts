/** A sentinel for a bot with a context of its own. */
import { Scenes, Telegraf, type Context } from 'telegraf'
import { Command, Controller, createSentinel, sentinelOf } from 'telegraf-sentinel'

interface MyContext extends Scenes.SceneContext {
  plan: 'free' | 'paid'
}

@Controller()
class Shop {
  constructor(readonly stock = 3) {}

  @Command('buy')
  async buy(ctx: MyContext) {
    await ctx.reply(ctx.plan)
  }
}

@Controller()
class Cart {
  constructor(readonly stock: Map<string, number>) {}

  @Command('add')
  async add(ctx: Context, next: () => Promise<void>) {
    const { verdict, subject } = sentinelOf(ctx)
    if (!verdict.allowed) await ctx.reply(`${verdict.reason} ${subject.userId}`)
    await next()
  }
}

const sentinel = createSentinel<MyContext>({
  controllers: [Shop, new Cart(new Map()), Cart],
  resolve: (Class) => new Class(),
  rateLimit: [
    { limit: (ctx) => (ctx.plan === 'paid' ? Infinity : 30), window: '1m' },
    { limit: 1000, window: '1h', scope: 'global', name: 'all' },
  ],
  debounce: { window: '1s', fingerprint: (ctx) => ctx.text },
  requireRegistered: { reply: (ctx) => ctx.plan },
  exempt: (ctx) => ctx.plan === 'paid',
  reply: { limited: (ctx, { retryAfter }) => `${ctx.plan} ${retryAfter}`, unregistered: { en: 'Register.' } },
  hooks: { before: (ctx) => void ctx.plan, refused: [async (ctx, verdict) => void [ctx.plan, verdict]] },
})

const bot = new Telegraf<MyContext>('token')
bot.use(sentinel)
bot.use(createSentinel())
bot.command(
  'sell',
  sentinel.guard({
    name: 'sell',
    rateLimit: { limit: (ctx) => ctx.plan.length, window: '10s' },
    debounce: '2s',
  }),
  (ctx) => ctx.reply(ctx.plan),
)
const scene = new Scenes.BaseScene<MyContext>('cart')
scene.use(sentinel.scan(Cart))
sentinel.on('limited', ({ verdict, subject }) => void [verdict, subject.actor])

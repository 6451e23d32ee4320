/** An order form as a wizard whose steps are controllers: too fast is refused, and the form waits where it was. */
import { Scenes, session, Telegraf } from 'telegraf'
import { message } from 'telegraf/filters'
import { Command, Controller, createSentinel, Hears, On, RateLimit } from 'telegraf-sentinel'

type Order = Scenes.WizardContext & { wizard: { state: { name?: string } } }

@Controller()
class Menu {
  @Command('order')
  @RateLimit(3, '1h') // three forms an hour
  order(ctx: Order) {
    return ctx.scene.enter('order')
  }

  @Command('cancel') // goes before the form, whose steps take any text
  async cancel(ctx: Order) {
    await ctx.scene.leave()
    await ctx.reply('Cancelled.')
  }
}

@Controller()
class Name {
  @On(message('text'))
  @RateLimit(5, '1m')
  async name(ctx: Order) {
    ctx.wizard.state.name = ctx.text
    ctx.wizard.next()
    await ctx.reply('Where shall we send it? (Or "back".)')
  }
}

@Controller()
class Address {
  @Hears('back')
  async back(ctx: Order) {
    ctx.wizard.back()
    await ctx.reply('What is your name?')
  }

  @On(message('text'))
  async address(ctx: Order) {
    await ctx.reply(`It goes to ${ctx.wizard.state.name}, ${ctx.text}.`)
    await ctx.scene.leave()
  }
}

export function createBot(token: string, options?: Partial<Telegraf.Options<Order>>): Telegraf<Order> {
  const bot = new Telegraf<Order>(token, options)
  const sentinel = createSentinel<Order>({ controllers: [Menu], rateLimit: { limit: 30, window: '1m' } })
  const ask = (ctx: Order) => (ctx.wizard.next(), ctx.reply('What is your name?'))
  const form = new Scenes.WizardScene<Order>('order', ask, sentinel.scan(Name), sentinel.scan(Address))
  const stage = new Scenes.Stage<Order>([form]).use(sentinel) // has ctx.scene, and stands before every scene
  return bot.use(session({ store: sentinel.sessionStore() }), stage.middleware())
}

// npm run build && BOT_TOKEN=123:abc npx ts-node --transpile-only samples/scenes/bot.ts
if (require.main === module) void createBot(process.env.BOT_TOKEN ?? '').launch()

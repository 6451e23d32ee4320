/** Controllers inside scenes and wizards, with the session of this run's Telegraf. */
import 'reflect-metadata'
import { Scenes, session, type Context } from 'telegraf'
import { Action, Command, Controller, Hears, RateLimit, sentinelOf } from 'telegraf-sentinel'
import { cleanUp, DELIVERIES, guarded } from './driven'

afterEach(cleanUp)

type SceneContext = Scenes.SceneContext
type WizardContext = Scenes.WizardContext

@Controller()
class Cart {
  @Command('add')
  @RateLimit({ limit: 2, window: '10s' })
  async add(ctx: SceneContext) {
    const state = ctx.scene.state as { items?: number }
    state.items = (state.items ?? 0) + 1
    await ctx.reply(`${state.items} in the cart.`)
  }

  @Action('leave')
  async leave(ctx: SceneContext) {
    await ctx.answerCbQuery()
    await ctx.scene.leave()
  }
}

@Controller()
class Names {
  @Hears(/^[A-Z]/)
  @RateLimit({ limit: 1, window: '10s', reply: 'Not so fast.' })
  async name(ctx: WizardContext) {
    // Telegraf 4.11 has no `ctx.text`.
    await ctx.reply(`Hello, ${(ctx.message as { text: string }).text}.`)
    ctx.wizard.next()
  }
}

const botWide = { rateLimit: { limit: 20, window: '1m' } } as const

describe.each(DELIVERIES)('by %s', (delivery) => {
  test('a controller in a scene is routed and guarded while the scene lasts', async () => {
    const { telegram, send, outcomes } = await guarded<SceneContext>(delivery, botWide, (bot, sentinel) => {
      const scene = new Scenes.BaseScene<SceneContext>('cart')
      scene.enter((ctx) => ctx.reply('Welcome.'))
      scene.leave((ctx) => ctx.reply('Bye.'))
      scene.use(sentinel.scan(Cart))
      const stage = new Scenes.Stage<SceneContext>([scene])
      bot.use(session(), stage.middleware())
      bot.command('cart', (ctx) => ctx.scene.enter('cart'))
      bot.command('add', (ctx) => ctx.reply('Enter the cart first.'))
    })
    const { updates } = telegram
    const say = (text: string) => updates.text(text, { from: 7 })
    await send(say('/add'), say('/cart'), say('/add'), say('/add'), say('/add'))
    await send(updates.callbackQuery('leave', { from: 7 }), say('/add'))
    const refused = expect.stringMatching(/10 s/)
    expect(telegram.texts(7)).toEqual([
      'Enter the cart first.',
      'Welcome.',
      ...['1 in the cart.', '2 in the cart.', refused],
      'Bye.',
      'Enter the cart first.',
    ])
    expect(outcomes).toEqual([
      'allowed',
      'allowed',
      'allowed',
      'allowed',
      'allowed',
      'limited',
      'allowed',
      'allowed',
    ])
  })

  test('a wizard keeps its step where a guard refuses', async () => {
    const { telegram, send, clock } = await guarded<WizardContext>(delivery, botWide, (bot, sentinel) => {
      const last = async (ctx: WizardContext): Promise<void> => {
        await ctx.reply('Done.')
        await ctx.scene.leave()
      }
      const wizard = new Scenes.WizardScene<WizardContext>('names', sentinel.scan(Names), last)
      bot.use(session(), new Scenes.Stage<WizardContext>([wizard]).middleware())
      bot.command('names', (ctx) => ctx.scene.enter('names', {}, true))
    })
    const say = (text: string) => telegram.updates.text(text, { from: 7 })
    await send(say('/names'), say('lower'), say('Ann'), say('more'), say('/names'), say('Ben'))
    expect(telegram.texts(7)).toEqual(['Hello, Ann.', 'Done.', 'Not so fast.'])
    clock.advance('10s')
    await send(say('Ben'), say('more'))
    expect(telegram.texts(7).slice(3)).toEqual(['Hello, Ben.', 'Done.'])
  })

  test('what the sentinel knows is there in a scene, and so are session and state', async () => {
    const known: unknown[] = []
    type Counting = SceneContext & { session: { count?: number } }
    const { telegram, send } = await guarded<Counting>(delivery, botWide, (bot, sentinel) => {
      const scene = new Scenes.BaseScene<Counting>('known')
      scene.use(sentinel.middleware(), (ctx: Counting & Context) => {
        ctx.session.count = (ctx.session.count ?? 0) + 1
        known.push([sentinelOf(ctx).verdict.limits.map(({ remaining }) => remaining), ctx.session.count])
      })
      bot.use(session(), new Scenes.Stage<Counting>([scene], { default: 'known' }).middleware())
    })
    for (let i = 0; i < 2; i++) await send(telegram.updates.text('hi', { from: 7 }))
    // The second mount, inside the scene, counts nothing.
    expect(known).toEqual([
      [[19], 1],
      [[18], 2],
    ])
  })

  test('sessions are kept in the store', async () => {
    type Counting = Context & { session?: { count: number } }
    const counts: unknown[] = []
    const { telegram, send } = await guarded<Counting>(delivery, botWide, (bot, sentinel) => {
      bot.use(session({ store: sentinel.sessionStore<{ count: number }>() }))
      bot.use((ctx) => {
        ctx.session = { count: (ctx.session?.count ?? 0) + 1 }
        counts.push([ctx.from?.id, ctx.session.count])
      })
    })
    for (const from of [7, 7, 8, 7]) await send(telegram.updates.text('hi', { from }))
    expect(counts).toEqual([
      [7, 1],
      [7, 2],
      [8, 1],
      [7, 3],
    ])
  })
})

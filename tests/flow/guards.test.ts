/** Handlers that are in no controller of the bot: `guard()`, and `scan()` for a scene. */
import { Composer, Scenes, session, type Context } from 'telegraf'
import { Command, Controller, Hears, On, RateLimit } from 'telegraf-sentinel'
import { guarded, remaining, stopAll, stores, type Next } from '../support/guarded'

afterEach(stopAll)

describe.each(stores)('on %s', (_name, store) => {
  const botWide = () => ({ store: store(), rateLimit: { limit: 9, window: '1h' } as const })

  test('guard() after the sentinel judges what it adds', async () => {
    const bot = await guarded(botWide(), {
      after: (telegraf, sentinel) =>
        telegraf.command(
          'buy',
          sentinel.guard({ name: 'buy', rateLimit: { limit: 1, window: '10s' }, debounce: '2s' }),
          (_ctx, next) => next(),
        ),
    })
    const buy = (what: string) => bot.updates.text(`/buy ${what}`)
    expect(await bot.outcomes(buy('a'), buy('b'), buy('a'), bot.updates.text('x'))).toEqual([
      'allowed',
      'limited',
      'debounced',
      'allowed',
    ])
    expect(await remaining(bot, 'bot', 'buy')).toEqual([5, 0])
    expect(bot.passed).toHaveLength(2)
  })

  test('guard() before and without the sentinel judges the bot-wide checks too, in one decision', async () => {
    const bot = await guarded(
      { store: store(), rateLimit: { limit: 5, window: '1h' } },
      {
        before: (telegraf, sentinel) =>
          telegraf.command('buy', sentinel.guard({ name: 'buy', rateLimit: { limit: 1, window: '1h' } })),
      },
    )
    const { limits } = await bot.judge(bot.updates.text('/buy'))
    expect(limits.map(({ name }) => name)).toEqual(['bot', 'buy'])
    expect(await bot.judge(bot.updates.text('/buy'))).toMatchObject({ reason: 'limited', name: 'buy' })
    // The sentinel behind it has judged nothing again.
    expect(await remaining(bot, 'bot')).toEqual([4])
    expect(bot.types()).toEqual(['allowed', 'limited'])
  })

  test('guard() of a name that a controller declares shares its bucket', async () => {
    @Controller()
    class Shop {
      @Command('buy')
      @RateLimit(2, '1h')
      async buy(_ctx: Context, next: Next) {
        await next()
      }
    }
    const bot = await guarded(
      { store: store(), controllers: [Shop] },
      {
        after: (telegraf, sentinel) =>
          telegraf.use(sentinel.guard({ name: 'Shop.buy', rateLimit: { limit: 2, window: '1h' } })),
      },
    )
    const { updates, outcomes } = bot
    expect(await outcomes(updates.text('/buy'), updates.text('x'), updates.text('x'))).toEqual([
      'allowed',
      'allowed',
      'limited',
    ])
  })

  test('a controller in a scene: bot-wide checks outside, its own inside', async () => {
    @Controller()
    @RateLimit(3, '1h')
    class Cart {
      @Hears('add')
      @RateLimit(1, '1h')
      async add(ctx: Context) {
        await ctx.reply('added')
      }

      @On('message')
      async other(_ctx: Context, next: Next) {
        await next()
      }
    }
    const bot = await guarded<Scenes.SceneContext>(botWide(), {
      after: (telegraf, sentinel) => {
        const cart = new Scenes.BaseScene<Scenes.SceneContext>('cart')
        cart.use(sentinel.scan(Cart))
        // Mounted once more inside the scene, it passes through.
        cart.use(sentinel)
        cart.command('leave', (ctx) => ctx.scene.leave())
        telegraf.use(session(), new Scenes.Stage<Scenes.SceneContext>([cart]).middleware())
        telegraf.command('cart', (ctx) => ctx.scene.enter('cart'))
      },
    })
    const { telegram, updates, outcomes } = bot
    const text = (what: string) => updates.text(what)
    expect(await outcomes(text('add'), text('/cart'), text('add'), text('add'))).toEqual([
      'allowed',
      'allowed',
      'allowed',
      'limited',
    ])
    expect(telegram.texts(42)).toEqual(['added', expect.stringContaining('Too fast')])
    expect(await outcomes(text('what'), text('/leave'), text('add'))).toEqual([
      'allowed',
      'allowed',
      'allowed',
    ])
    expect(await remaining(bot, 'bot', 'Cart', 'Cart.add')).toEqual([2, 0, 0])
    expect(bot.passed).toHaveLength(3)
  })

  test('scan() without the sentinel before it guards with the bot-wide checks as well', async () => {
    @Controller()
    class Cart {
      @Hears('add')
      @RateLimit(5, '1h')
      async add() {}
    }
    const bot = await guarded(botWide(), {
      before: (telegraf, sentinel) => telegraf.use(Composer.compose([sentinel.scan(Cart)])),
    })
    const { limits } = await bot.judge(bot.updates.text('add'))
    expect(limits.map(({ name }) => name)).toEqual(['bot', 'Cart.add'])
    expect((await bot.judge(bot.updates.text('x'))).limits.map(({ name }) => name)).toEqual(['bot'])
    expect(await remaining(bot, 'bot', 'Cart.add')).toEqual([7, 4])
    expect(bot.passed).toHaveLength(1)
  })
})

/** Several decisions on one update: what follows `next()`, and mounts; no bucket is charged twice. */
import { Composer, type Context } from 'telegraf'
import {
  Command,
  Controller,
  createSentinel,
  Debounce,
  Hears,
  RateLimit,
  RequireRegistered,
  sentinelOf,
} from 'telegraf-sentinel'
import { guarded, remaining, stopAll, stores, type Next } from '../support/guarded'

afterEach(stopAll)

describe.each(stores)('on %s', (_name, store) => {
  const botWide = () => ({ store: store(), rateLimit: { limit: 9, window: '1h' } as const })

  test('no route matches: the bot-wide checks alone guard what follows', async () => {
    @Controller()
    @RateLimit(1, '1h')
    class Shop {
      @Command('buy')
      async buy() {}
    }
    const bot = await guarded({
      store: store(),
      controllers: [Shop],
      rateLimit: { limit: 2, window: '1h' },
    })
    const hello = () => bot.updates.text('hello')
    expect(await bot.outcomes(hello(), hello(), hello())).toEqual(['allowed', 'allowed', 'limited'])
    expect(bot.passed).toHaveLength(2)
    expect(await remaining(bot, 'bot', 'Shop')).toEqual([0, 1])
    expect(bot.types()).toEqual(['allowed', 'allowed', 'limited'])
  })

  test('a route that matches ends the chain unless it calls next()', async () => {
    @Controller()
    class Shop {
      @Command('buy')
      async buy() {}
    }
    const { passed, updates, outcomes } = await guarded({ ...botWide(), controllers: [Shop] })
    expect(await outcomes(updates.text('/buy'))).toEqual(['allowed'])
    expect(passed).toHaveLength(0)
  })

  test('one trip to the store for all checks of an update, and none where nothing is left to ask', async () => {
    let trips = 0
    const counted = store()
    const decide = counted.decide.bind(counted)
    counted.decide = (request) => {
      trips++
      return decide(request)
    }
    @Controller()
    @RateLimit(9, '1h')
    @Debounce('1ms')
    class Shop {
      @Command('buy')
      @RateLimit(9, '1h')
      @RequireRegistered()
      async buy(_ctx: Context, next: Next) {
        await next()
      }

      @Hears(/buy/)
      async hear(_ctx: Context, next: Next) {
        await next()
      }
    }
    const bot = await guarded(
      {
        store: counted,
        controllers: [Shop],
        rateLimit: { limit: 9, window: '1h' },
        deduplicate: '1h',
        exempt: [7],
      },
      {
        after: (telegraf, sentinel) => {
          telegraf.use(sentinel.guard({ name: 'bot', rateLimit: { limit: 9, window: '1h' } }))
        },
      },
    )
    await bot.sentinel.registrations.add(42)
    expect(await bot.outcomes(bot.updates.text('/buy'))).toEqual(['allowed'])
    expect(trips).toBe(1)
    expect(await bot.outcomes(bot.updates.text('/buy', { from: 7 }))).toEqual(['allowed'])
    expect(trips).toBe(2)
  })

  test('a second route after next() sends only what is not yet judged, and adds to the verdict', async () => {
    const verdicts: string[][] = []
    const note = (ctx: Context) => verdicts.push(sentinelOf(ctx).verdict.limits.map(({ name }) => name))
    @Controller()
    @RateLimit(9, '1h')
    class Shop {
      @Command('buy')
      @RateLimit(9, '1h')
      async first(ctx: Context, next: Next) {
        note(ctx)
        await next()
      }

      @Hears(/buy/)
      @RateLimit(1, '1h')
      async second(ctx: Context, next: Next) {
        note(ctx)
        await next()
      }
    }
    const bot = await guarded({ ...botWide(), controllers: [Shop] })
    expect(await bot.outcomes(bot.updates.text('/buy'))).toEqual(['allowed'])
    const first = ['bot', 'Shop', 'Shop.first']
    expect(verdicts).toEqual([first, [...first, 'Shop.second']])
    expect(bot.passed).toHaveLength(1)
    expect(bot.types()).toEqual(['allowed'])

    // The second one refuses: the first has run and been charged, nothing that follows runs.
    expect(await bot.judge(bot.updates.text('/buy'))).toMatchObject({
      reason: 'limited',
      name: 'Shop.second',
    })
    expect(await remaining(bot, 'bot', 'Shop', 'Shop.first')).toEqual([7, 7, 7])
    expect(bot.passed).toHaveLength(1)
    expect(bot.types()).toEqual(['allowed', 'allowed', 'limited'])
  })

  test('next() called twice is an error, as in Telegraf', async () => {
    @Controller()
    class Shop {
      @Command('buy')
      async buy(_ctx: Context, next: Next) {
        await next()
        await next()
      }

      @Hears(/buy/)
      async hear() {
        heard++
      }
    }
    let heard = 0
    const { caught, updates, send } = await guarded({ ...botWide(), controllers: [Shop] })
    await send(updates.text('/buy'))
    expect(caught).toMatchObject([{ message: 'next() called multiple times' }])
    expect(heard).toBe(1)
  })

  test('mounted twice, the second mount passes through', async () => {
    let runs = 0
    @Controller()
    class Shop {
      @Command('buy')
      async buy(_ctx: Context, next: Next) {
        runs++
        await next()
      }
    }
    const bot = await guarded(
      { ...botWide(), controllers: [Shop] },
      {
        after: (telegraf, sentinel) => {
          telegraf.use(sentinel)
          telegraf.use(Composer.compose([sentinel.middleware()]))
        },
      },
    )
    expect(await bot.outcomes(bot.updates.text('/buy'), bot.updates.text('x'))).toEqual([
      'allowed',
      'allowed',
    ])
    expect(runs).toBe(1)
    expect(await remaining(bot, 'bot')).toEqual([7])
    expect(bot.passed).toHaveLength(2)
    expect(bot.types()).toEqual(['allowed', 'allowed'])
  })

  test('two sentinels on one bot each judge for themselves', async () => {
    const inner = createSentinel({ store: store(), rateLimit: { limit: 1, window: '1h', name: 'inner' } })
    const bot = await guarded(
      { store: store(), rateLimit: { limit: 2, window: '1h', name: 'outer' } },
      { after: (telegraf) => telegraf.use(inner) },
    )
    const hello = () => bot.updates.text('hello')
    expect(await bot.judge(hello())).toMatchObject({ allowed: true, limits: [{ name: 'inner' }] })
    expect(await bot.judge(hello())).toMatchObject({ allowed: false, name: 'inner' })
    expect(await bot.judge(hello())).toMatchObject({ allowed: false, name: 'outer' })
    expect(bot.passed).toHaveLength(1)
  })

  test('the same update object handed in again is judged again', async () => {
    const { updates, judge } = await guarded({ store: store(), rateLimit: { limit: 2, window: '1h' } })
    const update = updates.text('hello')
    expect(await judge(update)).toMatchObject({ limits: [{ remaining: 1 }] })
    expect(await judge(update)).toMatchObject({ limits: [{ remaining: 0 }] })
    expect(await judge(update)).toMatchObject({ allowed: false })
    expect(Object.getOwnPropertySymbols(update)).toEqual([])
  })

  test('handlers side by side are judged one after the other: one charge, one claim, no duplicate of itself', async () => {
    let release = (): void => undefined
    const side = new Promise<void>((resolve) => (release = resolve))
    const bot = await guarded(
      { store: store(), rateLimit: { limit: 9, window: '1h' }, deduplicate: '1h' },
      {
        before: (telegraf, sentinel) => {
          const guard = sentinel.guard({ name: 'side', rateLimit: { limit: 9, window: '1h' } })
          telegraf.use(Composer.fork(Composer.compose([guard, () => release()])))
        },
      },
    )
    expect(await bot.outcomes(bot.updates.text('hello'))).toEqual(['allowed'])
    await side
    expect(await remaining(bot, 'bot', 'side')).toEqual([8, 8])
    expect(bot.types()).toEqual(['allowed'])
    expect(bot.passed).toHaveLength(1)
  })

  test('a frozen update is judged like any other', async () => {
    const { caught, updates, outcomes } = await guarded(botWide())
    expect(await outcomes(Object.freeze(updates.text('hello')))).toEqual(['allowed'])
    expect(caught).toEqual([])
  })
})

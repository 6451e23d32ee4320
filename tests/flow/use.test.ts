/** `@Use` is transparent: the decision is the route's behind it, taken before any handler runs. */
import type { Context } from 'telegraf'
import { Command, Controller, Hears, RateLimit, Use } from 'telegraf-sentinel'
import { guarded, stopAll, stores, type Next } from '../support/guarded'

afterEach(stopAll)

describe.each(stores)('on %s', (_name, store) => {
  let ran: string[]
  beforeEach(() => (ran = []))

  test('the decision is taken before any handler of ours runs', async () => {
    @Controller()
    class Shop {
      @Use()
      async log(_ctx: Context, next: Next) {
        ran.push('log')
        await next()
        ran.push('logged')
      }

      @Command('buy')
      @RateLimit(1, '1h')
      async buy() {
        ran.push('buy')
      }
    }
    const { updates, judge } = await guarded({ store: store(), controllers: [Shop] })
    expect(await judge(updates.text('/buy'))).toMatchObject({ limits: [{ name: 'Shop.buy' }] })
    expect(ran).toEqual(['log', 'buy', 'logged'])
    expect(await judge(updates.text('/buy'))).toMatchObject({ reason: 'limited' })
    expect(ran).toEqual(['log', 'buy', 'logged'])
  })

  test('guards on a @Use are judged when it runs', async () => {
    @Controller()
    class Shop {
      @Use()
      async gate(ctx: Context, next: Next) {
        ran.push('gate')
        if (ctx.text !== '/stop') await next()
      }

      @Use()
      @RateLimit(1, '1h')
      async guardedUse(_ctx: Context, next: Next) {
        ran.push('guarded')
        await next()
      }

      @Command('buy')
      @RateLimit(9, '1h')
      async buy() {
        ran.push('buy')
      }
    }
    const { sentinel, updates, judge } = await guarded({ store: store(), controllers: [Shop] })
    // The second @Use is never reached, so its limit is not charged.
    const { limits } = await judge(updates.text('/stop'))
    expect(limits).toEqual([])
    expect((await judge(updates.text('/buy'))).limits.map(({ name }) => name)).toEqual([
      'Shop.buy',
      'Shop.guardedUse',
    ])
    expect(ran).toEqual(['gate', 'gate', 'guarded', 'buy'])
    // Refused there: the route's own limit was charged by the first decision.
    expect(await judge(updates.text('/buy'))).toMatchObject({ reason: 'limited', name: 'Shop.guardedUse' })
    expect(ran).toEqual(['gate', 'gate', 'guarded', 'buy', 'gate'])
    expect(await sentinel.limits.peek('Shop.buy', { userId: 42 })).toMatchObject({ remaining: 7 })
  })

  test('class guards skip it', async () => {
    @Controller()
    @RateLimit(1, '1h')
    class Shop {
      @Use()
      async log(_ctx: Context, next: Next) {
        ran.push('log')
        await next()
      }

      @Command('buy')
      async buy() {
        ran.push('buy')
      }
    }
    const { passed, updates, outcomes } = await guarded({ store: store(), controllers: [Shop] })
    const [hello, buy] = [() => updates.text('hello'), () => updates.text('/buy')]
    expect(await outcomes(hello(), hello(), buy(), buy(), hello())).toEqual([
      'allowed',
      'allowed',
      'allowed',
      'limited',
      'allowed',
    ])
    expect(passed).toHaveLength(3)
    expect(ran).toEqual(['log', 'log', 'log', 'buy', 'log'])
  })

  test('bot-wide checks are judged before it even where no route follows', async () => {
    @Controller()
    class Shop {
      @Use()
      async log(_ctx: Context, next: Next) {
        ran.push('log')
        await next()
      }
    }
    const { updates, outcomes } = await guarded({
      store: store(),
      controllers: [Shop],
      rateLimit: { limit: 1, window: '1h' },
    })
    expect(await outcomes(updates.text('x'), updates.text('x'))).toEqual(['allowed', 'limited'])
    expect(ran).toEqual(['log'])
  })

  test('triggers are evaluated before any @Use runs', async () => {
    @Controller()
    class Shop {
      @Use()
      async log(_ctx: Context, next: Next) {
        ran.push('use')
        await next()
      }

      @Hears((text) => {
        ran.push('trigger')
        return /buy/.exec(text)
      })
      async buy(ctx: Context & { match?: RegExpExecArray }) {
        ran.push(`buy ${ctx.match?.index}`)
      }
    }
    const { updates, send } = await guarded({ store: store(), controllers: [Shop] })
    await send(updates.text('to buy'))
    expect(ran).toEqual(['trigger', 'use', 'buy 3'])
  })

  test('it stands where it is declared: between two routes it runs for what follows the first', async () => {
    @Controller()
    class Shop {
      @Command('buy')
      async first(_ctx: Context, next: Next) {
        ran.push('first')
        await next()
      }

      @Use()
      async between(_ctx: Context, next: Next) {
        ran.push('use')
        await next()
      }

      @Hears(/buy|sell/)
      @RateLimit(1, '1h')
      async second() {
        ran.push('second')
      }
    }
    const { updates, outcomes } = await guarded({ store: store(), controllers: [Shop] })
    expect(await outcomes(updates.text('/buy'), updates.text('/buy'), updates.text('sell'))).toEqual([
      'allowed',
      'limited',
      'limited',
    ])
    // The second time, what follows the first route is refused before the @Use.
    expect(ran).toEqual(['first', 'use', 'second', 'first'])
  })

  test('one that does not call next() ends the update', async () => {
    @Controller()
    class Shop {
      @Use()
      async stop() {
        ran.push('stop')
      }

      @Command('buy')
      async buy() {
        ran.push('buy')
      }
    }
    const { passed, updates, outcomes } = await guarded({ store: store(), controllers: [Shop] })
    expect(await outcomes(updates.text('/buy'), updates.text('x'))).toEqual(['allowed', 'allowed'])
    expect(ran).toEqual(['stop', 'stop'])
    expect(passed).toHaveLength(0)
  })
})

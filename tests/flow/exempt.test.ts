/** Who is exempt, and what `@Exempt` lifts. */
import type { Context } from 'telegraf'
import {
  Command,
  Controller,
  Debounce,
  Exempt,
  On,
  RateLimit,
  RequireRegistered,
  Use,
} from 'telegraf-sentinel'
import { guarded, stopAll, stores, type Next } from '../support/guarded'

afterEach(stopAll)

@Controller()
@RateLimit(1, '1h')
@Debounce('1h')
@RequireRegistered()
class Strict {
  @Command('buy')
  @RateLimit(1, '1h')
  async buy() {}
}

describe.each(stores)('exempt on %s', (_name, store) => {
  const strictest = () => ({
    store: store(),
    controllers: [Strict],
    rateLimit: { limit: 1, window: '1h' } as const,
    debounce: '1h' as const,
    requireRegistered: true,
  })

  test('an actor of the list has no registration, debounce or limit anywhere; the event is exempt', async () => {
    const { types, updates, outcomes, sentinel } = await guarded(
      { ...strictest(), exempt: [7] },
      {
        after: (bot, guard) =>
          bot.use(guard.guard({ name: 'g', rateLimit: { limit: 1, window: '1h' }, requireRegistered: true })),
      },
    )
    const buy = () => updates.text('/buy', { from: 7 })
    const hello = () => updates.text('hello', { from: 7 })
    expect(await outcomes(buy(), buy(), hello(), hello())).toEqual([
      'allowed',
      'allowed',
      'allowed',
      'allowed',
    ])
    expect(types()).toEqual(['exempt', 'exempt', 'exempt', 'exempt'])
    expect(await sentinel.limits.peek('bot', { userId: 7 })).toMatchObject({ remaining: 1 })
    expect(await sentinel.limits.peek('g', { userId: 7 })).toMatchObject({ remaining: 1 })
    expect(await outcomes(updates.text('/buy', { from: 8 }))).toEqual(['unregistered'])
  })

  test('a block still holds, and so does the memory of duplicates', async () => {
    const { sentinel, updates, outcomes } = await guarded({
      ...strictest(),
      exempt: [7],
      deduplicate: '1h',
    })
    const buy = (id?: number) => updates.text('/buy', { from: 7, update_id: id })
    expect(await outcomes(buy(900), buy(900))).toEqual(['allowed', 'duplicate'])
    await sentinel.blocks.add(7)
    expect(await outcomes(buy())).toEqual(['blocked'])
  })

  test('ids are compared with the actor: not with the user behind a channel or an anonymous admin', async () => {
    const group = -1001000000042
    const { updates, outcomes } = await guarded({ ...strictest(), exempt: [1087968824, 136817688] })
    expect(await outcomes(updates.anonymousAdmin('hello', { chat: group }))).toEqual(['unregistered'])
    expect(await outcomes(updates.asChannel('hello'))).toEqual(['unregistered'])
    const admins = await guarded({ ...strictest(), exempt: [group] })
    expect(await admins.outcomes(updates.anonymousAdmin('hello', { chat: group }))).toEqual(['allowed'])
    expect(await admins.outcomes(updates.text('hello', { from: 7, chat: group }))).toEqual(['unregistered'])
  })

  test('a function is asked once per update', async () => {
    const asked: (string | undefined)[] = []
    const { updates, outcomes } = await guarded(
      {
        ...strictest(),
        exempt: (ctx: Context) => {
          asked.push(ctx.text)
          return ctx.from?.username === 'boss'
        },
      },
      { after: (bot, sentinel) => bot.use(sentinel.guard({ requireRegistered: true })) },
    )
    const boss = { id: 7, username: 'boss' }
    expect(await outcomes(updates.text('hello', { from: boss }), updates.text('/buy', { from: 8 }))).toEqual([
      'allowed',
      'unregistered',
    ])
    expect(asked).toEqual(['hello', '/buy'])
  })

  test('registration.resolve and functions of limits are not asked for an exempt actor', async () => {
    let asked = 0
    const count = (): number => ++asked
    const { updates, outcomes } = await guarded({
      store: store(),
      exempt: [42],
      requireRegistered: true,
      rateLimit: { limit: count, window: '1h', cost: count },
      registration: { resolve: async () => void count() },
    })
    expect(await outcomes(updates.text('hello'))).toEqual(['allowed'])
    expect(asked).toBe(0)
  })
})

describe.each(stores)('@Exempt on %s', (_name, store) => {
  const botWide = { rateLimit: { limit: 1, window: '1h' }, requireRegistered: true } as const

  @Controller()
  @RateLimit(1, '1h')
  @Debounce('1h')
  class Shop {
    @Command('help')
    @Exempt()
    @RateLimit(2, '1h')
    async help() {}

    @Command('pass')
    @Exempt()
    async pass(_ctx: Context, next: Next) {
      await next()
    }

    @Command('buy')
    async buy() {}
  }

  test('it lifts the guards of bot and class; its own stay, and a block always holds', async () => {
    const { sentinel, types, updates, outcomes } = await guarded({
      store: store(),
      controllers: [Shop],
      ...botWide,
    })
    const help = () => updates.text('/help')
    expect(await outcomes(help(), help(), help())).toEqual(['allowed', 'allowed', 'limited'])
    expect(types()).toEqual(['allowed', 'allowed', 'limited'])
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 1 })
    expect(await sentinel.limits.peek('Shop', { userId: 42 })).toMatchObject({ remaining: 1 })
    await sentinel.blocks.add(42)
    expect(await outcomes(help())).toEqual(['blocked'])
  })

  test('a duplicate is still dropped', async () => {
    const { updates, outcomes } = await guarded({
      store: store(),
      controllers: [Shop],
      deduplicate: '1h',
    })
    const help = () => updates.text('/help', { update_id: 5 })
    expect(await outcomes(help(), help())).toEqual(['allowed', 'duplicate'])
  })

  test('if the method calls next(), the lifted checks are judged for what follows the sentinel', async () => {
    const { sentinel, passed, updates, outcomes } = await guarded({
      store: store(),
      controllers: [Shop],
      ...botWide,
    })
    const pass = (text = '') => updates.text(`/pass ${text}`)
    expect(await outcomes(pass())).toEqual(['unregistered'])
    expect(passed).toHaveLength(0)
    await sentinel.registrations.add(42)
    expect(await outcomes(pass(), pass('2'))).toEqual(['allowed', 'limited'])
    expect(passed).toHaveLength(1)
  })

  test('and for a method that follows, with its own class level', async () => {
    const ran: string[] = []
    @Controller()
    @RateLimit(1, '1h')
    class Pair {
      @Command('pass')
      @Exempt()
      async pass(_ctx: Context, next: Next) {
        ran.push('pass')
        await next()
      }

      @On('message')
      async follow() {
        ran.push('follow')
      }
    }
    const { updates, outcomes } = await guarded({ store: store(), controllers: [Pair] })
    expect(await outcomes(updates.text('/pass'), updates.text('/pass'))).toEqual(['allowed', 'limited'])
    expect(ran).toEqual(['pass', 'follow', 'pass'])
  })

  test('and for what follows the sentinel: those of the class too, in one decision', async () => {
    @Controller()
    @RateLimit(2, '1h')
    class Shared {
      @Command('pass')
      @Exempt()
      async pass(_ctx: Context, next: Next) {
        await next()
      }
    }
    @Controller()
    class Other {
      @On('message')
      @RateLimit(1, '1h')
      async other(_ctx: Context, next: Next) {
        await next()
      }
    }
    const { sentinel, passed, updates, judge, refused } = await guarded({
      store: store(),
      controllers: [Shared, Other],
      rateLimit: { limit: 5, window: '1h' },
    })
    const { limits } = await judge(updates.text('/pass'))
    expect(limits.map(({ name }) => name)).toEqual(['bot', 'Shared', 'Other.other'])
    expect(await refused(updates.text('/pass'))).toMatchObject({ name: 'Other.other' })
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 4 })
    expect(await sentinel.limits.peek('Shared', { userId: 42 })).toMatchObject({ remaining: 1 })
    expect(passed).toHaveLength(1)
  })

  test('two exempt methods in a row are both spared', async () => {
    const ran: string[] = []
    @Controller()
    @RateLimit(1, '1h')
    class Chain {
      @Command('pass')
      @Exempt()
      async first(_ctx: Context, next: Next) {
        ran.push('first')
        await next()
      }

      @On('message')
      @Exempt()
      async second(_ctx: Context, next: Next) {
        ran.push('second')
        await next()
      }
    }
    const { passed, updates, outcomes } = await guarded({ store: store(), controllers: [Chain] })
    expect(await outcomes(updates.text('/pass'), updates.text('/pass'))).toEqual(['allowed', 'limited'])
    expect(ran).toEqual(['first', 'second', 'first', 'second'])
    expect(passed).toHaveLength(1)
  })

  test('and for a @Use that follows', async () => {
    const ran: string[] = []
    @Controller()
    class Tail {
      @Command('pass')
      @Exempt()
      async pass(_ctx: Context, next: Next) {
        ran.push('pass')
        await next()
      }

      @Use()
      async log(_ctx: Context, next: Next) {
        ran.push('use')
        await next()
      }
    }
    const { passed, updates, outcomes } = await guarded({
      store: store(),
      controllers: [Tail],
      rateLimit: { limit: 1, window: '1h' },
    })
    expect(await outcomes(updates.text('/pass'), updates.text('/pass'))).toEqual(['allowed', 'limited'])
    expect(ran).toEqual(['pass', 'use', 'pass'])
    expect(passed).toHaveLength(1)
  })

  test('an exempt method that does not call next() leaves nothing to judge', async () => {
    const { sentinel, updates, judge } = await guarded({
      store: store(),
      controllers: [Shop],
      ...botWide,
    })
    const { limits } = await judge(updates.text('/help'))
    expect(limits.map(({ name }) => name)).toEqual(['Shop.help'])
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 1 })
  })
})

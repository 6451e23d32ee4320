/** Which buckets an update is charged in: levels, names, costs. */
import type { Context } from 'telegraf'
import {
  Action,
  Command,
  Controller,
  Debounce,
  Hears,
  RateLimit,
  SentinelOptionsError,
} from 'telegraf-sentinel'
import { createSentinel } from 'telegraf-sentinel'
import { guarded, stopAll, stores, type Next } from '../support/guarded'

afterEach(stopAll)

const names = (limits: readonly { name: string }[]) => limits.map(({ name }) => name)

describe.each(stores)('on %s', (_name, store) => {
  test('bot, parent class, class and method all apply, each with its own bucket', async () => {
    @Controller()
    @RateLimit(20, '1h')
    class Base {
      @Command('shared')
      @RateLimit(10, '1h')
      async shared() {}
    }
    @Controller()
    @RateLimit(15, '1h')
    class Child extends Base {
      @Command('own')
      @RateLimit(5, '1h')
      async own() {}
    }
    const { updates, judge } = await guarded({
      store: store(),
      controllers: [Child],
      rateLimit: { limit: 30, window: '1h' },
    })
    const own = await judge(updates.text('/own'))
    expect(own.limits).toEqual(
      [
        ['bot', 30],
        ['Base', 20],
        ['Child', 15],
        ['Child.own', 5],
      ].map(([name, limit]) => ({ name, limit, remaining: Number(limit) - 1, resetAfter: 3_600_000 })),
    )
    const shared = await judge(updates.text('/shared'))
    expect(names(shared.limits)).toEqual(['bot', 'Base', 'Child', 'Base.shared'])
    expect(shared.limits.map(({ remaining }) => remaining)).toEqual([28, 18, 13, 9])
  })

  test('a class has one bucket for all of its methods, a method one for all of its listeners', async () => {
    @Controller()
    @RateLimit(2, '1h')
    class Shop {
      @Command('buy')
      @Hears('buy')
      @Action('buy')
      @RateLimit(1, '1h')
      async buy() {}

      @Command('sell')
      async sell() {}
    }
    const { updates, judge, outcomes } = await guarded({ store: store(), controllers: [Shop] })
    expect(await outcomes(updates.text('/buy'))).toEqual(['allowed'])
    expect(await judge(updates.text('buy'))).toMatchObject({ name: 'Shop.buy' })
    expect(await judge(updates.callbackQuery('buy'))).toMatchObject({ name: 'Shop.buy' })
    expect(await outcomes(updates.text('/sell'))).toEqual(['allowed'])
    expect(await judge(updates.text('/sell'))).toMatchObject({ name: 'Shop' })
  })

  test('unnamed limits are numbered, named ones are not counted; @Controller gives the name of the class', async () => {
    @Controller('shop')
    @RateLimit(9, '1h')
    @RateLimit(8, '2h')
    class A {
      @Command('buy')
      @RateLimit(7, '1h')
      @RateLimit({ limit: 6, window: '2h', name: 'mine' })
      @RateLimit(5, '3h')
      @RateLimit(4, '4h')
      async buy() {}
    }
    const { updates, judge } = await guarded({
      store: store(),
      controllers: [A],
      rateLimit: [
        { limit: 99, window: '1h' },
        { limit: 98, window: '1h' },
      ],
    })
    const { limits } = await judge(updates.text('/buy'))
    expect(limits.map(({ name, limit }) => [name, limit])).toEqual([
      ['bot', 99],
      ['bot#2', 98],
      ['shop', 9],
      ['shop#2', 8],
      ['shop.buy', 7],
      ['mine', 6],
      ['shop.buy#2', 5],
      ['shop.buy#3', 4],
    ])
  })

  test('a bucket that two levels share is charged once, with the first cost', async () => {
    @Controller()
    @RateLimit({ limit: 10, window: '1h', name: 'pool', cost: 2 })
    class Shop {
      @Command('buy')
      @RateLimit({ limit: 10, window: '1h', name: 'pool', cost: 5 })
      async buy() {}
    }
    const { updates, judge } = await guarded({ store: store(), controllers: [Shop] })
    expect((await judge(updates.text('/buy'))).limits).toEqual([
      { name: 'pool', limit: 10, remaining: 8, resetAfter: 3_600_000 },
    ])
  })

  test('two classes share a named bucket, each at its own cost and with its own reply', async () => {
    @Controller()
    class One {
      @Command('one')
      @RateLimit({ limit: 4, window: '1h', name: 'pool', cost: 1, reply: 'one' })
      async one() {}
    }
    @Controller()
    class Two {
      @Command('two')
      @RateLimit({ limit: 4, window: '1h', name: 'pool', cost: 3, reply: 'two' })
      async two() {}
    }
    const { telegram, updates, outcomes } = await guarded({ store: store(), controllers: [One, Two] })
    const sent = ['/one', '/one', '/two', '/one', '/one'].map((text) => updates.text(text))
    expect(await outcomes(...sent)).toEqual(['allowed', 'allowed', 'limited', 'allowed', 'allowed'])
    expect(telegram.texts(42)).toEqual(['two'])
  })

  test('a second route that shares a bucket does not charge it again', async () => {
    @Controller()
    class Shop {
      @Command('buy')
      @RateLimit({ limit: 10, window: '1h', name: 'pool', cost: 2 })
      async buy(_ctx: Context, next: Next) {
        await next()
      }

      @Hears(/buy/)
      @RateLimit({ limit: 10, window: '1h', name: 'pool', cost: 7 })
      async hear() {}
    }
    const { sentinel, updates, judge } = await guarded({ store: store(), controllers: [Shop] })
    await judge(updates.text('/buy'))
    expect(await sentinel.limits.peek('pool', { userId: 42 })).toMatchObject({ remaining: 8 })
    await judge(updates.text('buy'))
    expect(await sentinel.limits.peek('pool', { userId: 42 })).toMatchObject({ remaining: 1 })
  })

  test('debounces of bot, class and method apply, each with its own mark', async () => {
    @Controller()
    @Debounce('20s')
    class Shop {
      @Command('buy')
      @Debounce('10s')
      async buy() {}

      @Command('sell')
      @Debounce({ window: '30s', fingerprint: () => 'always' })
      async sell() {}
    }
    const { clock, updates, judge } = await guarded({
      store: store(),
      controllers: [Shop],
      debounce: '5s',
    })
    const buy = () => judge(updates.text('/buy'))
    expect(await buy()).toMatchObject({ allowed: true })
    expect(await buy()).toMatchObject({ reason: 'debounced', name: 'bot', retryAfter: 20_000 })
    clock.advance('5s')
    expect(await buy()).toMatchObject({ name: 'Shop', retryAfter: 15_000 })
    clock.advance('15s')
    expect(await buy()).toMatchObject({ allowed: true })
    expect(await judge(updates.text('/sell'))).toMatchObject({ allowed: true })
    clock.advance('20s')
    expect(await judge(updates.text('/sell 2'))).toMatchObject({ name: 'Shop.sell', retryAfter: 10_000 })
  })
})

test('two buckets of one name must have one rule; cost and reply may differ', () => {
  const guard = (options: object) => {
    const sentinel = createSentinel({ rateLimit: { limit: 1, window: '1m', name: 'pool' } })
    return () =>
      sentinel.guard({ name: 'g', rateLimit: { limit: 1, window: '1m', name: 'pool', ...options } })
  }
  expect(guard({ cost: 1, reply: 'no' })).not.toThrow()
  expect(guard({ window: 60_000 })).not.toThrow()
  const others = [{ limit: 2 }, { window: '2m' }, { algorithm: 'gcra' }, { scope: 'chat' }]
  for (const other of others) {
    expect(guard(other)).toThrow(SentinelOptionsError)
    expect(guard(other)).toThrow(/'pool'.*declared twice with different rules/)
  }
  expect(guard({ algorithm: 'gcra', burst: 2 })).toThrow(/algorithm.*burst/)
})

/** A whole poll at once, on a store that is as far away as remote ones are: no limit gives way to `storeTimeout`. */
import { Command, Controller, RateLimit } from 'telegraf-sentinel'
import { guarded, stopAll, type Next } from '../support/guarded'
import { SlowStore } from '../support/slow-store'

afterEach(stopAll)

const LATENCY = 10

test('100 updates of one user: exactly three pass, and the store is asked a few times', async () => {
  const store = new SlowStore(LATENCY)
  const { bot, passed, types, updates } = await guarded({
    store,
    reply: false,
    rateLimit: { limit: 3, window: '1m' },
  })
  await Promise.all(Array.from({ length: 100 }, () => bot.handleUpdate(updates.text('hello'))))
  expect(passed).toHaveLength(3)
  expect(types()).not.toContain('storeError')
  const { get, swap } = store.calls
  expect(get + swap).toBeLessThanOrEqual(20)
})

test('50 users twice each, under a limit for each and one for all', async () => {
  @Controller()
  class Shop {
    @Command('buy')
    @RateLimit({ limit: 1, window: '1h' })
    async buy(_ctx: unknown, next: Next) {
      await next()
    }
  }
  const store = new SlowStore(LATENCY)
  const { bot, passed, types, updates } = await guarded({
    store,
    reply: false,
    controllers: [Shop],
    rateLimit: { limit: 30, window: '1h', scope: 'global' },
  })
  const users = Array.from({ length: 100 }, (_, n) => 1 + (n % 50))
  await Promise.all(users.map((from) => bot.handleUpdate(updates.text('/buy', { from }))))
  expect(passed).toHaveLength(30)
  expect(new Set(passed.map((ctx) => ctx.from?.id)).size).toBe(30)
  expect(types()).not.toContain('storeError')
  const shared = [...store.trips].filter(([key]) => key.includes(':global:')).map(([, trips]) => trips)
  expect(shared).toHaveLength(1)
  expect(shared[0]).toBeLessThanOrEqual(8)
})

/** Telegraf handles up to 100 updates of a poll at once: a limit of L admits exactly L of them. */
import fc from 'fast-check'
import { Command, Controller, Debounce, RateLimit } from 'telegraf-sentinel'
import { guarded, stopAll, stores } from '../support/guarded'
import { algorithm } from './traces'

afterEach(stopAll)

describe.each(stores)('on %s', (_name, store) => {
  test('100 updates of one user at once: exactly three pass', async () => {
    const { bot, passed, types, updates } = await guarded({
      store: store(),
      rateLimit: { limit: 3, window: '1m' },
    })
    await Promise.all(Array.from({ length: 100 }, () => bot.handleUpdate(updates.text('hello'))))
    expect(passed).toHaveLength(3)
    const count = (type: string) => types().filter((other) => other === type).length
    expect([count('allowed'), count('limited'), types().length]).toEqual([3, 97, 100])
  })

  test.each(['sync', 'async'])('the same with a limit from an (%s) function', async (kind) => {
    const { bot, passed, updates } = await guarded({
      store: store(),
      reply: false,
      rateLimit: { limit: () => (kind === 'sync' ? 3 : Promise.resolve(3)), window: '1m' },
    })
    await Promise.all(Array.from({ length: 100 }, () => bot.handleUpdate(updates.text('hello'))))
    expect(passed).toHaveLength(3)
  })

  test('the same while the user table is asked', async () => {
    const { bot, passed, updates } = await guarded({
      store: store(),
      reply: false,
      rateLimit: { limit: 3, window: '1m' },
      requireRegistered: true,
      registration: { resolve: async () => ({ plan: 'gold' }) },
    })
    await Promise.all(Array.from({ length: 100 }, () => bot.handleUpdate(updates.text('hello'))))
    expect(passed).toHaveLength(3)
  })

  test('whatever the algorithm and the limit, of any number of users', async () => {
    await fc.assert(
      fc
        .asyncProperty(
          algorithm,
          fc.integer({ min: 1, max: 20 }),
          fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 100 }),
          async (name, limit, users) => {
            const { bot, passed, updates } = await guarded({
              store: store(),
              reply: false,
              rateLimit: { limit, window: '1h', algorithm: name },
            })
            await Promise.all(users.map((from) => bot.handleUpdate(updates.text('hello', { from }))))
            for (const user of new Set(users)) {
              const sent = users.filter((from) => from === user).length
              expect(passed.filter((ctx) => ctx.from?.id === user)).toHaveLength(Math.min(limit, sent))
            }
          },
        )
        .afterEach(stopAll),
      { numRuns: 40 },
    )
  })

  test('stacked limits never eat each other’s tokens', async () => {
    @Controller()
    @RateLimit({ limit: 50, window: '1h', scope: 'chat' })
    class Shop {
      @Command('buy')
      @RateLimit(3, '1h')
      @Debounce({ window: '1h', fingerprint: (ctx) => String(ctx.message?.message_id) })
      async buy() {
        bought++
      }
    }
    let bought = 0
    const { bot, sentinel, updates } = await guarded({
      store: store(),
      reply: false,
      controllers: [Shop],
      rateLimit: { limit: 1000, window: '1h', scope: 'global' },
    })
    const users = Array.from({ length: 100 }, (_, i) => 1 + (i % 5))
    await Promise.all(users.map((from) => bot.handleUpdate(updates.text('/buy', { from, chat: -100 }))))
    expect(bought).toBe(15)
    expect(await sentinel.limits.peek('Shop', { chatId: -100 })).toMatchObject({ remaining: 35 })
    expect(await sentinel.limits.peek('bot', {})).toMatchObject({ remaining: 985 })
  })

  test('equal messages at once: a debounce lets one pass', async () => {
    const { bot, passed, updates } = await guarded({ store: store(), debounce: '10s' })
    await Promise.all(Array.from({ length: 100 }, () => bot.handleUpdate(updates.text('hello'))))
    expect(passed).toHaveLength(1)
  })

  test('two bots’ processes on one store admit three together', async () => {
    const shared = store()
    const options = { store: shared, reply: false as const, rateLimit: { limit: 3, window: '1m' } as const }
    const bots = [await guarded(options), await guarded(options)]
    await Promise.all(
      bots.flatMap(({ bot, updates }) =>
        Array.from({ length: 50 }, () => bot.handleUpdate(updates.text('hello'))),
      ),
    )
    expect(bots[0].passed.length + bots[1].passed.length).toBe(3)
  })
})

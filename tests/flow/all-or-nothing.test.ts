/** A refused update consumes nothing and marks nothing, however many checks stand around the one that refuses. */
import fc from 'fast-check'
import type { LimitState } from 'telegraf-sentinel'
import { Command, Controller, Debounce, RateLimit } from 'telegraf-sentinel'
import { guarded, stopAll, stores, type GuardedBot } from '../support/guarded'
import { botWith, conversation, debounce, limits, take } from './traces'

afterEach(stopAll)

async function peekAll({ sentinel }: GuardedBot, names: readonly string[]): Promise<LimitState[]> {
  return Promise.all(names.map((name) => sentinel.limits.peek(name, { userId: 7 })))
}

describe.each(stores)('on %s', (_name, store) => {
  test('no limit of any algorithm loses anything to an update that another check refuses', async () => {
    let refusals = 0
    await fc.assert(
      fc
        .asyncProperty(limits, debounce, conversation, async (rules, repeats, steps) => {
          const bot = await botWith(store(), rules, repeats)
          const names = ['bot', 'inner', 'inner#2'].slice(0, rules.length)
          for (const { wait, text } of steps) {
            if (wait > 0) bot.clock.advance(wait)
            const before = await peekAll(bot, names)
            const verdict = await take(bot, { wait: 0, text })
            if (verdict.allowed) continue
            refusals++
            expect(await peekAll(bot, names)).toEqual(before)
          }
        })
        .afterEach(stopAll),
      { numRuns: 100 },
    )
    expect(refusals).toBeGreaterThan(100)
  })

  test('an allowed update costs every limit what it costs', async () => {
    @Controller()
    @RateLimit(10, '1h')
    class Shop {
      @Command('buy')
      @RateLimit({ limit: 10, window: '1h', cost: 3 })
      async buy() {}
    }
    const { updates, judge } = await guarded({
      store: store(),
      controllers: [Shop],
      rateLimit: { limit: 10, window: '1h', cost: 2 },
    })
    await judge(updates.text('/buy'))
    const { limits: left } = await judge(updates.text('/buy'))
    expect(left).toEqual([
      { name: 'bot', limit: 10, remaining: 6, resetAfter: 3_600_000 },
      { name: 'Shop', limit: 10, remaining: 8, resetAfter: 3_600_000 },
      { name: 'Shop.buy', limit: 10, remaining: 4, resetAfter: 3_600_000 },
    ])
  })

  test('a message refused by a limit passes when the limit allows it, and is not dropped as a repeat', async () => {
    @Controller()
    class Shop {
      @Command('buy')
      @RateLimit(1, '10s')
      @Debounce('1h')
      async buy() {}
    }
    const { clock, updates, outcomes } = await guarded({
      store: store(),
      controllers: [Shop],
      deduplicate: '1h',
    })
    const wish = () => updates.text('/buy a boat', { update_id: 9000 })
    expect(await outcomes(updates.text('/buy'), wish(), wish())).toEqual(['allowed', 'limited', 'limited'])
    clock.advance('10s')
    // Now it passes, and only now are its marks set.
    expect(await outcomes(wish(), wish())).toEqual(['allowed', 'duplicate'])
    clock.advance('10s')
    expect(await outcomes(updates.text('/buy a boat'))).toEqual(['debounced'])
  })

  test('a dropped repeat does not extend the window', async () => {
    const { clock, updates, outcomes } = await guarded({ store: store(), debounce: '10s' })
    expect(await outcomes(updates.text('hello'))).toEqual(['allowed'])
    for (let i = 0; i < 9; i++) {
      clock.advance('1s')
      expect(await outcomes(updates.text('hello'))).toEqual(['debounced'])
    }
    clock.advance('1s')
    expect(await outcomes(updates.text('hello'))).toEqual(['allowed'])
  })

  test('nothing is consumed for somebody blocked, unregistered, or by a duplicate', async () => {
    const { sentinel, updates, outcomes } = await guarded({
      store: store(),
      deduplicate: '1h',
      requireRegistered: true,
      debounce: '1h',
      rateLimit: { limit: 2, window: '1h' },
    })
    const hello = (id?: number) => updates.text('hello', { update_id: id })
    expect(await outcomes(hello(), hello())).toEqual(['unregistered', 'unregistered'])
    await sentinel.registrations.add(42)
    await sentinel.blocks.add(42)
    expect(await outcomes(hello(), hello())).toEqual(['blocked', 'blocked'])
    await sentinel.blocks.remove(42)
    expect(await outcomes(hello(77), hello(77), hello(77))).toEqual(['allowed', 'duplicate', 'duplicate'])
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 1 })
  })
})

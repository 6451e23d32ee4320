/** Whoever routes, the guards come to the same: random guards and conversations, as a controller, by protect() and by guardsOf(). */
import fc from 'fast-check'
import type { Context } from 'telegraf'
import { Controller, Debounce, Exempt, Hears, RateLimit, type SentinelOptions } from 'telegraf-sentinel'
import { guarded, stopAll, type Next } from '../support/guarded'

afterEach(stopAll)

interface MethodGuards {
  readonly limit: number | undefined
  readonly debounced: boolean
  readonly exempt: boolean
}

interface Guards {
  readonly bot: number | undefined
  readonly class: number | undefined
  readonly a: MethodGuards
  readonly b: MethodGuards
}

const limit = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined })
const method = fc.record({ limit, debounced: fc.boolean(), exempt: fc.boolean() })
const guards: fc.Arbitrary<Guards> = fc.record({ bot: limit, class: limit, a: method, b: method })
const conversation = fc.array(fc.constantFrom('a', 'b', 'a next', 'b next'), { maxLength: 15 })

function shopOf(of: Guards) {
  class Shop {
    readonly done: string[] = []

    async a(ctx: Context, next: Next): Promise<void> {
      this.done.push(`a: ${ctx.text}`)
      if (ctx.text?.endsWith('next')) await next()
    }

    async b(ctx: Context, next: Next): Promise<void> {
      this.done.push(`b: ${ctx.text}`)
      if (ctx.text?.endsWith('next')) await next()
    }
  }
  for (const key of ['a', 'b'] as const) {
    const on = (decorate: MethodDecorator): void =>
      void decorate(Shop.prototype, key, { value: Shop.prototype[key] } as PropertyDescriptor)
    on(Hears(new RegExp(`^${key}`)) as MethodDecorator)
    // A guard that never refuses, so that the method is guarded in any case.
    on(RateLimit(1000, '1m') as MethodDecorator)
    if (of[key].limit !== undefined)
      on(RateLimit({ limit: of[key].limit, window: '1m', name: `${key}1` }) as MethodDecorator)
    if (of[key].debounced) on(Debounce('1m') as MethodDecorator)
    if (of[key].exempt) on(Exempt() as MethodDecorator)
  }
  if (of.class !== undefined) RateLimit(of.class, '1m')(Shop)
  Controller()(Shop)
  return new Shop()
}

type Way = 'controller' | 'protect' | 'unbound' | 'guardsOf'

async function drive(way: Way, of: Guards, texts: readonly string[]): Promise<object> {
  const shop = shopOf(of)
  const options: SentinelOptions = of.bot === undefined ? {} : { rateLimit: { limit: of.bot, window: '1m' } }
  const started = await guarded(way === 'controller' ? { ...options, controllers: [shop] } : options, {
    before: (bot, sentinel) => {
      if (way === 'controller') return
      const held = way === 'guardsOf' ? shop : sentinel.protect(shop)
      const own = sentinel.guardsOf(shop.constructor as new () => object)
      for (const key of ['a', 'b'] as const) {
        const trigger = new RegExp(`^${key}`)
        if (way === 'unbound') bot.hears(trigger, held[key])
        else if (way === 'protect') bot.hears(trigger, (ctx, next) => held[key](ctx, next))
        else
          bot.hears(trigger, (ctx, next) =>
            own.run(ctx, key, (following) => shop[key](ctx, following ?? next), next),
          )
      }
    },
  })
  for (const text of texts) await started.send(started.updates.text(text, { from: 42 }))
  const types = started.types().filter((type) => type !== 'allowed')
  return { done: shop.done, types, passed: started.passed.length, caught: started.caught }
}

test('as a controller, protected, unbound, by guardsOf(): the same', async () => {
  await fc.assert(
    fc.asyncProperty(guards, conversation, async (of, texts) => {
      const expected = await drive('controller', of, texts)
      for (const way of ['protect', 'unbound', 'guardsOf'] as const) {
        expect({ way, ...(await drive(way, of, texts)) }).toEqual({ way, ...expected })
      }
      await stopAll()
    }),
    { numRuns: 25 },
  )
})

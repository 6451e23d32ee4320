/** `sentinel.protect()`: guards in front of methods that somebody else calls. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Context } from 'telegraf'
import {
  Command,
  Controller,
  createSentinel,
  Debounce,
  Exempt,
  RateLimit,
  SentinelOptionsError,
  SentinelUsageError,
  type Sentinel,
} from 'telegraf-sentinel'
import { evaluate, FLAVOURS } from '../decorators/flavours'
import { guarded, remaining, stopAll, type GuardedBot, type Next } from '../support/guarded'
import type * as Fixture from './shop'

afterEach(stopAll)

const TOO_FAST = expect.stringContaining('Too fast') as string

interface Shown extends GuardedBot {
  /** Has `handler` called for a text of a user; what it returns or throws. */
  call<T>(handler: (ctx: Context, next: Next) => T, from?: number): Promise<Awaited<T>>
}

/** A bot whose handler is whatever the test says; the sentinel mounted before it, or nowhere. */
async function bot(mounted: 'mounted' | 'not mounted', options = {}): Promise<Shown> {
  let handler: (ctx: Context, next: Next) => unknown = () => undefined
  const came: PromiseSettledResult<unknown>[] = []
  const handle = async (ctx: Context, next: Next): Promise<void> => {
    came.push(...(await Promise.allSettled([(async () => handler(ctx, next))()])))
  }
  const setup = mounted === 'mounted' ? { after: 'after' } : { after: 'before' }
  const started = await guarded(options, {
    [setup.after]: (telegraf: GuardedBot['bot']) => void telegraf.on('message', handle),
  })
  return {
    ...started,
    call: async <T>(own: (ctx: Context, next: Next) => T, from = 42): Promise<Awaited<T>> => {
      handler = own
      await started.send(started.updates.text('hi', { from }))
      const [settled] = came.splice(0)
      if (settled.status === 'rejected') throw settled.reason
      return settled.value as Awaited<T>
    },
  }
}

const source = readFileSync(join(__dirname, 'shop.ts'), 'utf8')

describe.each(FLAVOURS)('under %s decorators', (flavour) => {
  const { Shop, Corner, gift } = evaluate<typeof Fixture>(source, flavour)
  type Gift = (ctx: Context) => Promise<string>
  const giftOf = (shop: object): Gift => (shop as Record<symbol, Gift>)[gift]

  describe.each(['mounted', 'not mounted'] as const)('the sentinel %s', (mounted) => {
    test('by hand and unbound; a refusal is undefined, and answered once', async () => {
      const { sentinel, call, telegram, types } = await bot(mounted)
      const shop = sentinel.protect(new Shop())
      const { buy } = shop
      expect(await call((ctx) => shop.buy(ctx, 'pen'))).toBe('pen for 5')
      expect(await call((ctx) => buy(ctx))).toBe('book for 10')
      expect(await call((ctx) => shop.buy(ctx))).toBeUndefined()
      expect(await call((ctx) => buy(ctx))).toBeUndefined()
      expect(telegram.texts()).toEqual([TOO_FAST])
      expect(types().filter((type) => type === 'limited')).toHaveLength(2)
      expect(await call((ctx) => shop.buy(ctx), 43)).toBe('book for 15')
      expect(shop.sold).toEqual(['pen', 'book', 'book'])
    })

    test('bot-wide, class and method guards together; each charged once for an update', async () => {
      const shown = await bot(mounted, { rateLimit: { limit: 9, window: '1m' } })
      const { sentinel, call } = shown
      const shop = sentinel.protect(new Shop())
      await call(async (ctx) => [await shop.buy(ctx), await shop.buy(ctx), await shop.look(ctx)])
      expect(await remaining(shown, 'bot', 'Shop', 'Shop.buy')).toEqual([8, 5, 1])
      expect(await call((ctx) => shop.look(ctx))).toBe('looks at 42')
      expect(await remaining(shown, 'bot', 'Shop', 'Shop.buy')).toEqual([7, 4, 1])
    })
  })

  test('@Exempt spares a method the class’s limit, and what follows its next() is charged', async () => {
    const shown = await bot('not mounted', { rateLimit: { limit: 50, window: '1m' } })
    const { sentinel, call } = shown
    const shop = sentinel.protect(new Shop())
    let followed = 0
    for (let i = 0; i < 8; i++) expect(await call((ctx) => shop.help(ctx))).toBe('help')
    expect(await remaining(shown, 'bot', 'Shop')).toEqual([50, 6])
    const next = async (): Promise<void> => void followed++
    for (let i = 0; i < 8; i++) expect(await call((ctx) => shop.help(ctx, next))).toBe('help')
    expect(followed).toBe(6)
    expect(await remaining(shown, 'bot', 'Shop')).toEqual([44, 0])
  })

  test('what an exempt method was spared is asked of the next method that is called for the update', async () => {
    const shown = await bot('not mounted')
    const shop = shown.sentinel.protect(new Shop())
    await shown.call(async (ctx) => {
      await shop.help(ctx)
      await shop.look(ctx)
    })
    expect(await remaining(shown, 'Shop')).toEqual([5])
  })

  test('helpers stay synchronous, accessors, fields, statics and symbols what they are', async () => {
    const { sentinel, call, clock } = await bot('not mounted')
    const shop = sentinel.protect(new Shop(7))
    expect(shop.sum([1, 2])).toBe(3)
    expect(shop).toBeInstanceOf(Shop)
    expect([shop.price, shop.total, Shop.open()]).toEqual([7, 0, Shop.opened])
    shop.total = 100
    expect(await call((ctx) => shop.buy(ctx))).toBe('book for 107')
    expect(new shop.Model()).toBeInstanceOf(shop.Model)
    expect(await call((ctx) => shop.late('first', ctx))).toBe('first 42')
    await sentinel.registrations.add(42)
    expect(await call((ctx) => giftOf(shop)(ctx))).toBe('gift')
    expect(await call((ctx) => giftOf(shop)(ctx))).toBeUndefined()
    clock.advance('10s')
    expect(await call((ctx) => giftOf(shop)(ctx))).toBe('gift')
    expect([shop.buy.name, shop.buy.length]).toEqual(['buy', Shop.prototype.buy.length])
  })

  test('bound methods, getters that bind, and arrow functions have their guards', async () => {
    const shown = await bot('not mounted')
    const { sentinel, call } = shown
    const shop = sentinel.protect(new Shop())
    const { bind, autobound, arrow } = shop
    expect(await call((ctx) => bind(ctx))).toBe(5)
    expect(await call((ctx) => bind(ctx))).toBeUndefined()
    expect(await call((ctx) => autobound(ctx))).toBe(5)
    expect(await call((ctx) => shop.autobound(ctx))).toBe(5)
    expect(await call((ctx) => arrow(ctx))).toBe('arrow of 5 for 42')
    expect(await remaining(shown, 'Shop', 'Shop.bind')).toEqual([2, 0])
    for (let i = 0; i < 2; i++) await call((ctx) => shop.autobound(ctx))
    expect(await call((ctx) => shop.autobound(ctx))).toBeUndefined()
    expect(await call((ctx) => shop.arrow(ctx))).toBeUndefined()
  })

  test('a child has its parents’ guards, overriding keeps them, new ones replace them', async () => {
    const shown = await bot('not mounted')
    const corner = shown.sentinel.protect(new Corner())
    expect(await shown.call((ctx) => corner.buy(ctx))).toBe('corner: book for 5')
    expect(await shown.call((ctx) => corner.buy(ctx))).toBe('corner: book for 10')
    expect(await shown.call((ctx) => corner.buy(ctx))).toBeUndefined()
    expect(await shown.call((ctx) => corner.look(ctx))).toBe('corner: looks at 42')
    expect(await shown.call((ctx) => corner.look(ctx))).toBeUndefined()
    expect(await remaining(shown, 'Shop', 'Shop.buy', 'Corner.look')).toEqual([3, 0, 0])
  })

  test('what a method throws goes to whoever called it', async () => {
    const { sentinel, call } = await bot('not mounted')
    const shop = sentinel.protect(new Shop())
    await expect(call((ctx) => shop.fails(ctx))).rejects.toThrow(new RangeError('sold out'))
    // The failed one runs no more: what it was let through for is over.
    expect(await call((ctx) => shop.look(ctx))).toBe('looks at 42')
  })

  test('a guarded method without a context says so', async () => {
    const shop = createSentinel().protect(new Shop())
    expect(() => shop.rules()).toThrow(
      new SentinelUsageError('Shop.rules is guarded: call it with the Telegraf context of the update'),
    )
  })

  test('protected twice is protected once; by two sentinels, by both', async () => {
    const shown = await bot('not mounted')
    const other = createSentinel({ clock: shown.clock, rateLimit: { limit: 1, window: '1m', name: 'other' } })
    const shop = shown.sentinel.protect(shown.sentinel.protect(new Shop()))
    expect(other.protect(shop)).toBe(shop)
    expect(await shown.call((ctx) => shop.look(ctx))).toBe('looks at 42')
    expect(await shown.call((ctx) => shop.look(ctx))).toBeUndefined()
    expect(await remaining(shown, 'Shop')).toEqual([5])
    expect(await remaining({ sentinel: other }, 'other', 'Shop')).toEqual([0, 5])
  })
})

test('a controller that is protected, too, is charged once for an update', async () => {
  @Controller()
  @RateLimit({ limit: 5, window: '1m' })
  class Both {
    readonly seen: string[] = []

    @Command('buy')
    @RateLimit({ limit: 3, window: '1m' })
    async buy(ctx: Context, next: Next): Promise<void> {
      this.seen.push(ctx.text ?? '')
      await next()
    }
  }
  for (const first of ['protected', 'scanned']) {
    const both = new Both()
    if (first === 'protected') createSentinel().protect(both)
    const shown = await guarded(
      { controllers: [both] },
      { after: (telegraf, sentinel) => void telegraf.command('buy', sentinel.protect(both).buy) },
    )
    for (let i = 0; i < 4; i++) await shown.send(shown.updates.text('/buy', { from: 42 }))
    expect(both.seen).toHaveLength(6)
    expect(shown.passed).toHaveLength(3)
    expect(await remaining(shown, 'Both', 'Both.buy')).toEqual([2, 0])
  }
})

test('a hundred at once without being mounted, over the web of a real bot', async () => {
  class Till {
    sold = 0
    @RateLimit({ limit: 7, window: '1m' })
    async buy(_ctx: Context): Promise<void> {
      this.sold++
    }
  }
  const tills: Till[] = []
  const { send, updates, caught } = await guarded(
    {},
    {
      before: (telegraf, sentinel) => {
        tills.push(sentinel.protect(new Till()), sentinel.protect(new Till()))
        telegraf.hears('a', (ctx) => tills[0].buy(ctx))
        telegraf.hears('b', tills[1].buy)
      },
    },
  )
  await Promise.all(
    Array.from({ length: 100 }, (_, n) => send(updates.text(n % 2 ? 'a' : 'b', { from: 42 }))),
  )
  expect(tills[0].sold + tills[1].sold).toBe(7)
  expect(caught).toEqual([])
})

describe('@Exempt, and the functions beside the context', () => {
  @RateLimit({ limit: 2, window: '1m' })
  class Helper {
    @Exempt()
    async last(ctx: Context, next: Next): Promise<void> {
      await (ctx.text === undefined ? undefined : next())
    }

    @Exempt()
    async first(next: Next, _ctx: Context): Promise<void> {
      await next()
    }

    @Exempt()
    each<T>(_ctx: Context, use: (...given: unknown[]) => T, ...given: unknown[]): T {
      return use(...given)
    }
  }

  test.each(['last', 'first'] as const)('next is known where it is %s', async (where) => {
    const shown = await bot('not mounted')
    const helper = shown.sentinel.protect(new Helper())
    let followed = 0
    const next = async (): Promise<void> => void followed++
    for (let i = 0; i < 3; i++) {
      await shown.call((ctx) => (where === 'last' ? helper.last(ctx, next) : helper.first(next, ctx)))
    }
    expect(followed).toBe(2)
    expect(await remaining(shown, 'Helper')).toEqual([0])
  })

  test('a callback is called as the method calls it', async () => {
    const shown = await bot('not mounted')
    const helper = shown.sentinel.protect(new Helper())
    const use = (...given: unknown[]): unknown[] => given
    for (const given of [[7], [null, 'x'], [undefined, 'x'], ['a', 'b', 'c'], [{ update: 1 }]]) {
      expect(await shown.call((ctx) => helper.each(ctx, use, ...given))).toEqual(given)
    }
    expect(await remaining(shown, 'Helper')).toEqual([2])
    // With a context, it may be `next`: judged before, and given all the same what it was called with.
    const [given, ctx] = await shown.call(
      async (own) => [await helper.each(own, use, own, 'x'), own] as const,
    )
    expect(given).toEqual([ctx, 'x'])
    expect(await remaining(shown, 'Helper')).toEqual([1])
  })
})

test('fields that are functions of any kind have the class’s guards; classes stay what they are', async () => {
  @RateLimit({ limit: 1, window: '1m' })
  class Fields {
    arrow = (_ctx: Context): string => 'arrow'
    plain = function (_ctx: Context): string {
      return 'plain'
    }
    later = async function (_ctx: Context): Promise<string> {
      return 'later'
    }
    each = function* (_ctx: Context): Generator<string> {
      yield 'each'
    }
    readonly Model = class Model {}
    readonly Old = Old
    readonly Native = Map
  }
  function Old(): void {
    // As compilers to ES5 make classes of.
  }
  Object.assign(Old.prototype as object, { name: () => 'old' })
  for (const key of ['arrow', 'plain', 'later'] as const) {
    const { sentinel, call } = await bot('not mounted')
    const fields = sentinel.protect(new Fields())
    expect(await call((ctx) => fields[key](ctx))).toBe(key)
    expect(await call((ctx) => fields[key](ctx))).toBeUndefined()
    expect(await call((ctx) => fields.each(ctx))).toBeUndefined()
    expect(new fields.Model()).toBeInstanceOf(fields.Model)
    expect(new fields.Native()).toBeInstanceOf(Map)
    expect(fields.Old).toBe(Old)
  }
})

test('an instance behind a proxy that binds what it gives', async () => {
  class Vault {
    #gold = 7
    @RateLimit({ limit: 1, window: '1m' })
    take(_ctx: Context): number {
      return this.#gold
    }
  }
  const binding = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (of, key) => {
        const value: unknown = Reflect.get(of, key)
        return typeof value === 'function' ? (value.bind(of) as unknown) : value
      },
    })
  const { sentinel, call } = await bot('not mounted')
  const vault = sentinel.protect(binding(new Vault()))
  expect(await call((ctx) => vault.take(ctx))).toBe(7)
  expect(await call((ctx) => vault.take(ctx))).toBeUndefined()
})

describe('guardsOf(Class).run with a key', () => {
  const hidden = Symbol('hidden')
  class Parent {
    look(_ctx: Context): string {
      return 'looks'
    }
  }
  class Keyed extends Parent {
    @RateLimit(1, '1m')
    buy(_ctx: Context): string {
      return 'bought'
    }

    get sell(): (ctx: Context) => string {
      return () => 'sold'
    }

    [hidden](_ctx: Context): string {
      return 'hidden'
    }

    field = (_ctx: Context): string => 'field'
  }

  test.each([
    ['byu', "Keyed has no method 'byu': did you mean 'buy'?"],
    ['lok', "Keyed has no method 'lok': did you mean 'look'?"],
    ['toString', "Keyed has no method 'toString': the methods are buy, sell, hidden, look"],
    ['constructor', "Keyed has no method 'constructor': the methods are buy, sell, hidden, look"],
    [Symbol('other'), 'Keyed has no method Symbol(other): the methods are buy, sell, hidden, look'],
  ])('that the class does not have: %p', async (key, message) => {
    const { sentinel, call } = await bot('not mounted')
    let ran = 0
    const run = call((ctx) => sentinel.guardsOf(Keyed).run(ctx, key, () => ++ran))
    await expect(run).rejects.toThrow(new SentinelUsageError(message))
    expect(ran).toBe(0)
  })

  test('that it has, or that is a field of a protected instance, or any where only the class has guards', async () => {
    const { sentinel, call } = await bot('not mounted')
    const guards = sentinel.guardsOf(Keyed)
    for (const key of ['buy', 'look', 'sell', hidden]) {
      expect(await call((ctx) => guards.run(ctx, key, () => 'ran'))).toBe('ran')
    }

    @RateLimit({ limit: 3, window: '1m' })
    class Limited extends Keyed {}
    const limited = sentinel.protect(new Limited())
    expect(await call((ctx) => limited.field(ctx))).toBe('field')

    @RateLimit({ limit: 1, window: '1m' })
    class Alike {}
    const alike = sentinel.guardsOf(Alike)
    expect(await call((ctx) => alike.run(ctx, 'one', () => 'ran'))).toBe('ran')
    expect(await call((ctx) => alike.run(ctx, 'other', () => 'ran'))).toBeUndefined()
  })
})

test('one update that calls a method many times at once is judged once', async () => {
  class Till {
    @Debounce('1m')
    @RateLimit({ limit: 1, window: '1m' })
    async buy(_ctx: Context): Promise<string> {
      return 'bought'
    }
  }
  const { sentinel, call } = await bot('not mounted', { deduplicate: '1h' })
  const till = sentinel.protect(new Till())
  const bought = await call((ctx) => Promise.all(Array.from({ length: 20 }, () => till.buy(ctx))))
  expect(new Set(bought)).toEqual(new Set(['bought']))
  expect(await call((ctx) => till.buy(ctx))).toBeUndefined()
})

describe('mistakes', () => {
  class Limited {
    @RateLimit(1, '1s')
    buy(_ctx: Context): void {}
  }

  @RateLimit(1, '1s')
  class Shadowed {
    look(_ctx: Context): void {}
  }

  const cases: readonly (readonly [string, () => object, string])[] = [
    ['the class', () => Limited, 'the class or function itself'],
    ['a function', () => () => undefined, 'the class or function itself'],
    ['a plain object', () => ({ buy: 1 }), '{ buy: 1 }'],
    ['an object without a prototype', () => Object.create(null) as object, '[Object: null prototype] {}'],
    ['nothing', () => undefined as unknown as object, 'undefined'],
    ['a list', () => [], '[]'],
  ]

  test.each(cases)('%s instead of an instance', (_what, make, shown) => {
    expect(() => createSentinel().protect(make())).toThrow(
      new SentinelUsageError(
        `protect: takes an instance of a class, as new Shop(), not ${shown}; for a function there is sentinel.guard()`,
      ),
    )
  })

  test('an instance that cannot be changed', () => {
    for (const close of [Object.freeze, Object.seal, Object.preventExtensions]) {
      expect(() => createSentinel().protect(close(new Limited()))).toThrow('the instance is frozen')
    }
    const fixed = Object.defineProperty(new Limited(), 'buy', { value: () => undefined })
    expect(() => createSentinel().protect(fixed)).toThrow('Limited.buy cannot be replaced on this instance')
    expect(Object.isFrozen(createSentinel().protect(Object.freeze(new (class Bare {})())))).toBe(true)
  })

  test('a guarded method that is none on the instance; one that only the class guards is left', () => {
    const gone = Object.assign(new Limited(), { buy: 'no' }) as unknown as Limited
    expect(() => createSentinel().protect(gone)).toThrow('Limited.buy is no method on this instance')
    const field = Object.assign(new Shadowed(), { look: 7 }) as unknown as Shadowed
    expect(createSentinel().protect(field).look).toBe(7)
  })

  test('buckets that contradict each other; the right ones still can be', () => {
    class One {
      @RateLimit({ limit: 1, window: '1s', name: 'same' })
      buy(_ctx: Context): void {}
    }
    class Two {
      @RateLimit({ limit: 2, window: '1s', name: 'same' })
      buy(_ctx: Context): void {}
    }
    const sentinel: Sentinel = createSentinel()
    sentinel.protect(new One())
    for (let i = 0; i < 2; i++) {
      expect(() => sentinel.protect(new Two())).toThrow(SentinelOptionsError)
      expect(() => sentinel.protect(new Two())).toThrow("the rate limit bucket 'same' is declared twice")
    }
    class Other {
      @RateLimit(1, '1s')
      buy(_ctx: Context): void {}
    }
    Object.defineProperty(Other, 'name', { value: 'Limited' })
    sentinel.protect(new One())
    sentinel.protect(new Limited())
    for (let i = 0; i < 2; i++) {
      expect(() => sentinel.protect(new Other())).toThrow("would share the buckets named 'Limited.buy'")
    }
    sentinel.protect(new Limited())
  })
})

/** A handler of ours that hands `next` another context of the same update: what was judged stays judged. */
import { Context, type Composer, type MiddlewareFn } from 'telegraf'
import type { Update } from 'telegraf/types'
import {
  Command,
  Controller,
  createSentinel,
  Exempt,
  On,
  RateLimit,
  sentinelOf,
  Use,
} from 'telegraf-sentinel'
import type { Sentinel } from 'telegraf-sentinel'
import { guarded, remaining, stopAll, stores, type Next } from '../support/guarded'

afterEach(stopAll)

type NextWith = (ctx?: Context) => Promise<void>

class Own extends Context<Update> {}

const copyOf = (ctx: Context): Own => new Own(ctx.update, ctx.telegram, ctx.botInfo)

@Controller()
class Replaces {
  @Use()
  use(ctx: Context, next: NextWith): Promise<void> {
    return next(copyOf(ctx))
  }
}

@Controller()
class Routed {
  @On('message')
  replace(ctx: Context, next: NextWith): Promise<void> {
    return next(copyOf(ctx))
  }
}

@RateLimit({ limit: 5, window: '1m', name: 'help' })
class Help {
  @Exempt()
  help(ctx: Context, next: NextWith): Promise<void> {
    return next(copyOf(ctx))
  }
}

@Controller()
class Shop {
  @Command('buy')
  buy(_ctx: Context, next: Next): Promise<void> {
    return next()
  }
}

class Till {
  @RateLimit({ limit: 5, window: '1m', name: 'sell' })
  sell(_ctx: Context, next: Next): Promise<void> {
    return next()
  }
}

/** What stands behind the replaced context. */
const behind: Record<string, (sentinel: Sentinel) => MiddlewareFn<Context> | Sentinel | Composer<Context>> = {
  'guard()': (sentinel) => sentinel.guard({ name: 'own', rateLimit: { limit: 5, window: '1m' } }),
  'scan()': (sentinel) => sentinel.scan(Shop),
  'a second mount': (sentinel) => sentinel,
  'protect()': (sentinel) => sentinel.protect(new Till()).sell,
}

describe.each(stores)('on %s', (_name, store) => {
  test.each(Object.keys(behind))('a controller that replaces it, %s behind: judged once', async (what) => {
    for (const controller of [Replaces, Routed]) {
      const shown = await guarded(
        {
          store: store(),
          controllers: [controller],
          rateLimit: { limit: 9, window: '1m' },
          deduplicate: '10m',
        },
        { after: (bot, sentinel) => bot.use(behind[what](sentinel)) },
      )
      await shown.send(shown.updates.text('/buy', { from: 42 }))
      expect(shown.caught).toEqual([])
      expect(shown.types()).not.toContain('duplicate')
      expect(shown.passed).toHaveLength(1)
      expect(shown.passed[0]).toBeInstanceOf(Own)
      expect(sentinelOf(shown.passed[0]).verdict.limits[0]).toMatchObject({ name: 'bot', remaining: 8 })
      expect(await remaining(shown, 'bot')).toEqual([8])
    }
  })

  test('an exempt method that replaces it: what it was spared is judged once, by each way to call it', async () => {
    for (const way of ['protect', 'guardsOf'] as const) {
      const shown = await guarded(
        { store: store(), rateLimit: { limit: 9, window: '1m' }, deduplicate: '10m' },
        {
          before: (bot, sentinel) => {
            const help = way === 'protect' ? sentinel.protect(new Help()) : new Help()
            const guards = sentinel.guardsOf(Help)
            bot.use((ctx, next) =>
              way === 'protect'
                ? help.help(ctx, next as NextWith)
                : guards.run(ctx, 'help', (following = next) => help.help(ctx, following), next),
            )
          },
          after: (bot, sentinel) => bot.use(sentinel.guard({ name: 'own' })),
        },
      )
      await shown.send(shown.updates.text('hi', { from: 42 }))
      expect(shown.caught).toEqual([])
      expect(shown.passed).toHaveLength(1)
      expect(await remaining(shown, 'bot', 'help')).toEqual([8, 4])
    }
  })
})

test('two sentinels: each knows what it has judged, whoever replaced the context', async () => {
  const clocked = await guarded({ rateLimit: { limit: 9, window: '1m' }, deduplicate: '10m' })
  const { clock } = clocked
  const inner = createSentinel({
    clock,
    controllers: [Replaces],
    rateLimit: { limit: 9, window: '1m' },
    deduplicate: '10m',
  })
  const shown = await guarded(
    { clock, rateLimit: { limit: 9, window: '1m' }, deduplicate: '10m', controllers: [Replaces] },
    {
      after: (bot, outer) =>
        bot.use(inner, outer.guard({ name: 'outer' }), inner.guard({ name: 'inner' }), outer, inner),
    },
  )
  await shown.send(shown.updates.text('hi', { from: 42 }))
  expect(shown.passed).toHaveLength(1)
  expect(await remaining(shown, 'bot')).toEqual([8])
  expect(await remaining({ sentinel: inner }, 'bot')).toEqual([8])
})

test('one that another sentinel has judged on its own is handed on with both turns', async () => {
  const other = createSentinel({ rateLimit: { limit: 9, window: '1m', name: 'other' } })
  const audited = other.protect(new Till())

  @Controller()
  class Audits {
    @Use()
    async use(ctx: Context, next: NextWith): Promise<void> {
      const own = copyOf(ctx)
      await audited.sell(own, async () => undefined)
      await next(own)
    }
  }
  const shown = await guarded(
    { rateLimit: { limit: 9, window: '1m' }, deduplicate: '10m', controllers: [Audits] },
    { after: (bot, sentinel) => bot.use(sentinel.guard({ name: 'own' }), other) },
  )
  await shown.send(shown.updates.text('hi', { from: 42 }))
  expect(shown.passed).toHaveLength(1)
  expect(await remaining(shown, 'bot')).toEqual([8])
  expect(await remaining({ sentinel: other }, 'other', 'sell')).toEqual([8, 4])
})

test('a context that cannot be changed goes on as it is', async () => {
  const frozen: Context[] = []

  @Controller()
  class Freezes {
    @Use()
    use(ctx: Context, next: NextWith): Promise<void> {
      frozen.push(Object.freeze(copyOf(ctx)))
      return next(frozen[0])
    }
  }
  const shown = await guarded({ controllers: [Freezes] })
  await shown.send(shown.updates.text('hi', { from: 42 }))
  expect(shown.caught).toEqual([])
  expect(shown.passed).toEqual(frozen)
})

test('a context of another update is judged by itself', async () => {
  @Controller()
  class Swaps {
    @Use()
    use(ctx: Context, next: NextWith): Promise<void> {
      return next(new Own({ ...ctx.update, update_id: ctx.update.update_id + 1 }, ctx.telegram, ctx.botInfo))
    }
  }
  const shown = await guarded(
    { rateLimit: { limit: 9, window: '1m' }, deduplicate: '10m', controllers: [Swaps] },
    { after: (bot, sentinel) => bot.use(sentinel) },
  )
  await shown.send(shown.updates.text('hi', { from: 42 }))
  expect(await remaining(shown, 'bot')).toEqual([7])
})

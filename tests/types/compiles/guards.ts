/** Guards on classes and methods, and what their options take. */
import type { Context } from 'telegraf'
import {
  Command,
  Controller,
  Debounce,
  Exempt,
  RateLimit,
  RequireRegistered,
  type Limiter,
} from 'telegraf-sentinel'

interface MyContext extends Context {
  plan: 'free' | 'paid'
}

interface Used {
  readonly units: number
}

declare const own: Limiter<Used>

abstract class Base {
  @Command('own')
  @RateLimit({ limit: 1, window: 1000, algorithm: own })
  own() {}

  @Command('base')
  @RateLimit(1, 1000)
  base(ctx: Context) {
    return ctx.reply('…')
  }
}

@Controller('shop')
@RateLimit(30, '1m')
@RateLimit({ limit: 100, window: '1h', scope: 'global', name: 'all' })
@Debounce('1s')
@RequireRegistered({ reply: { en: 'Register.', de: 'Registrieren.' } })
export class Shop extends Base {
  constructor(
    readonly stock: number,
    readonly colour: string,
  ) {
    super()
  }

  @Command('a')
  @RateLimit({ limit: (ctx) => (ctx.from?.is_premium ? 10 : 5), window: '10s' })
  inferred(ctx: Context) {
    return ctx.reply('…')
  }

  @Command('b')
  @RateLimit<MyContext>({
    limit: async (ctx) => (ctx.plan === 'paid' ? Infinity : 3),
    window: '10s',
    algorithm: 'token-bucket',
    burst: 5,
    scope: (ctx) => ctx.plan,
    cost: (ctx) => (ctx.plan === 'paid' ? 1 : 2),
    reply: (ctx, verdict) => `${ctx.plan} ${verdict.retryAfter}`,
  })
  generic(ctx: MyContext) {
    return ctx.reply('…')
  }

  @Command('c')
  @RateLimit((ctx: MyContext) => (ctx.plan === 'paid' ? 10 : 1), '1m')
  @Debounce({ window: 500, scope: 'chat', fingerprint: (ctx) => ctx.text })
  annotated(ctx: MyContext) {
    return ctx.reply('…')
  }

  @Command('d')
  @RequireRegistered()
  @Exempt()
  nothing() {}

  @Command('e')
  @RateLimit({ limit: 1, window: 1, shadow: true, countRefused: true, blockFor: '1h', reply: false })
  override base(ctx: Context) {
    return ctx.reply('…')
  }
}

/** Routed by another framework, which injects the parameters. */
export class Injected {
  @RateLimit(1, '1s')
  @Debounce('1s')
  said(_text: string, _ctx: Context) {}
}

/** What else Nest has around a handler stands where it stood. */
import {
  Catch,
  Inject,
  Injectable,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common'
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, ExternalContextCreator } from '@nestjs/core'
import { Command, Ctx, Hears, TelegrafArgumentsHost, TelegrafExecutionContext, Update } from 'nestjs-telegraf'
import { of, tap, type Observable } from 'rxjs'
import type { Context } from 'telegraf'
import { Exempt, RateLimit, RequireRegistered } from 'telegraf-sentinel'
import { endAll, nestBot } from './nest'
import { Process } from '../support/faulty-store'

afterEach(endAll)

const told: string[] = []
beforeEach(() => void told.splice(0))

@Catch()
class Filter {
  async catch(error: Error, host: ArgumentsHost): Promise<string> {
    await TelegrafArgumentsHost.create(host).getContext<Context>().reply(`failed: ${error.message}`)
    return 'handled'
  }
}

class Noting implements NestInterceptor {
  constructor(private readonly name: string) {}

  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    told.push(this.name)
    return next.handle().pipe(tap((value) => void told.push(`${this.name}: ${String(value)}`)))
  }
}

class OnlyAnn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return TelegrafExecutionContext.create(context).getContext<Context>().from?.first_name === 'Ann'
  }
}

describe('exception filters', () => {
  @Update()
  @UseFilters(Filter)
  class Shop {
    @Command('fail')
    @RateLimit(2, '1m')
    fail(): never {
      throw new Error('sold out')
    }

    @Command('exempt')
    @Exempt()
    async exempt(): Promise<never> {
      await Promise.resolve()
      throw new Error('exempt')
    }
  }

  test("get a handler's errors, and no refusal", async () => {
    const { say, types } = await nestBot({ providers: [Shop], options: { reply: false } })
    expect(await say('/fail', '/fail', '/fail', '/exempt')).toEqual([
      'failed: sold out',
      'handled',
      'failed: sold out',
      'handled',
      'failed: exempt',
      'handled',
    ])
    expect(types()).toEqual(['allowed', 'allowed', 'limited', 'allowed'])
  })

  test('that are global, too', async () => {
    @Update()
    class Other {
      @Command('fail')
      fail(): never {
        throw new Error('global')
      }
    }
    const { say } = await nestBot({ providers: [Other, { provide: APP_FILTER, useClass: Filter }] })
    expect(await say('/fail')).toEqual(['failed: global', 'handled'])
  })

  test("get the store's errors where they are to be thrown", async () => {
    const store = new Process()
    const options = { store, onStoreError: 'throw', clock: undefined } as const
    const { say } = await nestBot({ providers: [Shop], options })
    store.before = () => Promise.reject(new Error('the store is away'))
    expect(await say('/fail')).toEqual(['failed: the store failed: the store is away', 'handled'])
  })
})

test('interceptors around it and within it, on all levels', async () => {
  @Update()
  @UseInterceptors(new Noting('class'))
  class Shop {
    @Command('buy')
    @UseInterceptors(new Noting('method'))
    @RateLimit(1, '1m')
    buy(): string {
      return 'Bought.'
    }
  }
  const global = { provide: APP_INTERCEPTOR, useValue: new Noting('global') }
  const { say } = await nestBot({ providers: [Shop, global], options: { reply: false } })
  expect(await say('/buy', '/buy')).toEqual(['Bought.'])
  const allowed = ['global', 'class', 'method', 'method: Bought.', 'class: Bought.', 'global: Bought.']
  expect(told).toEqual([...allowed, 'global', 'global: undefined'])
})

test('an interceptor may answer in place of the handler, and a handler with an observable', async () => {
  @Update()
  class Shop {
    @Command('cached')
    @UseInterceptors({ intercept: () => of('from the cache') })
    @RateLimit(1, '1m')
    cached(): string {
      return 'never'
    }

    @Hears('both')
    @RateLimit(1, '1m')
    both(): Observable<string> {
      return of('first', 'last')
    }
  }
  const { say } = await nestBot({ providers: [Shop], options: { reply: false } })
  expect(await say('/cached', '/cached', 'both', 'both')).toEqual(['from the cache', 'last'])
})

test('guards refuse before anything is counted', async () => {
  @Update()
  @UseGuards(OnlyAnn)
  @UseFilters(Filter)
  class Shop {
    @Command('buy')
    @RateLimit(1, '1m')
    buy(): string {
      return 'Bought.'
    }
  }
  const { telegram, say, types } = await nestBot({ providers: [Shop], options: { reply: false } })
  const bob = telegram.user({ first_name: 'Bob' })
  bob.command('buy')
  await telegram.idle()
  expect(bob.heard()).toEqual(['failed: Forbidden resource', 'handled'])
  expect(types()).toEqual([])
  expect(await say('/buy', '/buy')).toEqual(['Bought.'])
})

test('a global guard sees the update, and the next of a method with @Exempt still leads on', async () => {
  class Seeing implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      told.push(typeof TelegrafExecutionContext.create(context).getNext())
      return true
    }
  }
  @Update()
  class Shop {
    @Command('buy')
    @Exempt()
    async buy(_ctx: Context, next: () => Promise<void>): Promise<string> {
      await next()
      return 'Bought.'
    }
  }
  const { say, bot } = await nestBot({ providers: [Shop, { provide: APP_GUARD, useClass: Seeing }] })
  bot.use((ctx) => ctx.reply('Followed.'))
  expect(await say('/buy')).toEqual(['Followed.', 'Bought.'])
  expect(told).toEqual(['function'])
})

test('enhancers of request scope are left to Nest, and a class of request scope is guarded', async () => {
  @Injectable({ scope: Scope.REQUEST })
  class PerRequest {}
  @Update()
  class Asking {
    constructor(@Inject(PerRequest) readonly mine: PerRequest) {}

    @Command('buy')
    @RateLimit(1, '1m')
    buy(@Ctx() ctx: Context): string {
      return `Bought, ${ctx.from?.first_name}.`
    }
  }
  const { say } = await nestBot({ providers: [Asking, PerRequest], options: { reply: false } })
  expect(await say('/buy', '/buy')).toEqual(['Bought, Ann.'])
})

test('calls of another kind pass as they are', async () => {
  @Injectable()
  class Gateway {
    @RateLimit(1, '1m')
    @RequireRegistered()
    call(...args: unknown[]): string {
      return `called with ${args.join()}`
    }
  }
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  @Update()
  class Exempting {
    @Command('x')
    @Exempt()
    x(): void {}
  }
  const { app, types } = await nestBot({ providers: [Gateway, Exempting] })
  warn.mockRestore()
  const gateway = app.get(Gateway)
  for (const type of ['http', 'rpc', 'ws', 'graphql']) {
    const call = app
      .get(ExternalContextCreator)
      .create(gateway, gateway.call, 'call', '', undefined, undefined, undefined, undefined, type)
    await expect(call('a', 'b')).resolves.toBe('called with a,b')
    await expect(call()).resolves.toBe('called with ')
  }
  expect(types()).toEqual([])
})

import { Controller as HttpController, Inject, Injectable, Module, Scope } from '@nestjs/common'
import {
  Command as Listen,
  Composer,
  Hears,
  Scene,
  SceneEnter,
  Update,
  Wizard,
  WizardStep,
} from 'nestjs-telegraf'
import * as constants from 'nestjs-telegraf/dist/telegraf.constants'
import {
  Command,
  Controller,
  Exempt,
  RateLimit,
  Sentinel,
  SentinelOptionsError,
  SentinelUsageError,
  type SentinelOptions,
} from 'telegraf-sentinel'
import { SentinelModule, type SentinelOptionsFactory } from 'telegraf-sentinel/nestjs'
import { NAMES } from '../../lib/nestjs/routed'
import { boot, create, endAll, Root } from './nest'

afterEach(endAll)

test('the names of metadata are those of nestjs-telegraf', () => {
  expect(NAMES).toEqual({
    update: constants.UPDATE_METADATA,
    scene: constants.SCENE_METADATA,
    composer: constants.COMPOSER_METADATA,
    listeners: constants.LISTENERS_METADATA,
    wizardStep: constants.WIZARD_STEP_METADATA,
    botName: constants.TELEGRAF_BOT_NAME,
  })
})

describe('what is told before the first update', () => {
  test('every mistake in every class, at once', async () => {
    @Update()
    class Shop {
      @Listen('buy')
      @RateLimit({ limit: 1, window: '1s', name: 'shared' })
      buy(): void {}

      @RateLimit(1, '1s')
      forgotten(): void {}

      @Command('ours')
      ours(): void {}
    }
    @Scene('cart')
    class Cart {
      @SceneEnter()
      @RateLimit({ limit: 2, window: '1s', name: 'shared' })
      enter(): void {}
    }
    @Wizard('survey')
    class Survey {
      @WizardStep(1)
      @RateLimit(1, '1s')
      first(): void {}

      @Exempt()
      second(): void {}
    }
    const symbol = Symbol('hidden')
    @Composer()
    class Extra {
      @Hears('hidden')
      @RateLimit(1, '1s')
      [symbol](): void {}

      @WizardStep(1)
      @RateLimit(1, '1s')
      step(): void {}
    }
    const error = await boot({
      imports: [SentinelModule.forRoot()],
      providers: [Shop, Cart, Survey, Extra],
    })
    expect(error).toBeInstanceOf(SentinelOptionsError)
    const problems = (error as SentinelOptionsError).problems.map(({ path, message }) => `${path} ${message}`)
    expect(problems.sort()).toEqual([
      expect.stringMatching(/^Cart.enter the rate limit bucket 'shared' is declared twice .* Shop.buy\)/),
      expect.stringMatching(/^Extra.hidden .* a symbol names/),
      expect.stringMatching(/^Extra.step has guards but no listener/),
      expect.stringMatching(/^Shop.forgotten has guards but no listener: .* @Command/),
      expect.stringMatching(/^Shop.ours .* import it from nestjs-telegraf/),
      expect.stringMatching(/^Survey.second has guards but no listener/),
    ])
  })

  test('a guarded method whose override lost the listener', async () => {
    class Base {
      @Listen('buy')
      @RateLimit(1, '1s')
      buy(): void {}
    }
    @Update()
    class Shop extends Base {
      override buy(): void {}
    }
    const error = await boot({ imports: [SentinelModule.forRoot()], providers: [Shop] })
    expect(error?.message).toMatch(
      /^Shop.buy: has guards but no listener.*an overriding method needs its own/,
    )
  })

  test('two classes of one name, which would share buckets', async () => {
    const make = (): new () => object => {
      @Update()
      class Shop {
        @Listen('buy')
        @RateLimit(1, '1s')
        buy(): void {}
      }
      return Shop
    }
    const providers = [make(), { provide: 'other', useClass: make() }]
    const error = await boot({ imports: [SentinelModule.forRoot()], providers })
    expect(error?.message).toContain("two places would share the buckets named 'Shop.buy'")
  })

  test('bad options', async () => {
    const options = { rateLimits: false, storeTimeout: 'soon' } as SentinelOptions
    const error = await boot({ imports: [SentinelModule.forRoot(options)] })
    expect((error as SentinelOptionsError).problems).toHaveLength(2)
  })

  test('a module that is imported twice, whatever the options', async () => {
    for (const second of [undefined, { reply: false }] as const) {
      const error = await boot({ imports: [SentinelModule.forRoot(), SentinelModule.forRoot(second)] })
      expect(error).toBeInstanceOf(SentinelOptionsError)
      expect(error?.message).toContain('SentinelModule: is imported more than once')
    }
  })

  test('a module without its options, but not where the application has them', async () => {
    const error = await boot({ imports: [SentinelModule] })
    expect(error).toBeInstanceOf(SentinelUsageError)
    expect(error?.message).toContain('SentinelModule.forRoot(options)')
    @Module({ imports: [SentinelModule] })
    class Feature {}
    expect(await boot({ imports: [Feature, SentinelModule.forRoot()] })).toBeUndefined()
  })

  test('options that hang on a request', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Config {}
    @Module({ providers: [Config], exports: [Config] })
    class ConfigModule {}
    const sentinel = SentinelModule.forRootAsync({
      imports: [ConfigModule],
      inject: [Config],
      useFactory: () => ({}),
    })
    expect((await boot({ imports: [sentinel] }))?.message).toMatch(/request/i)
  })
})

describe('guards that nothing puts into force', () => {
  class Shop {
    @RateLimit(1, '1s')
    buy(): void {}
  }

  async function warnings(run: () => Promise<unknown>): Promise<string[]> {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    await run()
    const told = warn.mock.calls.map(([message]) => String(message))
    warn.mockRestore()
    return told
  }

  test('a warning names the class, once', async () => {
    @HttpController()
    @RateLimit(1, '1s')
    class Web {}
    const providers = [Shop, { provide: 'made', useFactory: () => new Shop() }]
    const root = { imports: [SentinelModule.forRoot()], providers, controllers: [Web] }
    const told = await warnings(() => boot(root))
    expect(told).toEqual([
      expect.stringMatching(/^Shop has guards/),
      expect.stringMatching(/^Web has guards/),
    ])
    expect(told[0]).toContain('@Update()')
    expect(told[0]).toContain('sentinel.protect()')
  })

  test('none for routed classes, controllers of ours, and instances that are protected', async () => {
    @Update()
    @RateLimit(1, '1s')
    class Routed {
      @Listen('buy')
      buy(): void {}
    }
    @Controller()
    class Ours {
      @Command('buy')
      @RateLimit(1, '1s')
      buy(): void {}
    }
    const made = {
      provide: Shop,
      useFactory: (sentinel: Sentinel) => sentinel.protect(new Shop()),
      inject: [Sentinel],
    }
    const providers = [
      Routed,
      Ours,
      made,
      { provide: 'text', useValue: 'text' },
      { provide: 'none', useValue: null },
    ]
    expect(await warnings(() => boot({ imports: [SentinelModule.forRoot()], providers }))).toEqual([])
  })
})

describe('forRootAsync', () => {
  @Injectable()
  class Config implements SentinelOptionsFactory {
    async createSentinelOptions(): Promise<SentinelOptions> {
      return Promise.resolve({ rateLimit: { limit: 7, window: '1m' } })
    }
  }
  @Module({ providers: [Config], exports: [Config] })
  class ConfigModule {}

  test.each([
    [
      'useFactory',
      SentinelModule.forRootAsync({ useFactory: () => ({ rateLimit: { limit: 7, window: '1m' } }) }),
    ],
    [
      'useFactory with inject',
      SentinelModule.forRootAsync({
        imports: [ConfigModule],
        inject: [Config],
        useFactory: (config: Config) => config.createSentinelOptions(),
      }),
    ],
    ['useClass', SentinelModule.forRootAsync({ useClass: Config })],
    ['useExisting', SentinelModule.forRootAsync({ imports: [ConfigModule], useExisting: Config })],
  ])('%s', async (_way, sentinel) => {
    @Injectable()
    class Desk {
      constructor(@Inject(Sentinel) readonly sentinel: Sentinel) {}
    }
    const app = await create({ module: Root, imports: [sentinel], providers: [Desk] })
    const state = await app.get(Desk).sentinel.limits.peek('bot', { userId: 1 })
    expect(state.limit).toBe(7)
  })

  test('takes exactly one way', () => {
    expect(() => SentinelModule.forRootAsync({})).toThrow(
      /takes one of useFactory, useClass, useExisting, not none/,
    )
    expect(() => SentinelModule.forRootAsync({ useFactory: () => ({}), useClass: Config })).toThrow(
      /not useFactory and useClass/,
    )
  })

  test('what the factory throws stops the start', async () => {
    const sentinel = SentinelModule.forRootAsync({
      useFactory: () => {
        throw new Error('no configuration')
      },
    })
    expect((await boot({ imports: [sentinel] }))?.message).toBe('no configuration')
  })
})

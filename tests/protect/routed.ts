/**
 * ts-telegraf-decorators routes, the sentinel guards. That package brings a reflect-metadata of its own: whichever of the two is
 * loaded first, the decorators of both must be found. So each order has a test file.
 */
import type { Context, Scenes, Telegram } from 'telegraf'
import type * as Router from 'ts-telegraf-decorators'
import type * as Sentinels from 'telegraf-sentinel'
import type { Container, Service } from 'typedi'
import { guarded, remaining, stopAll } from '../support/guarded'

interface Loaded {
  readonly router: typeof Router
  readonly sentinels: typeof Sentinels
  readonly container: typeof Container
  readonly service: typeof Service
}

export function routedTests({ router, sentinels, container, service }: Loaded): void {
  const { Action, Command, Enter, Hears, Leave, TFContext, TFController, TFScene, TFTelegram } = router
  const { TFWizard, TFWizardStep, buildBot, createParamDecorator } = router
  const { Debounce, Exempt, RateLimit } = sentinels
  const Payload = createParamDecorator((ctx) => (ctx as Context & { payload?: string }).payload)

  class Prices {
    readonly book = 5
  }
  service()(Prices)

  function classes() {
    const done: unknown[] = []

    @TFController()
    @RateLimit({ limit: 5, window: '1m' })
    @Reflect.metadata('design:paramtypes', [Prices]) // as the compiler does under emitDecoratorMetadata
    class Shop {
      constructor(readonly prices: Prices) {}

      @Command('buy')
      @RateLimit({ limit: 2, window: '1m' })
      async buy(@Payload() what: string, @TFTelegram() telegram: Telegram, @TFContext() ctx: Context) {
        done.push(`${what} for ${this.prices.book}`)
        await telegram.sendMessage(ctx.chat?.id ?? 0, 'Bought.')
      }

      @RateLimit({ limit: 1, window: '1m' })
      @Hears('sell')
      sell(@TFContext() ctx: Context) {
        done.push(`sold by ${ctx.from?.id}`)
      }

      @Exempt()
      @Command('help')
      help(@TFContext() _ctx: Context) {
        done.push('help')
      }

      @Action(/like/)
      @Debounce('10s')
      async like(@TFContext() ctx: Context) {
        done.push('liked')
        await ctx.answerCbQuery('Thanks!')
      }

      @Command('enter')
      async enter(@TFContext() ctx: Scenes.SceneContext, @Payload() scene: string) {
        await ctx.scene.enter(scene)
      }
    }

    @TFScene('room')
    class Room {
      @Enter()
      @RateLimit({ limit: 1, window: '1m' })
      entered(@TFContext() _ctx: Context) {
        done.push('entered')
      }

      @Hears('look')
      @RateLimit({ limit: 1, window: '1m' })
      look(@TFContext() _ctx: Context) {
        done.push('looked')
      }

      @Leave()
      left(@TFContext() _ctx: Context) {
        done.push('left')
      }
    }

    @TFWizard('order')
    class Order {
      @TFWizardStep(1)
      ask(@TFContext() ctx: Scenes.WizardContext) {
        done.push('asked')
        ctx.wizard.next()
      }

      @TFWizardStep(2)
      @RateLimit({ limit: 1, window: '1m' })
      async name(@TFContext() ctx: Scenes.WizardContext) {
        done.push(`is ${ctx.text}`)
        ctx.wizard.selectStep(ctx.text === 'again' ? 1 : 2)
      }

      @TFWizardStep(3)
      async end(@TFContext() ctx: Scenes.WizardContext) {
        done.push('ended')
        await ctx.scene.leave()
      }
    }
    return { done, controllers: [Shop, Room, Order] as const }
  }

  afterEach(async () => {
    router.MetadataArgsStorage.reset()
    container.reset()
    await stopAll()
  })

  async function start(when: 'before' | 'after', options: Sentinels.SentinelOptions = {}) {
    const { done, controllers } = classes()
    const build = (bot: unknown): unknown => buildBot({ bot, controllers, token: '' } as never)
    const started = await guarded(options, {
      after: (bot, sentinel) => {
        if (when === 'after') build(bot)
        for (const Class of controllers) sentinel.protect<object>(container.get<object>(Class))
        if (when === 'before') build(bot)
      },
    })
    const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))
    return {
      ...started,
      done,
      /** Sends texts; what the methods did. (They are not waited for by the package.) */
      did: async (...texts: string[]) => {
        for (const text of texts) {
          await started.send(started.updates.text(text, { from: 42 }))
          await turn()
        }
        expect(started.caught).toEqual([])
        return done.splice(0)
      },
      turn,
    }
  }

  test.each(['before', 'after'] as const)(
    'protected %s it is routed: limits, exempt methods, injected parameters',
    async (when) => {
      const shown = await start(when, { rateLimit: { limit: 40, window: '1m' } })
      expect(await shown.did('/buy pen', '/buy ink', '/buy box')).toEqual(['pen for 5', 'ink for 5'])
      expect(await shown.did('sell', 'sell')).toEqual(['sold by 42'])
      expect(await shown.did('/help', '/help')).toEqual(['help', 'help'])
      expect(await remaining(shown, 'bot', 'Shop', 'Shop.buy', 'Shop.sell')).toEqual([33, 2, 0, 0])
      expect(shown.telegram.texts().filter((text) => text === 'Bought.')).toHaveLength(2)
    },
  )

  test('buttons: a repeat is answered, and not handled', async () => {
    const { send, updates, telegram, done, turn } = await start('before')
    const { callback_query } = updates.callbackQuery('like', { from: 42 })
    for (let n = 0; n < 2; n++) {
      await send({ update_id: 1000 + n, callback_query })
      await turn()
    }
    expect(done).toEqual(['liked'])
    expect(telegram.callsTo('answerCallbackQuery').map(({ params }) => params['text'])).toEqual([
      'Thanks!',
      undefined,
    ])
  })

  test('scenes and wizards: a refused step does not advance', async () => {
    const { did, clock } = await start('before')
    expect(await did('/enter room', 'look', 'look')).toEqual(['entered', 'looked'])
    clock.advance('1m')
    expect(await did('/enter order')).toEqual(['left', 'asked'])
    expect(await did('again', 'Ann')).toEqual(['is again'])
    clock.advance('1m')
    expect(await did('Bea', 'end')).toEqual(['is Bea', 'ended'])
  })

  test('a hundred at once: exactly as many as the limit says', async () => {
    const { send, updates, done, turn } = await start('before')
    await Promise.all(Array.from({ length: 100 }, () => send(updates.text('/buy pen', { from: 42 }))))
    await turn()
    expect(done).toHaveLength(2)
  })
}

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Module } from '@nestjs/common'
import {
  Action,
  Command,
  Composer,
  Ctx,
  getBotToken,
  On,
  Scene,
  SceneEnter,
  SceneLeave,
  TelegrafModule,
  Update,
  Wizard,
  WizardStep,
} from 'nestjs-telegraf'
import {
  session,
  type Context,
  type Middleware,
  type MiddlewareFn,
  type Scenes,
  type Telegraf,
} from 'telegraf'
import { Debounce, Exempt, RateLimit, Sentinel } from 'telegraf-sentinel'
import { SentinelModule } from 'telegraf-sentinel/nestjs'
import { create, endAll, fakeTelegram, nestBot, Root, type Parts } from './nest'

afterEach(endAll)

type Scened = Context & Scenes.SceneContext
const sessions = (): ReturnType<typeof session>[] => [session()]

describe('mounted as middleware, too', () => {
  @Update()
  class Shop {
    @Command('buy')
    @RateLimit(3, '1m')
    buy(): string {
      return 'Bought.'
    }

    @Command('help')
    @Exempt()
    help(): string {
      return 'Help.'
    }
  }
  const options = { rateLimit: { limit: 4, window: '1m' }, reply: false } as const

  test('each update is judged once by each guard', async () => {
    let passed = 0
    const counting: MiddlewareFn<Context> = (_ctx, next) => {
      passed++
      return next()
    }
    const middlewares = (sentinel: Sentinel): Middleware<Context>[] => [sentinel.middleware(), counting]
    const { say, left, sentinel, ann } = await nestBot({ providers: [Shop], options, middlewares })
    expect(await say('/buy')).toEqual(['Bought.'])
    expect(await left('bot', 'Shop.buy')).toEqual([3, 2])
    expect(await say('/buy', '/buy', '/buy', '/buy')).toEqual(['Bought.', 'Bought.'])
    expect(await left('bot', 'Shop.buy')).toEqual([0, 0])
    // The flood ends in front of everything else; what no handler takes is judged.
    expect(passed).toBe(4)
    await sentinel.limits.reset('bot', { userId: ann.id })
    await say('nobody hears this')
    expect(await left('bot')).toEqual([3])
  })

  test('not mounted, what no handler takes is not judged, and @Exempt lifts the bot-wide limit', async () => {
    const mounted = await nestBot({ providers: [Shop], options, middlewares: (sentinel) => [sentinel] })
    await mounted.say('nobody hears this', '/help')
    expect(await mounted.left('bot')).toEqual([2])
    const alone = await nestBot({ providers: [Shop], options })
    await alone.say('nobody hears this', '/help', '/buy')
    expect(await alone.left('bot')).toEqual([3])
  })

  test('membership is followed where the sentinel is mounted, or a listener takes it', async () => {
    @Update()
    class Membership {
      @On('my_chat_member')
      changed(): void {}
    }
    const cases: [parts: Parts, reachable: boolean | undefined][] = [
      [{ middlewares: (sentinel) => [sentinel] }, false],
      [{ providers: [Membership] }, false],
      [{}, undefined],
    ]
    for (const [parts, reachable] of cases) {
      const { ann, telegram, sentinel } = await nestBot(parts)
      ann.block()
      await telegram.idle()
      expect((await sentinel.members.get(ann.id))?.reachable).toBe(reachable)
    }
  })
})

test('a group that becomes a supergroup keeps its counts where a listener takes the update', async () => {
  @Update()
  class Groups {
    @On('migrate_to_chat_id')
    moved(): void {}

    @Command('buy')
    @RateLimit({ limit: 1, window: '1m', scope: 'chat', name: 'group' })
    buy(): string {
      return 'Bought.'
    }
  }
  const { ann, telegram, sentinel } = await nestBot({ providers: [Groups], options: { reply: false } })
  ann.in(-5).command('buy')
  await telegram.idle()
  telegram.send(telegram.updates.migrateToChatId(-1005, { chat: -5, from: ann.user }))
  await telegram.idle()
  expect(await sentinel.limits.peek('group', { chatId: -1005 })).toMatchObject({ remaining: 0 })
})

describe('scenes', () => {
  @Scene('cart')
  @RateLimit(3, '1m')
  class Cart {
    @SceneEnter()
    enter(): string {
      return 'entered'
    }

    @Command('add')
    @RateLimit(1, '1m')
    add(): string {
      return 'added'
    }

    @Command('leave')
    @Exempt()
    async leave(@Ctx() ctx: Scened): Promise<void> {
      await ctx.scene.leave()
    }

    @SceneLeave()
    left(): string {
      return 'left'
    }
  }

  @Wizard('survey')
  class Survey {
    @WizardStep(1)
    async first(@Ctx() ctx: Scenes.WizardContext): Promise<string> {
      ctx.wizard.next()
      return 'first'
    }

    @WizardStep(2)
    @Debounce('2s')
    @RateLimit(2, '1m')
    second(): string {
      return 'second'
    }
  }

  @Composer()
  class BeforeScenes {
    @Command('where')
    @RateLimit(1, '1m')
    where(@Ctx() ctx: Scened): string {
      return ctx.scene.current?.id ?? 'nowhere'
    }
  }

  @Update()
  class Door {
    @Command('cart')
    async cart(@Ctx() ctx: Scened): Promise<void> {
      await ctx.scene.enter('cart')
    }

    @Command('survey')
    async survey(@Ctx() ctx: Scened): Promise<void> {
      await ctx.scene.enter('survey')
    }
  }

  test.each([
    ['the interceptor alone', sessions],
    ['mounted first', (sentinel: Sentinel) => [sentinel, session()]],
    ['mounted after the session', (sentinel: Sentinel) => [session(), sentinel]],
  ])('guards in scenes, wizards and composers: %s', async (_name, middlewares) => {
    const { say, clock, left } = await nestBot({
      providers: [Door, Cart, Survey, BeforeScenes],
      options: { reply: false, rateLimit: { limit: 100, window: '1m' } },
      middlewares,
    })
    expect(await say('/cart', '/add', '/add')).toEqual(['entered', 'added'])
    expect(await left('Cart', 'Cart.add')).toEqual([1, 0])
    expect(await say('/where', '/where')).toEqual(['cart'])
    expect(await say('/leave')).toEqual(['left'])
    expect(await left('Cart')).toEqual([0])
    expect(await say('/survey', 'a', 'a')).toEqual(['first', 'second'])
    clock.advance('2s')
    expect(await say('a')).toEqual(['second'])
    clock.advance('2s')
    expect(await say('a')).toEqual([])
  })
})

test('a refused @SceneEnter keeps its greeting back, not the user out', async () => {
  @Scene('hall')
  class Hall {
    @SceneEnter()
    @RateLimit(1, '1m')
    enter(): string {
      return 'entered'
    }

    @Command('where')
    where(@Ctx() ctx: Scened): string {
      return ctx.scene.current?.id ?? 'nowhere'
    }

    @Command('again')
    async again(@Ctx() ctx: Scened): Promise<void> {
      await ctx.scene.enter('hall')
    }
  }
  @Update()
  class Door {
    @Command('hall')
    async hall(@Ctx() ctx: Scened): Promise<void> {
      await ctx.scene.enter('hall')
    }
  }
  const options = { reply: false } as const
  const { say } = await nestBot({ providers: [Door, Hall], options, middlewares: sessions })
  expect(await say('/hall', '/where', '/again', '/where')).toEqual(['entered', 'hall', 'hall'])
})

test('several bots: each with its own classes, one sentinel for all of them', async () => {
  @Update()
  class Customers {
    @Command('buy')
    @RateLimit(1, '1m')
    buy(): string {
      return 'Bought.'
    }
  }
  @Update()
  class Staff {
    @Command('buy')
    @RateLimit(2, '1m')
    buy(): string {
      return 'Ordered.'
    }
  }
  @Module({ providers: [Customers] })
  class CustomersModule {}
  @Module({ providers: [Staff] })
  class StaffModule {}
  const [shop, office] = [await fakeTelegram('1:A'), await fakeTelegram('2:B')]
  const bot = ({ token, apiRoot }: typeof shop, botName: string, include: typeof CustomersModule) =>
    TelegrafModule.forRoot({ token, botName, include: [include], options: { telegram: { apiRoot } } })
  const imports = [
    SentinelModule.forRoot({ rateLimit: { limit: 3, window: '1m' }, reply: false }),
    CustomersModule,
    StaffModule,
    bot(shop, 'shop', CustomersModule),
    bot(office, 'office', StaffModule),
  ]
  const app = await create({ module: Root, imports })
  await Promise.all([shop.polled(), office.polled()])
  const heard: string[][] = []
  for (const telegram of [shop, office]) {
    const ann = telegram.user()
    for (let i = 0; i < 3; i++) ann.command('buy')
    await telegram.idle()
    heard.push(ann.heard())
  }
  // One user of two bots is one actor.
  expect(heard).toEqual([['Bought.'], ['Ordered.', 'Ordered.']])
  expect(await app.get(Sentinel).limits.peek('bot', { userId: 1001 })).toMatchObject({ remaining: 0 })
})

test('behind a webhook', async () => {
  @Update()
  class Shop {
    @Action('like')
    @RateLimit(1, '1m')
    async like(@Ctx() ctx: Context): Promise<void> {
      await ctx.answerCbQuery('Thanks!')
    }
  }
  const telegram = await fakeTelegram()
  const telegraf = TelegrafModule.forRoot({
    token: telegram.token,
    options: { telegram: { apiRoot: telegram.apiRoot } },
    launchOptions: false,
  })
  const sentinel = SentinelModule.forRoot({ deduplicate: '1m' })
  const app = await create({ module: Root, imports: [sentinel, telegraf], providers: [Shop] })
  const bot = app.get<Telegraf>(getBotToken())
  const server = createServer(bot.webhookCallback('/telegram')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  await bot.telegram.setWebhook(`http://127.0.0.1:${(server.address() as AddressInfo).port}/telegram`)
  const ann = telegram.user()
  ann.tap('like')
  ann.tap('like')
  await telegram.idle()
  await telegram.waitForCall('answerCallbackQuery', ({ params }) => params.text !== 'Thanks!')
  const answers = telegram.callsTo('answerCallbackQuery').map(({ params }) => params.text)
  expect(answers).toHaveLength(2)
  expect(answers).toContain('Thanks!')
  server.closeAllConnections()
  server.close()
  // Where it did not launch its bot, nestjs-telegraf cannot stop it.
  bot.stop = () => undefined
})

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Inject } from '@nestjs/common'
import { Command, getBotToken, TelegrafModule, Update } from 'nestjs-telegraf'
import type { Telegraf } from 'telegraf'
import { Debounce, RateLimit, Sentinel } from 'telegraf-sentinel'
import { SentinelModule } from 'telegraf-sentinel/nestjs'
import { create, endAll, fakeTelegram, Gate, nestBot, release, Root } from './nest'

afterEach(endAll)

const order: string[] = []
beforeEach(() => void order.splice(0))

/** Notes when bots are stopped, and when the sentinel is closed. */
function noting(sentinel: Sentinel, ...bots: readonly Telegraf[]): void {
  const close = sentinel.close.bind(sentinel)
  jest.spyOn(sentinel, 'close').mockImplementation(() => {
    order.push('closed')
    return close()
  })
  for (const bot of bots) {
    const stop = bot.stop.bind(bot)
    jest.spyOn(bot, 'stop').mockImplementation((reason) => {
      order.push('stopped')
      stop(reason)
    })
  }
}

describe('app.close(), without shutdown hooks', () => {
  test('the bot stops, the handler under way ends with its guards in force, then the sentinel is closed', async () => {
    const gate = new Gate()
    @Update()
    class Shop {
      constructor(@Inject(Sentinel) private readonly sentinel: Sentinel) {}

      @Command('buy')
      @RateLimit(1, '1m')
      async buy(): Promise<string> {
        gate.begin()
        await gate.opened
        const { remaining } = await this.sentinel.limits.peek('Shop.buy', { userId: 1001 })
        order.push(`handled, ${remaining} left`)
        return 'Bought.'
      }
    }
    const { app, ann, sentinel, bot, telegram } = await nestBot({ providers: [Shop] })
    noting(sentinel, bot)
    ann.command('buy')
    await gate.begun
    release(app)
    const closed = app.close()
    await new Promise(setImmediate)
    gate.open()
    await closed
    await telegram.waitForCall('sendMessage')
    expect(ann.heard()).toEqual(['Bought.'])
    // nestjs-telegraf stops it once more, to no effect.
    expect(order).toEqual(['stopped', 'handled, 0 left', 'closed', 'stopped'])
    // From here on, the store is not asked.
    await expect(sentinel.blocks.get(1)).rejects.toMatchObject({ code: 'SENTINEL_STORE' })
  })

  test('several bots stop; others may use the sentinel until it is closed', async () => {
    class Goodbye {
      constructor(@Inject(Sentinel) private readonly sentinel: Sentinel) {}

      async beforeApplicationShutdown(): Promise<void> {
        order.push(`blocks: ${(await this.sentinel.blocks.list()).entries.length}`)
      }
    }
    const [one, two] = [await fakeTelegram('1:A'), await fakeTelegram('2:B')]
    const bots = [one, two].map(({ token, apiRoot }, i) =>
      TelegrafModule.forRoot({ token, botName: `bot${i}`, options: { telegram: { apiRoot } } }),
    )
    const root = { module: Root, imports: [...bots, SentinelModule.forRoot()], providers: [Goodbye] }
    const app = await create(root)
    await Promise.all([one.polled(), two.polled()])
    noting(app.get(Sentinel), app.get(getBotToken('bot0')), app.get(getBotToken('bot1')))
    release(app)
    await app.close()
    expect([...order.slice(0, 3)].sort()).toEqual(['blocks: 0', 'stopped', 'stopped'])
    expect(order.slice(3)).toEqual(['closed', 'stopped', 'stopped'])
  })

  test('twice', async () => {
    const { app } = await nestBot()
    release(app)
    await Promise.all([app.close(), app.close()])
  })
})

test('where nestjs-telegraf did not launch its bot and cannot stop it, the sentinel is closed all the same', async () => {
  const gate = new Gate()
  @Update()
  class Shop {
    @Command('buy')
    @Debounce('1s')
    buy(): string {
      return 'Bought.'
    }
  }
  const telegram = await fakeTelegram()
  const telegraf = TelegrafModule.forRoot({
    token: telegram.token,
    options: { telegram: { apiRoot: telegram.apiRoot } },
    launchOptions: false,
    middlewares: [gate.middleware],
  })
  const app = await create({
    module: Root,
    imports: [telegraf, SentinelModule.forRoot()],
    providers: [Shop],
  })
  const bot = app.get<Telegraf>(getBotToken())
  const sentinel = app.get(Sentinel)
  const server = createServer(bot.webhookCallback('/telegram')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  await bot.telegram.setWebhook(`http://127.0.0.1:${(server.address() as AddressInfo).port}/telegram`)
  telegram.user().command('buy')
  await gate.begun
  release(app)
  const errors: unknown[] = []
  sentinel.on('storeError', ({ error }) => errors.push(error))
  const closed = app.close()
  await gate.openAfter(closed)
  await expect(closed).rejects.toThrow('Bot is not running!')
  await expect(sentinel.blocks.get(1)).rejects.toMatchObject({ code: 'SENTINEL_STORE' })
  expect(telegram.texts()).toEqual(['Bought.'])
  expect(errors).toEqual([])
  server.closeAllConnections()
  server.close()
})

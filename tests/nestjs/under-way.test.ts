/** A shutdown waits for whole updates, not for handlers alone. */
import { Command, Ctx, getBotToken, TelegrafModule, Update } from 'nestjs-telegraf'
import { session, Telegraf, type Context } from 'telegraf'
import { createSentinel, MemoryStore, RateLimit, Sentinel } from 'telegraf-sentinel'
import { SentinelModule } from 'telegraf-sentinel/nestjs'
import { updates } from 'telegraf-sentinel/testing'
import { UnderWay } from '../../lib/nestjs/under-way'
import { create, endAll, fakeTelegram, Gate, nestBot, release, Root, type NestBot } from './nest'

afterEach(endAll)

@Update()
class Shop {
  static bought = 0

  @Command('buy')
  @RateLimit(1, '1h')
  buy(): string {
    Shop.bought++
    return 'Bought.'
  }
}
beforeEach(() => void (Shop.bought = 0))

/** A bot whose updates wait in front of the handler. */
async function waiting(gate: Gate): Promise<NestBot> {
  return nestBot({
    providers: [Shop],
    middlewares: (sentinel) => [sentinel.middleware(), gate.middleware],
  })
}

test('updates that wait in a middleware are guarded', async () => {
  const gate = new Gate()
  const { app, ann, types, telegram } = await waiting(gate)
  for (let i = 0; i < 5; i++) ann.command('buy')
  await gate.begun
  release(app)
  const closed = app.close()
  await gate.openAfter(closed)
  await closed
  await telegram.idle()
  expect(Shop.bought).toBe(1)
  expect(types()).not.toContain('storeError')
})

test('closing twice waits as long', async () => {
  const gate = new Gate()
  const { app, ann, types } = await waiting(gate)
  ann.command('buy')
  await gate.begun
  release(app)
  const closed = [app.close(), app.close()]
  await gate.openAfter(Promise.any(closed))
  await Promise.all(closed)
  expect(ann.heard()).toEqual(['Bought.'])
  expect(types()).not.toContain('storeError')
})

test('a text is sent, and the session that is written after it is kept', async () => {
  interface Counting extends Context {
    session?: { count: number }
  }
  const gate = new Gate()
  @Update()
  class Counter {
    @Command('count')
    async count(@Ctx() ctx: Counting): Promise<string> {
      ctx.session = { count: (ctx.session?.count ?? 0) + 1 }
      gate.begin()
      await gate.opened
      return `${ctx.session.count}`
    }
  }
  const store = new MemoryStore()
  const { app, ann, clock } = await nestBot({
    providers: [Counter],
    options: { store },
    middlewares: (sentinel) => [
      sentinel.middleware(),
      session<{ count: number }, Counting>({ store: sentinel.sessionStore() }),
    ],
  })
  ann.command('count')
  await gate.begun
  release(app)
  const closed = app.close()
  await gate.openAfter(closed)
  await closed
  expect(ann.heard()).toEqual(['1'])
  const after = createSentinel({ store, clock })
  await expect(after.sessionStore().get(`${ann.id}:${ann.id}`)).resolves.toEqual({ count: 1 })
})

test('each of several bots, one of them launched late', async () => {
  const gates = [new Gate(), new Gate()]
  const telegrams = [await fakeTelegram('1:A'), await fakeTelegram('2:B')]
  const bots = telegrams.map(({ token, apiRoot }, i) =>
    TelegrafModule.forRoot({
      token,
      botName: `bot${i}`,
      options: { telegram: { apiRoot } },
      middlewares: [gates[i].middleware],
      ...(i === 1 && { launchOptions: false as const }),
    }),
  )
  const root = { module: Root, imports: [...bots, SentinelModule.forRoot()], providers: [Shop] }
  const app = await create(root)
  const errors: unknown[] = []
  app.get(Sentinel).on('storeError', ({ error }) => errors.push(error))
  const launched = app.get<Telegraf>(getBotToken('bot1')).launch()
  await Promise.all(telegrams.map((telegram) => telegram.polled()))
  telegrams.forEach((telegram, i) => telegram.user({ id: 100 + i }).command('buy'))
  await Promise.all(gates.map(({ begun }) => begun))
  release(app)
  const closed = app.close()
  for (const gate of gates) await gate.openAfter(closed)
  await closed
  await launched
  expect(telegrams.map((telegram) => telegram.texts())).toEqual([['Bought.'], ['Bought.']])
  expect(errors).toEqual([])
})

test('what an update comes to is handed on, and it is over then', async () => {
  const thrown = new Error('no')
  const { app, bot } = await nestBot({ middlewares: () => [() => Promise.reject(thrown)] })
  bot.catch((error) => {
    throw error
  })
  await expect(bot.handleUpdate(updates.text('hi'))).rejects.toBe(thrown)
  bot.catch(() => undefined)
  await expect(bot.handleUpdate(updates.text('hi'))).resolves.toBeUndefined()
  release(app)
  const start = performance.now()
  await app.close()
  expect(performance.now() - start).toBeLessThan(4_000)
})

test('the handler of an update that began before they were counted', async () => {
  const gate = new Gate()
  let listed: unknown
  @Update()
  class Slow {
    @Command('buy')
    async buy(): Promise<void> {
      gate.begin()
      await gate.opened
      listed = await sentinel.blocks.list()
    }
  }
  const { app, bot, sentinel } = await nestBot({ providers: [Slow] })
  const handled = Telegraf.prototype.handleUpdate.call(bot, updates.text('/buy'))
  await gate.begun
  release(app)
  const closed = app.close()
  await gate.openAfter(closed)
  await closed
  await handled
  expect(listed).toMatchObject({ entries: [] })
})

test('five seconds after the bots have stopped, the sentinel is closed, whatever hangs', async () => {
  const gate = new Gate()
  const { app, ann, sentinel, bot } = await waiting(gate)
  bot.catch(() => undefined)
  const close = jest.spyOn(sentinel, 'close')
  ann.command('buy')
  await gate.begun
  release(app)
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] })
  try {
    const closed = app.close()
    await jest.advanceTimersByTimeAsync(4_990)
    expect(close).not.toHaveBeenCalled()
    await jest.advanceTimersByTimeAsync(20)
    await closed
    expect(close).toHaveBeenCalledTimes(1)
  } finally {
    jest.useRealTimers()
    gate.open()
  }
})

describe('waiting', () => {
  test('for no longer than it may', async () => {
    const underWay = new UnderWay()
    const gate = new Gate()
    const work = underWay.during(() => gate.opened)
    const start = performance.now()
    await underWay.over(20)
    expect(performance.now() - start).toBeGreaterThanOrEqual(15)
    gate.open()
    await work
  })

  test('until the last is over', async () => {
    const underWay = new UnderWay()
    const [first, last] = [new Gate(), new Gate()]
    const works = [first, last].map(({ opened }) => underWay.during(() => opened))
    const isOver = jest.fn()
    const over = underWay.over(60_000).then(isOver)
    first.open()
    await works[0]
    await new Promise(setImmediate)
    expect(isOver).not.toHaveBeenCalled()
    last.open()
    await over
    await underWay.over(60_000)
  })
})

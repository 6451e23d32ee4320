/** A guarded bot as its users meet it: real Telegraf, real HTTP, long polling and webhooks. */
import 'reflect-metadata'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Context } from 'telegraf'
import {
  Action,
  Command,
  Controller,
  RateLimit,
  createSentinel,
  type SentinelOptions,
} from 'telegraf-sentinel'
import { ManualClock, updateKinds, type FakeTelegram } from 'telegraf-sentinel/testing'
import { botFor, cleanUp, launch, serveWebhook, startTelegram } from '../testing/bots'

@Controller()
class Shop {
  @Command('buy')
  @Action('buy')
  @RateLimit({ limit: 3, window: '10s' })
  async buy(ctx: Context): Promise<void> {
    if (ctx.callbackQuery) await ctx.answerCbQuery('Bought.')
    else await ctx.reply('Bought.')
  }
}

afterEach(cleanUp)

function guardedBot(telegram: FakeTelegram, options: SentinelOptions = {}) {
  const clock = new ManualClock()
  const sentinel = createSentinel({ controllers: [Shop], clock, ...options })
  const bot = botFor(telegram)
  bot.use(sentinel)
  return { bot, sentinel, clock }
}

describe('in long polling', () => {
  test('the fourth purchase is refused with one notice, and passes when the window is over', async () => {
    const telegram = await startTelegram()
    const { bot, clock } = guardedBot(telegram)
    await launch(telegram, bot)
    const ann = telegram.user()
    for (let i = 0; i < 6; i++) {
      ann.command('buy')
      await telegram.idle()
    }
    const heard = ann.heard()
    expect(heard.slice(0, 3)).toEqual(['Bought.', 'Bought.', 'Bought.'])
    expect(heard).toHaveLength(4)
    expect(heard[3]).not.toBe('Bought.')
    clock.advance('10s')
    ann.command('buy')
    await telegram.idle()
    expect(ann.heard().slice(4)).toEqual(['Bought.'])
  })

  test('of a batch of 100 at once, three pass for each of two users', async () => {
    const telegram = await startTelegram()
    const { bot } = guardedBot(telegram)
    const users = [telegram.user(), telegram.user()]
    for (let i = 0; i < 50; i++) for (const user of users) user.command('buy')
    await launch(telegram, bot)
    await telegram.idle()
    for (const user of users) {
      expect(user.heard().filter((text) => text === 'Bought.')).toHaveLength(3)
      expect(user.heard()).toHaveLength(4)
    }
  })

  test('every tap is answered exactly once, refused or not', async () => {
    const telegram = await startTelegram()
    const { bot } = guardedBot(telegram)
    await launch(telegram, bot)
    const ann = telegram.user()
    for (let i = 0; i < 5; i++) ann.tap('buy')
    await telegram.idle()
    const answered = telegram.callsTo('answerCallbackQuery').map(({ params }) => params.callback_query_id)
    expect(answered).toHaveLength(5)
    expect(new Set(answered).size).toBe(5)
    expect(
      telegram.callsTo('answerCallbackQuery').filter(({ params }) => params.text === 'Bought.'),
    ).toHaveLength(3)
    expect(telegram.callsTo('sendMessage')).toEqual([])
  })

  test('a refused inline query gets an empty answer', async () => {
    const telegram = await startTelegram()
    const { bot } = guardedBot(telegram, { rateLimit: { limit: 1, window: '10s' } })
    bot.on('inline_query', () => {})
    await launch(telegram, bot)
    const ann = telegram.user()
    ann.inline('cats')
    ann.inline('dogs')
    await telegram.idle()
    expect(telegram.callsTo('answerInlineQuery').map(({ params }) => params.results)).toEqual([[]])
  })

  test('an album costs one, and all of it passes', async () => {
    const telegram = await startTelegram()
    const { bot } = guardedBot(telegram, { rateLimit: { limit: 1, window: '10s' }, reply: false })
    let photos = 0
    bot.on('photo', () => void photos++)
    await launch(telegram, bot)
    const ann = telegram.user()
    ann.photoAlbum(5)
    await telegram.idle()
    ann.photoAlbum(5)
    await telegram.idle()
    expect(photos).toBe(5)
  })

  test('an update that is handed over twice is handled once', async () => {
    const telegram = await startTelegram()
    const { bot } = guardedBot(telegram, { deduplicate: '1h' })
    const update = telegram.updates.text('/buy', { from: 7 })
    telegram.send(update)
    telegram.send(update)
    await launch(telegram, bot)
    await telegram.idle()
    expect(telegram.texts(7)).toEqual(['Bought.'])
  })

  test.each([
    ['refuses is an event', { code: 403 }, ['403: Forbidden: bot was blocked by the user']],
    ['wants later is none', { code: 429, retryAfter: 3 }, []],
  ])('a notice that Telegram %s; the bot goes on', async (_what, failure, expected) => {
    const telegram = await startTelegram()
    const { bot, sentinel } = guardedBot(telegram)
    const errors: string[] = []
    sentinel.on('replyError', ({ error }) => errors.push(error.message))
    await launch(telegram, bot)
    const ann = telegram.user()
    for (let i = 0; i < 3; i++) ann.command('buy')
    await telegram.idle()
    telegram.failNext('sendMessage', failure)
    ann.command('buy')
    await telegram.idle()
    expect(errors).toEqual(expected)
    const ben = telegram.user()
    ben.command('buy')
    await telegram.idle()
    expect(ben.heard()).toEqual(['Bought.'])
  })

  test('who blocks the bot is unreachable, not banned; a ban survives a restart by the user', async () => {
    const telegram = await startTelegram()
    const { bot, sentinel } = guardedBot(telegram)
    await launch(telegram, bot)
    const ann = telegram.user()
    ann.block()
    await telegram.idle()
    expect(await sentinel.members.get(ann.id)).toMatchObject({ reachable: false })
    expect(await sentinel.blocks.get(ann.id)).toBeUndefined()
    await sentinel.blocks.add(ann.id, {})
    ann.unblock()
    ann.command('buy')
    await telegram.idle()
    expect(await sentinel.members.get(ann.id)).toMatchObject({ reachable: true })
    expect(ann.heard()).toEqual([])
  })

  test('anonymous admins of two groups do not share a bucket, payments are never refused', async () => {
    const telegram = await startTelegram()
    const { bot } = guardedBot(telegram, { rateLimit: { limit: 1, window: '1h' }, reply: false })
    const seen: string[] = []
    bot.use((ctx) => void seen.push(`${ctx.updateType} ${ctx.chat?.id ?? ctx.from?.id}`))
    await launch(telegram, bot)
    const { updates } = telegram
    for (const chat of [-1001, -1002, -1001]) telegram.send(updates.anonymousAdmin('hi', { chat }))
    for (let i = 0; i < 2; i++) telegram.send(updates.preCheckoutQuery(100, { from: 7 }))
    await telegram.idle()
    expect(seen.sort()).toEqual([
      'message -1001',
      'message -1002',
      'pre_checkout_query 7',
      'pre_checkout_query 7',
    ])
  })

  test('every kind of update passes an idle guard, once', async () => {
    const telegram = await startTelegram()
    const { bot } = guardedBot(telegram, { rateLimit: { limit: 100, window: '1h' }, debounce: '1s' })
    const seen: object[] = []
    bot.use((ctx) => void seen.push(ctx.update))
    const types = [...new Set(updateKinds.map(({ type }) => type))]
    await launch(telegram, bot, { allowedUpdates: types as never })
    const sent = updateKinds.map(({ build }) => build(telegram.updates))
    for (const update of sent) {
      telegram.send(update)
      await telegram.idle()
    }
    expect(seen).toEqual(sent)
  })
})

describe('behind a webhook', () => {
  test('refused taps are answered, and limits hold', async () => {
    const telegram = await startTelegram()
    const { bot } = guardedBot(telegram)
    await bot.telegram.setWebhook(await serveWebhook(bot, '/hook', 'abc'), { secret_token: 'abc' })
    const ann = telegram.user()
    for (let i = 0; i < 5; i++) ann.tap('buy')
    await telegram.idle()
    const answers = telegram.callsTo('answerCallbackQuery')
    expect(answers).toHaveLength(5)
    expect(answers.filter(({ params }) => params.text === 'Bought.')).toHaveLength(3)
  })

  test('an update whose answer was lost is delivered again, and handled once', async () => {
    const telegram = await startTelegram({ webhookRetryDelays: ['5ms'] })
    const { bot } = guardedBot(telegram, { deduplicate: '1h' })
    const callback = bot.webhookCallback('/hook')
    let deliveries = 0
    const server = createServer((request, response) => {
      deliveries++
      if (deliveries === 1) response.statusCode = 502
      void callback(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await bot.telegram.setWebhook(`http://127.0.0.1:${port}/hook`)
    const ann = telegram.user()
    ann.command('buy')
    await telegram.idle()
    expect(deliveries).toBe(2)
    expect(ann.heard()).toEqual(['Bought.'])
    await new Promise((resolve) => server.close(resolve))
  })
})

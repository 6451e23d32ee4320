/** What a sentinel does with updates, on this run's Telegraf: by polling and by webhook. */
import 'reflect-metadata'
import { Composer, type Context } from 'telegraf'
import {
  Action,
  Command,
  Controller,
  Debounce,
  Exempt,
  Hears,
  On,
  RateLimit,
  RequireRegistered,
  sentinelOf,
} from 'telegraf-sentinel'
import { updateKinds } from 'telegraf-sentinel/testing'
import { cleanUp, DELIVERIES, guarded } from './driven'

afterEach(cleanUp)

@Controller()
@RateLimit(5, '1m')
class Shop {
  @Command('buy')
  @Action('buy')
  @RateLimit({ limit: 2, window: '10s' })
  async buy(ctx: Context) {
    if (ctx.callbackQuery) await ctx.answerCbQuery('Bought.')
    else await ctx.reply('Bought.')
  }

  @Command('sell')
  @RequireRegistered({ reply: 'Register first.' })
  async sell(ctx: Context) {
    await ctx.reply('Sold.')
  }

  @Hears('again')
  @Debounce('2s')
  async again(ctx: Context) {
    await ctx.reply('Again.')
  }

  @Command('help')
  @Exempt()
  async help(ctx: Context) {
    await ctx.reply('Help.')
  }
}

describe.each(DELIVERIES)('by %s', (delivery) => {
  test('commands are limited, with one notice, and pass again when it is time', async () => {
    const { telegram, send, clock, outcomes } = await guarded(delivery, { controllers: [Shop] })
    const buy = () => telegram.updates.text('/buy', { from: 7 })
    await send(buy(), buy(), buy(), buy())
    expect(outcomes).toEqual(['allowed', 'allowed', 'limited', 'limited'])
    expect(telegram.texts(7)).toEqual(['Bought.', 'Bought.', expect.stringMatching(/10 s/)])
    clock.advance('10s')
    await send(buy())
    expect(telegram.texts(7).slice(3)).toEqual(['Bought.'])
  })

  test('a hundred at once are limited exactly', async () => {
    const { telegram, outcomes } = await guarded(delivery, {
      rateLimit: { limit: 30, window: '1h' },
      reply: false,
    })
    for (let i = 0; i < 100; i++) telegram.send(telegram.updates.text('hi', { from: 7 }))
    await telegram.idle()
    expect(outcomes.filter((outcome) => outcome === 'allowed')).toHaveLength(30)
    expect(outcomes).toHaveLength(100)
  })

  test('registration, debounce and exemption are what the decorators say', async () => {
    const { telegram, send, sentinel, clock, outcomes } = await guarded(delivery, { controllers: [Shop] })
    const { updates } = telegram
    await send(updates.text('/sell', { from: 7 }))
    await sentinel.registrations.add(7, { name: 'Ann' })
    await send(updates.text('/sell', { from: 7 }))
    for (let i = 0; i < 3; i++) await send(updates.text('again', { from: 8 }))
    clock.advance('2s')
    await send(updates.text('again', { from: 8 }))
    for (let i = 0; i < 9; i++) await send(updates.text('/help', { from: 9 }))
    expect(outcomes.slice(0, 6)).toEqual([
      'unregistered',
      'allowed',
      'allowed',
      'debounced',
      'debounced',
      'allowed',
    ])
    expect(telegram.texts(7)).toEqual(['Register first.', 'Sold.'])
    expect(telegram.texts(8)).toEqual(['Again.', 'Again.'])
    expect(telegram.texts(9)).toEqual(Array(9).fill('Help.'))
  })

  test('a refused tap is answered, a refused inline query gets an empty list', async () => {
    const { telegram, send } = await guarded(delivery, {
      controllers: [Shop],
      rateLimit: { limit: 3, window: '10s' },
    })
    const { updates } = telegram
    for (let i = 0; i < 3; i++) await send(updates.callbackQuery('buy', { from: 7 }))
    const taps = telegram.callsTo('answerCallbackQuery').map(({ params }) => params.text)
    expect(taps).toEqual(['Bought.', 'Bought.', expect.any(String)])
    for (let i = 0; i < 4; i++) await send(updates.inlineQuery('cats', { from: 8 }))
    expect(telegram.callsTo('answerInlineQuery').map(({ params }) => params.results)).toEqual([[]])
  })

  test('an album is one message, and all of it passes or none', async () => {
    let photos = 0
    const { telegram, send } = await guarded(
      delivery,
      { rateLimit: { limit: 1, window: '1h' }, reply: false },
      (bot) => bot.on('photo', () => void photos++),
    )
    await send(...telegram.updates.album(4, { from: 7 }), ...telegram.updates.album(3, { from: 7 }))
    expect(photos).toBe(4)
  })

  test('an update that is handed over twice is handled once', async () => {
    const { telegram, outcomes } = await guarded(delivery, { controllers: [Shop], deduplicate: '1h' })
    const update = telegram.updates.text('/buy', { from: 7 })
    telegram.send(update)
    telegram.send(update)
    await telegram.idle()
    expect(telegram.texts(7)).toEqual(['Bought.'])
    expect(outcomes).toEqual(['allowed', 'duplicate'])
  })

  test('hooks surround the handler', async () => {
    const order: string[] = []
    const { telegram, send } = await guarded(
      delivery,
      {
        rateLimit: { limit: 1, window: '1h' },
        reply: false,
        hooks: {
          before: async () => void order.push('before'),
          allowed: [() => void order.push('allowed'), async () => void order.push('allowed too')],
          refused: (_ctx, verdict) => void order.push(verdict.allowed ? 'no' : verdict.reason),
          after: (ctx) => void order.push(`after ${sentinelOf(ctx).verdict.allowed}`),
        },
      },
      (bot) => bot.use(() => void order.push('handler')),
    )
    await send(telegram.updates.text('a', { from: 7 }), telegram.updates.text('b', { from: 7 }))
    expect(order.slice(0, 5)).toEqual(['before', 'allowed', 'allowed too', 'handler', 'after true'])
    expect(order.slice(5)).toEqual(['before', 'limited', 'after false'])
  })

  test('guard() and scan() stand where other middleware does', async () => {
    const { telegram, send, outcomes } = await guarded(delivery, {}, (bot, sentinel) => {
      const limit = { limit: 1, window: '1h' } as const
      bot.command('pay', sentinel.guard({ name: 'pay', rateLimit: limit }), (ctx) => ctx.reply('Paid.'))
      bot.use(Composer.optional((ctx) => ctx.chat?.type === 'private', sentinel.scan(Shop)))
    })
    const { updates } = telegram
    for (let i = 0; i < 2; i++)
      await send(updates.text('/pay', { from: 7 }), updates.text('/buy', { from: 7 }))
    await send(updates.text('/buy', { from: 7 }))
    expect(telegram.texts(7).filter((text) => /Paid|Bought/.test(text))).toEqual([
      'Paid.',
      'Bought.',
      'Bought.',
    ])
    expect(outcomes.filter((outcome) => outcome === 'limited')).toHaveLength(2)
  })

  test('protect() guards methods that are called by hand', async () => {
    const { telegram, send, outcomes } = await guarded(delivery, {}, (bot, sentinel) => {
      const shop = sentinel.protect(new Shop())
      bot.command('buy', (ctx) => shop.buy(ctx))
      bot.command('sell', (ctx) => shop.sell(ctx))
    })
    const { updates } = telegram
    for (let i = 0; i < 3; i++) await send(updates.text('/buy', { from: 7 }))
    await send(updates.text('/sell', { from: 8 }))
    expect(telegram.texts(7)).toEqual(['Bought.', 'Bought.', expect.stringMatching(/10 s/)])
    expect(telegram.texts(8)).toEqual(['Register first.'])
    expect(outcomes.filter((outcome) => outcome !== 'allowed')).toEqual(['limited', 'unregistered'])
  })

  test('blocks hold, membership is followed, payments are never refused', async () => {
    const seen: string[] = []
    const { telegram, send, sentinel } = await guarded(delivery, {}, (bot) =>
      bot.use((ctx) => void seen.push(ctx.updateType)),
    )
    const { updates } = telegram
    await sentinel.blocks.add(7, { reason: 'spam' })
    await send(
      updates.text('hi', { from: 7 }),
      updates.preCheckoutQuery(100, { from: 7 }),
      updates.successfulPayment(100, { from: 7 }),
      updates.myChatMember('kicked', { from: 7 }),
    )
    expect(seen).toEqual(['pre_checkout_query', 'message', 'my_chat_member'])
    expect(await sentinel.members.get(7)).toMatchObject({ reachable: false })
    expect((await sentinel.blocks.list({ limit: 9 })).entries).toMatchObject([{ userId: 7, reason: 'spam' }])
  })

  test('every kind of update passes, those that this Telegraf does not know included', async () => {
    const seen: number[] = []
    @Controller()
    class Everything {
      @On((update) => update.update_id > 0)
      async seen(ctx: Context) {
        seen.push(ctx.update.update_id)
      }
    }
    const { telegram, send } = await guarded(delivery, {
      controllers: [Everything],
      rateLimit: { limit: 99, window: '1h' },
      debounce: '1ms',
      deduplicate: '1h',
    })
    const sent = updateKinds.map(({ build }) => build(telegram.updates))
    await send(...sent)
    expect(seen).toEqual(sent.map(({ update_id }) => update_id))
  })

  test('an error of a handler reaches bot.catch, once, with its context', async () => {
    const caught: unknown[] = []
    @Controller()
    class Failing {
      @Command('fail')
      async fail() {
        throw new Error('mine')
      }
    }
    const { telegram, send } = await guarded(delivery, { controllers: [Failing] }, (bot) =>
      bot.catch((error, ctx) => void caught.push((error as Error).message, ctx.update.update_id)),
    )
    const update = telegram.updates.text('/fail', { from: 7 })
    await send(update)
    expect(caught).toEqual(['mine', update.update_id])
  })
})

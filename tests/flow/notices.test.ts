/** Refused people are told at most once per reason, bucket and window; the bot never floods a chat itself. */
import { Command, Controller, RateLimit } from 'telegraf-sentinel'
import { guarded, stopAll, stores } from '../support/guarded'

afterEach(stopAll)

describe.each(stores)('on %s', (_name, store) => {
  test('one notice per window of the limit that refuses', async () => {
    const { telegram, clock, updates, send, told } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '10s' },
    })
    const hello = () => send(updates.text('hello'))
    for (let i = 0; i < 5; i++) await hello()
    expect(telegram.texts(42)).toEqual(['Too fast. Try again in 10 seconds.'])
    clock.advance(9_999)
    await hello()
    expect(telegram.texts(42)).toHaveLength(1)
    clock.advance(1)
    // The limit lets one pass; the one after it is told of again.
    await hello()
    await hello()
    await hello()
    expect(await told(42)).toHaveLength(2)
  })

  test('each actor, reason and bucket has its own', async () => {
    @Controller()
    class Shop {
      @Command('a')
      @RateLimit({ limit: 1, window: '1m', reply: 'a' })
      async a() {}

      @Command('b')
      @RateLimit({ limit: 1, window: '1m', reply: 'b' })
      async b() {}
    }
    const { told, sentinel, updates, send } = await guarded({
      store: store(),
      controllers: [Shop],
      requireRegistered: true,
    })
    await sentinel.registrations.add(1)
    await sentinel.registrations.add(2)
    for (const from of [1, 2, 3]) {
      for (const text of ['/a', '/a', '/a', '/b', '/b', '/b']) await send(updates.text(text, { from }))
    }
    expect(await told(1)).toEqual(['a', 'b'])
    expect(await told(2)).toEqual(['a', 'b'])
    expect(await told(3)).toEqual(['Please register first.'])
  })

  test('it is the actor who is told once, wherever they write', async () => {
    const { told, updates, send } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '1m', scope: 'chat', reply: 'slow down' },
    })
    await send(updates.text('hello', { from: 1, chat: -100 }))
    await send(updates.text('hello', { from: 1, chat: -100 }))
    await send(updates.text('hello', { from: 2, chat: -100 }))
    await send(updates.text('hello', { from: 2, chat: -100 }))
    expect(await told(-100)).toEqual(['slow down', 'slow down'])
    await send(updates.text('hello', { from: 3, chat: -200 }))
    await send(updates.text('hello', { from: 1, chat: -200 }))
    expect(await told(-200)).toEqual([])
  })

  test('the unregistered are told once a minute', async () => {
    const { told, clock, updates, send } = await guarded({ store: store(), requireRegistered: true })
    for (let i = 0; i < 3; i++) await send(updates.text('hello'))
    clock.advance(59_999)
    await send(updates.text('hello'))
    expect(await told(42)).toEqual(['Please register first.'])
    clock.advance(1)
    await send(updates.text('hello'))
    expect(await told(42)).toHaveLength(2)
  })

  test('blocked and debounced actors are told nothing', async () => {
    const { telegram, sentinel, updates, outcomes } = await guarded({ store: store(), debounce: '1m' })
    expect(await outcomes(updates.text('hello'), updates.text('hello'))).toEqual(['allowed', 'debounced'])
    await sentinel.blocks.add(42)
    expect(await outcomes(updates.text('hello'))).toEqual(['blocked'])
    expect(telegram.calls).toEqual([])
  })

  test('unless there is a text for them: then once a minute', async () => {
    const { told, clock, sentinel, updates, send } = await guarded({
      store: store(),
      debounce: '10m',
      reply: { blocked: 'blocked', debounced: 'again' },
    })
    await send(updates.text('hello'))
    for (let i = 0; i < 3; i++) await send(updates.text('hello'))
    clock.advance('1m')
    await send(updates.text('hello'))
    await send(updates.text('hello'))
    await sentinel.blocks.add(42)
    for (let i = 0; i < 3; i++) await send(updates.text('hello'))
    clock.advance('1m')
    await send(updates.text('hello'))
    expect(await told(42)).toEqual(['again', 'again', 'blocked', 'blocked'])
  })

  test('a place that is configured to say nothing does not use up the notice of another', async () => {
    const pool = { limit: 1, window: '1m', name: 'pool' } as const
    @Controller()
    class Shop {
      @Command('silent')
      @RateLimit({ ...pool, reply: false })
      async silent() {}

      @Command('loud')
      @RateLimit({ ...pool, reply: 'slow down' })
      async loud() {}
    }
    const { telegram, updates, outcomes } = await guarded({ store: store(), controllers: [Shop] })
    const silent = () => updates.text('/silent')
    expect(await outcomes(silent(), silent(), silent())).toEqual(['allowed', 'limited', 'limited'])
    expect(telegram.calls).toEqual([])
    expect(await outcomes(updates.text('/loud'), updates.text('/loud'))).toEqual(['limited', 'limited'])
    expect(telegram.texts(42)).toEqual(['slow down'])
  })

  test('only messages are noticed: edits, posts and reactions are refused in silence', async () => {
    const { telegram, passed, updates, send } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '1m', scope: 'global' },
    })
    await send(updates.text('hello'))
    await send(updates.editedMessage('hello!'))
    await send(updates.channelPost('news'))
    await send(updates.editedChannelPost('news!'))
    await send(updates.messageReaction())
    await send(updates.chatMember())
    await send(updates.pollAnswer())
    expect(passed).toHaveLength(1)
    expect(telegram.calls).toEqual([])
    await send(updates.text('hello'))
    expect(telegram.callsTo('sendMessage')).toHaveLength(1)
  })

  test('every refused callback query is answered once, every refused inline query with nothing', async () => {
    const { telegram, updates, send } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '1m' },
    })
    await send(updates.text('hello'))
    for (let i = 0; i < 3; i++) await send(updates.callbackQuery('x'))
    const answers = telegram.callsTo('answerCallbackQuery')
    expect(new Set(answers.map(({ params }) => params.callback_query_id)).size).toBe(3)
    expect(answers).toHaveLength(3)
    await send(updates.inlineQuery('cats'))
    const [inline] = telegram.callsTo('answerInlineQuery')
    expect(inline.params.results).toEqual([])
    expect(telegram.calls).toHaveLength(4)
  })

  test('a blocked and a debounced callback query is answered too, without a text', async () => {
    const { telegram, sentinel, updates, outcomes } = await guarded({ store: store(), debounce: '1m' })
    const message = { message_id: 1, date: 1, chat: { id: 42, type: 'private' } }
    const tap = () => updates.callbackQuery('x', { message })
    expect(await outcomes(tap(), tap())).toEqual(['allowed', 'debounced'])
    await sentinel.blocks.add(42)
    expect(await outcomes(tap())).toEqual(['blocked'])
    const answers = telegram.callsTo('answerCallbackQuery')
    expect(answers).toHaveLength(2)
    expect(answers.every(({ params }) => params.text === undefined)).toBe(true)
  })

  test('100 refused messages at once make one notice', async () => {
    const { bot, telegram, updates } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '1m' },
    })
    await Promise.all(Array.from({ length: 100 }, () => bot.handleUpdate(updates.text('hello'))))
    expect(telegram.texts(42)).toHaveLength(1)
  })
})

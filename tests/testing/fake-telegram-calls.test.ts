import { Markup } from 'telegraf'
import { ManualClock } from 'telegraf-sentinel/testing'
import { SentinelUsageError } from '../../lib/errors'
import { botFor, call, cleanUp, launch, startTelegram } from './bots'

afterEach(cleanUp)

describe('answers', () => {
  test('getMe, and the token in the path', async () => {
    const telegram = await startTelegram({ token: '777:ABC', bot: { username: 'shop_bot' } })
    expect(await botFor(telegram).telegram.getMe()).toMatchObject({
      id: 777,
      is_bot: true,
      username: 'shop_bot',
    })
  })

  test('what is sent comes back as a message', async () => {
    const clock = new ManualClock()
    const telegram = await startTelegram({ clock })
    const { telegram: api } = botFor(telegram)
    const first = await api.sendMessage(42, '/help')
    const second = await api.sendPhoto(-1001234567890, 'file-id', { caption: 'a cat' })
    expect(first).toEqual({
      message_id: 1,
      from: { id: 123456, is_bot: true, first_name: 'Test Bot', username: 'test_bot' },
      chat: { id: 42, type: 'private', first_name: 'User 42' },
      date: clock.now() / 1000,
      text: '/help',
      entities: [{ type: 'bot_command', offset: 0, length: 5 }],
    })
    expect(second).toMatchObject({ message_id: 2, caption: 'a cat', chat: { type: 'supergroup' } })
    expect(second.photo).toHaveLength(1)
  })

  test('of all the usual methods have the shapes that Telegraf promises', async () => {
    const telegram = await startTelegram()
    const { telegram: api } = botFor(telegram)
    const file = { file_id: expect.any(String), file_unique_id: expect.any(String) }
    expect(await api.sendDocument(42, { source: Buffer.from('x'), filename: 'a.txt' })).toMatchObject({
      document: file,
    })
    expect(await api.sendVideoNote(42, 'id')).toMatchObject({ video_note: file })
    expect(await api.sendDice(42)).toMatchObject({ dice: { value: 6 } })
    expect(await api.forwardMessage(42, 43, 7)).toMatchObject({ chat: { id: 42 } })
    expect(await api.copyMessage(42, 43, 7)).toEqual({ message_id: expect.any(Number) })
    expect(await api.copyMessages(42, 43, [1, 2])).toHaveLength(2)
    expect(
      await api.sendMediaGroup(42, [
        { type: 'photo', media: 'a' },
        { type: 'photo', media: 'b', caption: 'two' },
      ]),
    ).toMatchObject([{ photo: [file] }, { photo: [file], caption: 'two' }])
    expect(await api.sendChatAction(42, 'typing')).toBe(true)
    expect(await api.answerInlineQuery('1', [])).toBe(true)
    expect(await api.deleteMessage(42, 1)).toBe(true)
    expect(await api.setMyCommands([{ command: 'a', description: 'b' }])).toBe(true)
    expect(await api.getMyCommands()).toEqual([])
    expect(await api.getChat(-5)).toMatchObject({ id: -5, type: 'group' })
    expect(await api.getChatMember(-5, 7)).toMatchObject({ status: 'member', user: { id: 7 } })
    expect(await api.getChatMembersCount(-5)).toBe(2)
    expect(await api.getChatAdministrators(-5)).toEqual([])
    expect(await api.getFile('abc')).toMatchObject({ file_id: 'abc', file_path: expect.any(String) })
  })

  test('edits keep what they do not change', async () => {
    const telegram = await startTelegram()
    const { telegram: api } = botFor(telegram)
    const sent = await api.sendMessage(42, 'one', Markup.inlineKeyboard([Markup.button.callback('x', 'x')]))
    const edited = await api.editMessageText(42, sent.message_id, undefined, 'two')
    expect(edited).toMatchObject({ message_id: sent.message_id, text: 'two', edit_date: expect.any(Number) })
    expect(edited).not.toHaveProperty('reply_markup')
    expect(await api.editMessageText(undefined, undefined, 'inline-1', 'two')).toBe(true)
  })

  test.each([
    ['sendMessage', { text: 'hi' }, 400, 'Bad Request: chat_id is empty'],
    ['sendMessage', { chat_id: 42 }, 400, 'Bad Request: message text is empty'],
    ['sendMessage', { chat_id: 42, text: '' }, 400, 'Bad Request: message text is empty'],
    ['sendMessage', { chat_id: 'Ann', text: 'hi' }, 400, 'Bad Request: chat_id must be an integer'],
    ['sendMediaGroup', { chat_id: 42, media: [] }, 400, 'Bad Request: media must include 2-10 items'],
    ['frobnicate', {}, 404, 'Not Found'],
    ['sender', {}, 404, 'Not Found'],
  ])('%s %j is answered %i', async (method, params, status, description) => {
    const telegram = await startTelegram()
    expect(await call(telegram, method, params)).toEqual({
      status,
      ok: false,
      error_code: status,
      description,
    })
  })

  test.each([
    ['/', 404],
    ['/bot123456:TEST', 404],
    ['/botnonsense/getMe', 404],
    ['/bot999:OTHER/getMe', 401],
    ['/bot123456:TEST/getMe/more', 404],
    ['/bot123456:TEST/test/getMe', 200],
    ['/bot123456%3ATEST/getMe', 200],
  ])('%s is answered %i', async (path, status) => {
    const telegram = await startTelegram()
    const response = await fetch(telegram.apiRoot + path)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject(
      status === 200 ? { ok: true } : { ok: false, error_code: status },
    )
  })
})

describe('parameters', () => {
  const url = (telegram: { apiRoot: string; token: string }) =>
    `${telegram.apiRoot}/bot${telegram.token}/sendMessage`

  test('from a query string', async () => {
    const telegram = await startTelegram()
    await fetch(`${url(telegram)}?chat_id=-42&text=42&reply_markup={"a":1}`)
    expect(telegram.calls[0].params).toEqual({ chat_id: -42, text: '42', reply_markup: { a: 1 } })
  })

  test('from a urlencoded form', async () => {
    const telegram = await startTelegram()
    await fetch(url(telegram), {
      method: 'POST',
      body: new URLSearchParams({ chat_id: '42', text: '[not json]' }),
    })
    expect(telegram.calls[0].params).toEqual({ chat_id: 42, text: '[not json]' })
  })

  test('from a multipart form, with a file', async () => {
    const telegram = await startTelegram()
    const content = Buffer.from('line\r\n--almost a boundary\r\n\r\n\u00ff', 'latin1')
    await botFor(telegram).telegram.sendDocument(
      42,
      { source: content, filename: 'a.bin' },
      { caption: 'für dich' },
    )
    expect(telegram.calls[0].params).toEqual({
      method: 'sendDocument',
      chat_id: 42,
      caption: 'für dich',
      document: { filename: 'a.bin', content },
    })
    expect(telegram.texts(42)).toEqual(['für dich'])
  })

  test('from any client’s multipart form', async () => {
    const telegram = await startTelegram()
    const form = new FormData()
    form.set('chat_id', '42')
    form.set('text', 'two\r\nlines')
    form.set('reply_markup', '{"remove_keyboard":true}')
    await fetch(url(telegram), { method: 'POST', body: form })
    expect(telegram.calls[0].params).toEqual({
      chat_id: 42,
      text: 'two\r\nlines',
      reply_markup: { remove_keyboard: true },
    })
  })

  test.each([
    ['application/json', '{'],
    ['application/json', '[1]'],
    ['multipart/form-data', 'x'],
    ['multipart/form-data; boundary=b', '--b\r\nno name\r\n\r\nx\r\n--b--'],
  ])('%s %j is answered 400', async (type, body) => {
    const telegram = await startTelegram()
    const response = await fetch(url(telegram), { method: 'POST', headers: { 'content-type': type }, body })
    expect(response.status).toBe(400)
    expect(telegram.calls).toEqual([])
  })
})

describe('the record', () => {
  test('has every call with its time and result, but no polls', async () => {
    const clock = new ManualClock()
    const telegram = await startTelegram({ clock })
    const bot = botFor(telegram)
    bot.on('message', (ctx) => ctx.reply('hi'))
    await launch(telegram, bot)
    telegram.clear()
    clock.advance('1h')
    telegram.user({ id: 7 }).say('hello')
    await telegram.idle()
    expect(telegram.calls).toEqual([
      {
        method: 'sendMessage',
        params: { chat_id: 7, text: 'hi' },
        at: clock.now(),
        via: 'request',
        result: expect.objectContaining({ text: 'hi' }),
      },
    ])
  })

  test('waitForCall finds what has come, and waits for what will', async () => {
    const telegram = await startTelegram()
    const { telegram: api } = botFor(telegram)
    const later = telegram.waitForCall('sendMessage', ({ params }) => params.text === 'two')
    await api.sendMessage(42, 'one')
    expect((await telegram.waitForCall('sendMessage')).params.text).toBe('one')
    await api.sendMessage(42, 'two')
    expect((await later).params.text).toBe('two')
  })

  test('waitForCall says what came instead', async () => {
    const telegram = await startTelegram()
    await call(telegram, 'getMe')
    await expect(telegram.waitForCall('sendMessage', undefined, { timeout: 20 })).rejects.toThrow(
      'no such call to sendMessage; calls so far: getMe (waited 20 ms)',
    )
    await expect(telegram.waitForCall('x', () => false, { timeout: 'soon' })).rejects.toThrow(
      SentinelUsageError,
    )
  })
})

describe('failures on demand', () => {
  test('429 with retry_after, once, as Telegraf sees it', async () => {
    const telegram = await startTelegram()
    const { telegram: api } = botFor(telegram)
    telegram.failNext('sendMessage', { code: 429, retryAfter: 3 })
    await expect(api.sendMessage(42, 'hi')).rejects.toMatchObject({
      response: {
        error_code: 429,
        description: 'Too Many Requests: retry after 3',
        parameters: { retry_after: 3 },
      },
    })
    await api.sendMessage(42, 'again')
    expect(telegram.texts(42)).toEqual(['again'])
    expect(telegram.callsTo('sendMessage')[0].error).toMatchObject({ code: 429, retryAfter: 3 })
  })

  test('as many as asked for, of the method asked for, or of any', async () => {
    const telegram = await startTelegram()
    telegram.failNext('sendMessage', { code: 403, description: 'Forbidden: no' }, 2)
    telegram.failNext('*', { code: 500 })
    const params = { chat_id: 42, text: 'hi' }
    expect((await call(telegram, 'getChat', { chat_id: 1 })).status).toBe(500)
    expect((await call(telegram, 'sendMessage', params)).description).toBe('Forbidden: no')
    expect((await call(telegram, 'getChat', { chat_id: 1 })).status).toBe(200)
    expect((await call(telegram, 'sendMessage', params)).status).toBe(403)
    expect((await call(telegram, 'sendMessage', params)).status).toBe(200)
  })

  test('a connection that breaks', async () => {
    const telegram = await startTelegram()
    telegram.failNext('getMe', 'disconnect')
    await expect(botFor(telegram).telegram.getMe()).rejects.toThrow(/socket hang up/)
    expect(telegram.calls[0].error).toEqual({ code: 0, description: 'disconnected' })
    expect((await call(telegram, 'getMe')).ok).toBe(true)
  })

  test('a poll that fails ends a bot that has no way on', async () => {
    const telegram = await startTelegram()
    telegram.failNext('getUpdates', { code: 401 })
    await expect(botFor(telegram).launch()).rejects.toThrow('401: Unauthorized')
  })

  test.each([
    [{ code: 200 }, 1],
    [{ code: 429 }, 0],
  ])('failNext(…, %j, %i) is refused', async (failure, times) => {
    const telegram = await startTelegram()
    expect(() => telegram.failNext('getMe', failure, times)).toThrow(SentinelUsageError)
  })

  test('slow answers: the call has arrived, the answer has not', async () => {
    const telegram = await startTelegram()
    telegram.delay('getMe', '80ms')
    const began = Date.now()
    const answer = call(telegram, 'getMe')
    expect((await telegram.waitForCall('getMe')).result).toBeUndefined()
    expect((await answer).ok).toBe(true)
    expect(Date.now() - began).toBeGreaterThanOrEqual(79)
    telegram.delay('getMe', '1h')
    telegram.delay('getMe', 0)
    expect((await call(telegram, 'getMe')).ok).toBe(true)
  })

  test('stop() does not wait for slow answers', async () => {
    const telegram = await startTelegram()
    telegram.delay('*', '1h')
    const broken = expect(call(telegram, 'getMe')).rejects.toThrow()
    await telegram.waitForCall('getMe')
    await telegram.stop()
    await broken
  })
})

describe('limits: true', () => {
  const send = (telegram: Awaited<ReturnType<typeof startTelegram>>, chat_id: number) =>
    call(telegram, 'sendMessage', { chat_id, text: 'hi' })

  test('one message per second and chat', async () => {
    const clock = new ManualClock()
    const telegram = await startTelegram({ limits: true, clock })
    expect((await send(telegram, 42)).status).toBe(200)
    expect((await send(telegram, 43)).status).toBe(200)
    clock.advance(999)
    expect(await send(telegram, 42)).toMatchObject({ status: 429, parameters: { retry_after: 1 } })
    clock.advance(1)
    expect((await send(telegram, 42)).status).toBe(200)
    expect((await call(telegram, 'sendChatAction', { chat_id: 42, action: 'typing' })).status).toBe(200)
  })

  test('20 per minute and group', async () => {
    const clock = new ManualClock()
    const telegram = await startTelegram({ limits: true, clock })
    for (let i = 0; i < 20; i++) {
      expect((await send(telegram, -42)).status).toBe(200)
      clock.advance('1s')
    }
    expect(await send(telegram, -42)).toMatchObject({ status: 429, parameters: { retry_after: 40 } })
    clock.advance('40s')
    expect((await send(telegram, -42)).status).toBe(200)
  })

  test('30 per second in all', async () => {
    const telegram = await startTelegram({ limits: true, clock: new ManualClock() })
    const answers = await Promise.all(Array.from({ length: 35 }, (_, i) => send(telegram, 100 + i)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(30)
  })

  test('off by default', async () => {
    const telegram = await startTelegram({ clock: new ManualClock() })
    expect((await send(telegram, 42)).status).toBe(200)
    expect((await send(telegram, 42)).status).toBe(200)
  })
})

describe('users', () => {
  test('tap a button that the bot has not sent: it is the same button each time', async () => {
    const telegram = await startTelegram()
    const taps: unknown[] = []
    const bot = botFor(telegram)
    bot.on('callback_query', (ctx) => void taps.push(ctx.callbackQuery.message?.message_id))
    await launch(telegram, bot)
    const ann = telegram.user()
    for (const data of ['like', 'like', 'buy']) ann.tap(data)
    await telegram.idle()
    expect(taps[1]).toBe(taps[0])
    expect(taps[2]).not.toBe(taps[0])
  })

  test('tap the button that the bot has sent', async () => {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    bot.start((ctx) => ctx.reply('Buy?', Markup.inlineKeyboard([Markup.button.callback('Yes', 'buy')])))
    bot.action('buy', async (ctx) => {
      await ctx.answerCbQuery()
      await ctx.editMessageText('Bought.')
    })
    await launch(telegram, bot)
    const ann = telegram.user()
    ann.command('start')
    await telegram.idle()
    ann.tap('buy')
    await telegram.idle()
    const sent = telegram.callsTo('sendMessage')[0].result
    expect(telegram.callsTo('editMessageText')[0].params).toMatchObject({
      message_id: (sent as { message_id: number }).message_id,
      text: 'Bought.',
    })
  })

  test('act in groups, inline, and with albums', async () => {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    const seen: unknown[] = []
    bot.on('inline_query', (ctx) => void seen.push(['inline', ctx.inlineQuery.query, ctx.from.id]))
    bot.on('photo', (ctx) => void seen.push(['photo', ctx.message.media_group_id]))
    bot.on('text', (ctx) => void seen.push(['text', ctx.chat.id, ctx.from.language_code]))
    await launch(telegram, bot)
    const ann = telegram.user({ language_code: 'de' })
    ann.in(-1001).say('hi')
    ann.inline('cats')
    expect(ann.photoAlbum(2)).toHaveLength(2)
    await telegram.idle()
    // Telegraf handles a batch concurrently, so only what arrived is certain, not in which order.
    expect(seen).toHaveLength(4)
    expect(seen).toContainEqual(['text', -1001, 'de'])
    expect(seen).toContainEqual(['inline', 'cats', ann.id])
    const [first, second] = seen.filter((entry) => Array.isArray(entry) && entry[0] === 'photo')
    expect(first).toEqual(['photo', expect.any(String)])
    expect(second).toEqual(first)
  })

  test('who block the bot hear nothing until they unblock it', async () => {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    const statuses: string[] = []
    bot.on('my_chat_member', (ctx) => void statuses.push(ctx.myChatMember.new_chat_member.status))
    await launch(telegram, bot)
    const ann = telegram.user()
    ann.block()
    await expect(bot.telegram.sendMessage(ann.id, 'hello?')).rejects.toThrow(
      '403: Forbidden: bot was blocked by the user',
    )
    ann.unblock()
    await bot.telegram.sendMessage(ann.id, 'welcome back')
    await telegram.idle()
    expect(statuses).toEqual(['kicked', 'member'])
    expect(ann.heard()).toEqual(['welcome back'])
  })

  test('have ids of their own', async () => {
    const telegram = await startTelegram()
    expect([telegram.user(), telegram.user({ id: 5 }), telegram.user()].map(({ id }) => id)).toEqual([
      1001, 5, 1002,
    ])
  })
})

test.each([
  [{ token: 'nonsense' }, /token: "nonsense" does not look like/],
  [{ webhookTimeout: 'soon' }, /webhookTimeout: "soon" is not a positive number/],
  [{ webhookRetryDelays: [0] }, /webhookRetryDelays: 0 is not/],
])('start(%j) is refused', async (options, message) => {
  await expect(startTelegram(options)).rejects.toThrow(message)
})

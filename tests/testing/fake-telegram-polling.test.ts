import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { updateKinds } from 'telegraf-sentinel/testing'
import { botFor, call, cleanUp, launch, startTelegram, until } from './bots'

afterEach(cleanUp)

describe('a launched bot', () => {
  test('gets what users send, and is heard', async () => {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    bot.start((ctx) => ctx.reply('Welcome!'))
    bot.command('buy', (ctx) => ctx.reply(`Bought ${ctx.payload}.`))
    await launch(telegram, bot)
    const ann = telegram.user({ first_name: 'Ann' })
    const ben = telegram.user()
    ann.command('start')
    ben.command('/buy 3')
    await telegram.idle()
    expect(ann.heard()).toEqual(['Welcome!'])
    expect(ben.heard()).toEqual(['Bought 3.'])
    expect(telegram.texts()).toHaveLength(2)
  })

  test('confirms a batch only when all its handlers are done', async () => {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    let finish = () => {}
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const seen: string[] = []
    bot.hears('slow', async () => {
      seen.push('began')
      await finished
      seen.push('ended')
    })
    await launch(telegram, bot)
    const id = telegram.user().say('slow')
    await until(() => seen.length > 0)
    await expect(telegram.handled(id, { timeout: 20 })).rejects.toThrow(
      `the bot has not finished with: ${id} (message, handed over, not confirmed)`,
    )
    expect(seen).toEqual(['began'])
    finish()
    await telegram.handled(id)
    expect(seen).toEqual(['began', 'ended'])
  })

  test('gets 250 updates in batches of at most 100, in order, each once', async () => {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    const seen: number[] = []
    bot.use((ctx) => void seen.push(ctx.update.update_id))
    const batches: number[] = []
    const original = bot.telegram.callApi.bind(bot.telegram)
    bot.telegram.callApi = async (...args) => {
      const result = await original(...args)
      if (Array.isArray(result) && result.length > 0) batches.push(result.length)
      return result
    }
    const ann = telegram.user()
    const ids = Array.from({ length: 250 }, (_, i) => ann.say(`message ${i}`))
    await launch(telegram, bot)
    await telegram.idle()
    expect(seen).toEqual(ids)
    expect(batches).toEqual([100, 100, 50])
  })

  test('leaves nothing behind when it stops: the last batch is confirmed', async () => {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    bot.on('message', () => {})
    const stop = await launch(telegram, bot)
    const id = telegram.user().say('hi')
    await telegram.handled(id)
    await stop()
    expect((await call(telegram, 'getUpdates')).result).toEqual([])
  })

  test.each(updateKinds)('gets $name', async ({ build, type }) => {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    const seen: object[] = []
    bot.use((ctx) => void seen.push(ctx.update))
    await launch(telegram, bot, { allowedUpdates: [type] as never })
    const update = build(telegram.updates)
    telegram.send(update)
    await telegram.idle()
    expect(seen).toEqual([update])
  })
})

describe('offset and limit', () => {
  test('an update comes again until the offset is past it', async () => {
    const telegram = await startTelegram()
    const ann = telegram.user()
    const [first, second, third] = ['a', 'b', 'c'].map((word) => ann.say(word))
    const ids = async (params: object) =>
      ((await call(telegram, 'getUpdates', params)).result as { update_id: number }[]).map((u) => u.update_id)
    expect(await ids({})).toEqual([first, second, third])
    expect(await ids({ limit: 2 })).toEqual([first, second])
    expect(await ids({ offset: second })).toEqual([second, third])
    await telegram.handled(first)
    expect(await ids({ offset: 0 })).toEqual([second, third])
    expect(await ids({ offset: third + 1 })).toEqual([])
    await telegram.idle()
  })

  test('a negative offset counts from the end and forgets the rest', async () => {
    const telegram = await startTelegram()
    const ann = telegram.user()
    const ids = ['a', 'b', 'c'].map((word) => ann.say(word))
    const { result } = await call(telegram, 'getUpdates', { offset: -1 })
    expect(result).toMatchObject([{ update_id: ids[2] }])
    expect((await call(telegram, 'getUpdates')).result).toHaveLength(1)
  })

  test('updates are handed over in the order of their ids', async () => {
    const telegram = await startTelegram()
    telegram.send({ update_id: 20, poll: { id: 'b' } })
    telegram.send({ update_id: 10, poll: { id: 'a' } })
    expect(telegram.send({ poll: { id: 'c' } })).toBe(21)
    expect((await call(telegram, 'getUpdates')).result).toMatchObject([
      { update_id: 10 },
      { update_id: 20 },
      { update_id: 21 },
    ])
  })

  test('an id that is already confirmed is refused, with the way out', async () => {
    const telegram = await startTelegram()
    telegram.user().say('hi')
    await call(telegram, 'getUpdates', { offset: 2 })
    expect(() => telegram.send({ update_id: 1, poll: {} })).toThrow(
      /update 1 would never arrive.*telegram\.updates/,
    )
    expect(telegram.send({ poll: {} })).toBe(2)
  })
})

describe('a hanging poll', () => {
  test('is answered when an update comes, with all that was sent in one go', async () => {
    const telegram = await startTelegram()
    const poll = call(telegram, 'getUpdates', { timeout: 50 })
    await call(telegram, 'getMe')
    telegram.user().photoAlbum(3)
    expect((await poll).result).toHaveLength(3)
  })

  test('is answered with nothing when its time is over', async () => {
    const telegram = await startTelegram()
    const began = Date.now()
    expect(await call(telegram, 'getUpdates', { timeout: 1 })).toEqual({ status: 200, ok: true, result: [] })
    expect(Date.now() - began).toBeGreaterThanOrEqual(990)
  })

  test('is ended by a second poller with 409, who then gets the updates', async () => {
    const telegram = await startTelegram()
    const older = call(telegram, 'getUpdates', { timeout: 50 })
    await call(telegram, 'getMe')
    const newer = call(telegram, 'getUpdates', { timeout: 50 })
    expect(await older).toMatchObject({ status: 409, ok: false, error_code: 409 })
    expect((await older).description).toMatch(/terminated by other getUpdates request/)
    telegram.user().say('hi')
    expect((await newer).result).toHaveLength(1)
  })

  test('ends when a webhook is set', async () => {
    const telegram = await startTelegram()
    const poll = call(telegram, 'getUpdates', { timeout: 50 })
    await call(telegram, 'getMe')
    await call(telegram, 'setWebhook', { url: 'http://127.0.0.1:9/hook' })
    expect((await poll).description).toBe('Conflict: terminated by setWebhook request')
    expect((await call(telegram, 'getUpdates')).description).toMatch(/webhook is active/)
    await call(telegram, 'deleteWebhook')
    expect((await call(telegram, 'getUpdates')).ok).toBe(true)
  })

  test('two launched bots: the older one fails', async () => {
    const telegram = await startTelegram()
    const older = botFor(telegram)
    const conflict = expect(older.launch()).rejects.toThrow(/409: Conflict: terminated by other getUpdates/)
    await telegram.polled()
    const newer = botFor(telegram)
    newer.on('message', (ctx) => ctx.reply('newer'))
    await launch(telegram, newer)
    await conflict
    const ann = telegram.user()
    ann.say('who?')
    await telegram.idle()
    expect(ann.heard()).toEqual(['newer'])
  })

  test('stays when the poller hangs up, for the next one', async () => {
    const telegram = await startTelegram()
    const abort = new AbortController()
    const url = `${telegram.apiRoot}/bot${telegram.token}/getUpdates?timeout=50`
    const hungUp = expect(fetch(url, { signal: abort.signal })).rejects.toThrow()
    await call(telegram, 'getMe')
    abort.abort()
    await hungUp
    telegram.user().say('hi')
    expect((await call(telegram, 'getUpdates')).result).toHaveLength(1)
  })
})

describe('allowed_updates', () => {
  test('by default leave out what bots must ask for', async () => {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    const seen: string[] = []
    bot.use((ctx) => void seen.push(ctx.updateType))
    await launch(telegram, bot)
    const dropped = telegram.send(telegram.updates.chatMember())
    telegram.send(telegram.updates.messageReaction())
    telegram.send(telegram.updates.myChatMember())
    await telegram.idle()
    expect(seen).toEqual(['my_chat_member'])
    await expect(telegram.handled(dropped)).rejects.toThrow(
      `update ${dropped} was dropped: the bot's allowed_updates do not include chat_member`,
    )
  })

  test('are remembered until others are given', async () => {
    const telegram = await startTelegram()
    const kinds = async (params: object) => {
      telegram.send(telegram.updates.text('a'))
      telegram.send(telegram.updates.chatMember())
      const { result } = await call(telegram, 'getUpdates', params)
      const updates = result as { update_id: number }[]
      await call(telegram, 'getUpdates', { offset: updates[updates.length - 1].update_id + 1 })
      return updates.map((update) => Object.keys(update)[1])
    }
    expect(await kinds({ allowed_updates: ['chat_member'] })).toEqual(['chat_member'])
    expect(await kinds({})).toEqual(['chat_member'])
    expect(await kinds({ allowed_updates: [] })).toEqual(['message'])
  })
})

describe('send', () => {
  test.each([
    [{}, /this one has none/],
    [{ message: {}, poll: {} }, /this one has message, poll/],
    [{ text: 'hi' }, /one kind and its payload/],
  ])('refuses %j', async (update, message) => {
    const telegram = await startTelegram()
    expect(() => telegram.send(update)).toThrow(message)
  })

  test('handled() knows only what was sent', async () => {
    const telegram = await startTelegram()
    await expect(telegram.handled(99)).rejects.toThrow('no update 99 was ever sent')
  })

  test('drop_pending_updates drops', async () => {
    const telegram = await startTelegram()
    const id = telegram.user().say('hi')
    await call(telegram, 'deleteWebhook', { drop_pending_updates: true })
    await telegram.idle()
    await expect(telegram.handled(id)).rejects.toThrow(/drop_pending_updates/)
  })
})

describe('stop', () => {
  test('ends hanging polls at once, and may be called twice', async () => {
    const telegram = await startTelegram()
    const broken = expect(call(telegram, 'getUpdates', { timeout: 50 })).rejects.toThrow()
    await call(telegram, 'getMe')
    await telegram.stop()
    await telegram.stop()
    await broken
    expect(() => telegram.user().say('hi')).toThrow('this FakeTelegram has been stopped')
  })

  test('tells those who wait', async () => {
    const telegram = await startTelegram()
    const id = telegram.user().say('hi')
    const waits = [telegram.handled(id), telegram.idle(), telegram.waitForCall('sendMessage')]
    const rejected = waits.map((wait) => expect(wait).rejects.toThrow(/FakeTelegram was stopped/))
    await telegram.stop()
    await Promise.all(rejected)
  })

  test('lets the process end by itself', async () => {
    const script = `
      const { Telegraf } = require('telegraf')
      const { FakeTelegram } = require('./lib/testing/fake-telegram')
      async function main() {
        const telegram = await FakeTelegram.start()
        const bot = new Telegraf(telegram.token, { telegram: { apiRoot: telegram.apiRoot } })
        bot.on('message', (ctx) => ctx.reply('hello'))
        const running = bot.launch()
        const ann = telegram.user()
        ann.say('hi')
        await telegram.idle()
        bot.stop()
        await running
        await telegram.stop()
        console.log(ann.heard().join())
      }
      main()`
    const child = spawn(process.execPath, ['-r', 'ts-node/register/transpile-only', '-e', script], {
      cwd: join(__dirname, '../..'),
      timeout: 20_000,
    })
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    expect({ output, errors, code }).toEqual({ output: 'hello\n', errors: '', code: 0 })
  })
})

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Telegraf } from 'telegraf'
import type { WebhookInfo } from 'telegraf/types'
import { botFor, call, cleanUp, serveWebhook, startTelegram, until } from './bots'

afterEach(cleanUp)

const fast = { webhookRetryDelays: ['5ms'] }

test('delivers what was waiting, and what comes, to the callback of a real bot', async () => {
  const telegram = await startTelegram()
  const bot = botFor(telegram)
  bot.on('message', (ctx) => ctx.reply('hello'))
  const ann = telegram.user()
  ann.say('before')
  await bot.telegram.setWebhook(await serveWebhook(bot, '/hook', 's3cret'), { secret_token: 's3cret' })
  ann.say('after')
  await telegram.idle()
  expect(ann.heard()).toEqual(['hello', 'hello'])
})

test('a wrong secret token is refused by the bot and tried again, until the right one is set', async () => {
  const telegram = await startTelegram(fast)
  const bot = botFor(telegram)
  bot.on('message', (ctx) => ctx.reply('hello'))
  const url = await serveWebhook(bot, '/hook', 'right')
  await bot.telegram.setWebhook(url, { secret_token: 'wrong' })
  const ann = telegram.user()
  const id = ann.say('hi')
  await until(() => telegram.webhookInfo().last_error_message !== undefined)
  await expect(telegram.handled(id, { timeout: 1 })).rejects.toThrow(/has not finished with: 1/)
  const info = (await call(telegram, 'getWebhookInfo')).result as WebhookInfo
  expect(info).toMatchObject({
    url,
    pending_update_count: 1,
    last_error_message: 'Wrong response from the webhook: 403 Forbidden',
    last_error_date: expect.any(Number),
  })
  expect(ann.heard()).toEqual([])
  await bot.telegram.setWebhook(url, { secret_token: 'right' })
  await telegram.handled(id)
  expect(ann.heard()).toEqual(['hello'])
  expect(telegram.webhookInfo()).toMatchObject({ pending_update_count: 0 })
  expect(telegram.webhookInfo()).not.toHaveProperty('last_error_message')
})

test('a wrong path, too', async () => {
  const telegram = await startTelegram(fast)
  const bot = botFor(telegram)
  const url = await serveWebhook(bot, '/hook')
  await bot.telegram.setWebhook(`${url}-not`)
  telegram.user().say('hi')
  await until(() => telegram.webhookInfo().last_error_message !== undefined)
  expect(telegram.webhookInfo().last_error_message).toMatch(/403/)
})

describe('answers in the webhook’s response', () => {
  test('are executed and recorded', async () => {
    const telegram = await startTelegram()
    const bot = botFor(telegram)
    bot.action('buy', (ctx) => ctx.answerCbQuery('Bought.'))
    await bot.telegram.setWebhook(await serveWebhook(bot, '/hook'))
    telegram.user().tap('buy')
    await telegram.idle()
    expect(telegram.callsTo('answerCallbackQuery')).toMatchObject([
      { params: { text: 'Bought.', callback_query_id: expect.any(String) }, via: 'webhook', result: true },
    ])
  })

  test('that fail are recorded with the error, and the update is not sent again', async () => {
    const telegram = await startTelegram(fast)
    const bot = botFor(telegram)
    let handled = 0
    bot.action('buy', (ctx) => {
      handled++
      return ctx.answerCbQuery()
    })
    await bot.telegram.setWebhook(await serveWebhook(bot, '/hook'))
    telegram.failNext('answerCallbackQuery', { code: 400 })
    telegram.failNext('answerCallbackQuery', 'disconnect')
    telegram.user().tap('buy')
    telegram.user().tap('buy')
    await telegram.idle()
    expect(handled).toBe(2)
    expect(telegram.callsTo('answerCallbackQuery').map(({ error }) => error?.code)).toEqual([400, 0])
  })
})

/** A server that answers as it is told, and keeps the ids and headers that it got. */
async function scripted(answer: (nth: number) => { status: number; body?: string; hold?: Promise<void> }) {
  const got: { id: number; secret: unknown }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', async () => {
      got.push({ id: JSON.parse(body).update_id, secret: request.headers['x-telegram-bot-api-secret-token'] })
      const { status, body: answered = '', hold } = answer(got.length)
      await hold
      response.writeHead(status, { 'content-type': 'application/json' }).end(answered)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  return { url, got, close: () => new Promise((resolve) => server.close(resolve)) }
}

test('delivers again, with the same id and secret, after anything but 2xx', async () => {
  const telegram = await startTelegram(fast)
  const server = await scripted((nth) => ({ status: [500, 302, 404, 204][nth - 1] }))
  await call(telegram, 'setWebhook', { url: server.url, secret_token: 'abc' })
  const id = telegram.user().say('hi')
  await telegram.handled(id)
  expect(server.got).toEqual(Array(4).fill({ id, secret: 'abc' }))
  expect(telegram.webhookInfo().last_error_message).toBe('Wrong response from the webhook: 404 Not Found')
  await server.close()
})

test('a body that is no JSON is no call, and no error', async () => {
  const telegram = await startTelegram(fast)
  const server = await scripted(() => ({ status: 200, body: 'ok' }))
  await call(telegram, 'setWebhook', { url: server.url })
  telegram.clear()
  telegram.user().say('hi')
  await telegram.idle()
  expect(server.got).toHaveLength(1)
  expect(telegram.calls).toEqual([])
  await server.close()
})

test('keeps max_connections deliveries open at once, not more', async () => {
  const telegram = await startTelegram()
  let open = () => {}
  const hold = new Promise<void>((resolve) => (open = resolve))
  let second = () => {}
  const both = new Promise<void>((resolve) => (second = resolve))
  const server = await scripted((nth) => {
    if (nth === 2) second()
    return { status: 200, hold }
  })
  await call(telegram, 'setWebhook', { url: server.url, max_connections: 2 })
  const ann = telegram.user()
  const ids = ['a', 'b', 'c'].map((word) => ann.say(word))
  await both
  await call(telegram, 'getMe')
  expect(server.got.map(({ id }) => id)).toEqual(ids.slice(0, 2))
  open()
  await telegram.idle()
  expect(server.got.map(({ id }) => id)).toEqual(ids)
  await server.close()
})

test('says that nobody listens', async () => {
  const telegram = await startTelegram(fast)
  const server = await scripted(() => ({ status: 200 }))
  await server.close()
  await call(telegram, 'setWebhook', { url: server.url })
  telegram.user().say('hi')
  await until(() => telegram.webhookInfo().last_error_message !== undefined)
  expect(telegram.webhookInfo().last_error_message).toBe('Connection refused')
})

test('gives up waiting for an answer after webhookTimeout', async () => {
  const telegram = await startTelegram({ ...fast, webhookTimeout: '250ms' })
  let open = () => {}
  const hold = new Promise<void>((resolve) => (open = resolve))
  const server = await scripted((nth) => (nth === 1 ? { status: 200, hold } : { status: 200 }))
  await call(telegram, 'setWebhook', { url: server.url })
  telegram.user().say('hi')
  await telegram.idle()
  expect(server.got).toHaveLength(2)
  expect(telegram.webhookInfo().last_error_message).toBe('Read timeout expired')
  open()
  await server.close()
})

test('a deleted webhook leaves its updates to the poller', async () => {
  const telegram = await startTelegram()
  const server = await scripted(() => ({ status: 500 }))
  await call(telegram, 'setWebhook', { url: server.url })
  const id = telegram.user().say('hi')
  await until(() => server.got.length > 0)
  await call(telegram, 'deleteWebhook')
  expect((await call(telegram, 'getUpdates')).result).toMatchObject([{ update_id: id }])
  expect(telegram.webhookInfo()).toMatchObject({ url: '', pending_update_count: 1 })
  await server.close()
})

test('drop_pending_updates and allowed_updates', async () => {
  const telegram = await startTelegram()
  const server = await scripted(() => ({ status: 200 }))
  const ann = telegram.user()
  ann.say('old')
  await call(telegram, 'setWebhook', {
    url: server.url,
    drop_pending_updates: true,
    allowed_updates: ['callback_query'],
  })
  ann.say('unwanted')
  const wanted = ann.tap('data')
  await telegram.idle()
  expect(server.got.map(({ id }) => id)).toEqual([wanted])
  expect(telegram.webhookInfo().allowed_updates).toEqual(['callback_query'])
  await server.close()
})

test.each([
  [{ url: 'ftp://127.0.0.1/x' }, /HTTPS URL must be provided/],
  [{ url: 'nonsense' }, /HTTPS URL must be provided/],
  [{ url: 'https://example.com/hook' }, /this machine only \(127\.0\.0\.1\), not to example\.com/],
  [{ url: 'http://127.0.0.1:1/', secret_token: 'no spaces' }, /unallowed characters/],
  [{ url: 'http://127.0.0.1:1/', allowed_updates: 'message' }, /list of strings/],
  [{ url: 'http://127.0.0.1:1/', max_connections: 'many' }, /must be an integer/],
])('setWebhook refuses %j', async (params, description) => {
  const telegram = await startTelegram()
  expect(await call(telegram, 'setWebhook', params)).toMatchObject({
    status: 400,
    ok: false,
    description: expect.stringMatching(description),
  })
  expect(telegram.webhookInfo().url).toBe('')
})

test('a bot launched in webhook mode: the server plays the proxy that ends TLS', async () => {
  const telegram = await startTelegram()
  const bot = new Telegraf(telegram.token, { telegram: { apiRoot: telegram.apiRoot } })
  bot.start((ctx) => ctx.reply('Welcome!'))
  const port = await freePort()
  await bot.launch({
    webhook: { domain: `127.0.0.1:${port}`, port, host: '127.0.0.1', path: '/hook', secretToken: 'abc' },
  })
  const ann = telegram.user()
  ann.command('start')
  await telegram.idle()
  bot.stop()
  expect(ann.heard()).toEqual(['Welcome!'])
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

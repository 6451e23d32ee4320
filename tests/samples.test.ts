import { once } from 'node:events'
import { createServer } from 'node:http'
import { spawn } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import type { Telegraf } from 'telegraf'
import { createUpdates, FakeTelegram, ManualClock } from 'telegraf-sentinel/testing'
import { createBot as firstBot } from '../samples/first-bot/bot'
import { createBot as controllersBot } from '../samples/controllers/bot'
import { createBot as webhookBot, PATH } from '../samples/webhook/bot'
import { createBot as ownLimiterBot } from '../samples/own-limiter/bot'
import { officeHours } from '../samples/own-limiter/office-hours'

let telegram: FakeTelegram
const running: Telegraf[] = []

beforeEach(async () => {
  telegram = await FakeTelegram.start()
})

afterEach(async () => {
  for (const bot of running.splice(0)) bot.stop()
  await telegram.stop()
})

const options = (): { telegram: { apiRoot: string } } => ({ telegram: { apiRoot: telegram.apiRoot } })

function launch(bot: Telegraf): void {
  running.push(bot)
  void bot.launch()
}

test('first bot: answers, and after 20 updates a minute says so once', async () => {
  launch(firstBot(telegram.token, options()))
  const ann = telegram.user()
  for (let i = 0; i < 25; i++) ann.say(`hello ${i}`)
  await telegram.idle()
  const heard = ann.heard()
  expect(heard.filter((text) => text.startsWith('You said: '))).toHaveLength(20)
  expect(heard.filter((text) => text.startsWith('Too fast.'))).toHaveLength(1)
  expect(heard).toHaveLength(21)
})

test('controllers: registration, a limit, a double tap, two languages', async () => {
  const { bot } = controllersBot(telegram.token, options())
  launch(bot)
  const ann = telegram.user({ first_name: 'Ann', language_code: 'de-AT' })
  ann.command('start')
  await telegram.idle()
  ann.command('buy')
  await telegram.idle()
  ann.command('register')
  await telegram.idle()
  for (let i = 0; i < 4; i++) ann.command('buy')
  await telegram.idle()
  // A second notice in the same chat comes a second after the first.
  await telegram.waitForCall('sendMessage', ({ params }) => params['text'] === 'Bitte langsamer.')
  ann.tap('like')
  ann.tap('like')
  await telegram.idle()
  expect(ann.heard()).toEqual([
    'Welcome! /register, then /buy.',
    'Please /register first.',
    'You are registered.',
    'Bought, Ann.',
    'Bought, Ann.',
    'Bought, Ann.',
    'Bitte langsamer.',
  ])
  const answers = telegram.callsTo('answerCallbackQuery').map(({ params }) => params['text'])
  expect(answers.sort()).toEqual(['Thanks!', undefined])
})

test('webhook: an update that is delivered twice is handled once', async () => {
  const bot = webhookBot(telegram.token, options())
  const server = createServer(bot.webhookCallback(PATH, { secretToken: 'secret' })).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await bot.telegram.setWebhook(`http://127.0.0.1:${port}${PATH}`, { secret_token: 'secret' })
  const update = createUpdates().text('/pay', { from: 42 })
  telegram.send(update)
  await telegram.idle()
  const again = await fetch(`http://127.0.0.1:${port}${PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': 'secret' },
    body: JSON.stringify(update),
  })
  expect(again.status).toBe(200)
  expect(telegram.texts(42)).toEqual(['Paid once.'])
  server.closeAllConnections()
  server.close()
})

describe('own limiter', () => {
  const at = (hour: number): number => Date.UTC(2026, 0, 5, hour)
  const rule = { limit: 2, window: 86_400_000, burst: 2, countRefused: false }
  const limiter = officeHours(9, 17)

  test('waits until the office opens, today or tomorrow', () => {
    expect(limiter.hit(undefined, rule, at(7), 1)[1]).toMatchObject({
      allowed: false,
      retryAfter: 2 * 3_600_000,
    })
    expect(limiter.hit(undefined, rule, at(9), 1)[1]).toMatchObject({ allowed: true, remaining: 1 })
    expect(limiter.hit(undefined, rule, at(18), 1)[1]).toMatchObject({ retryAfter: 15 * 3_600_000 })
    expect(limiter.hit(undefined, rule, at(10), 3)[1]).toMatchObject({ retryAfter: Infinity })
  })

  test('retryAfter is exact, and a refund gives back', () => {
    let [state] = limiter.hit(undefined, rule, at(10), 2)
    const [, refused] = limiter.hit(state, rule, at(10), 1)
    expect(refused.allowed).toBe(false)
    expect(limiter.hit(state, rule, at(10) + refused.retryAfter - 1, 1)[1].allowed).toBe(false)
    expect(limiter.hit(state, rule, at(10) + refused.retryAfter, 1)[1].allowed).toBe(true)
    state = limiter.refund?.(state, rule, at(10), 1) ?? state
    expect(limiter.hit(state, rule, at(11), 1)[1].allowed).toBe(true)
  })

  test('guards a bot', async () => {
    const clock = new ManualClock()
    clock.set(at(16))
    launch(ownLimiterBot(telegram.token, options(), clock))
    const ann = telegram.user()
    for (let i = 0; i < 12; i++) ann.command('ask')
    await telegram.idle()
    expect(ann.heard().filter((text) => text === 'Let me think…')).toHaveLength(10)
    expect(ann.heard().filter((text) => text === 'We are back in 17 h.')).toHaveLength(1)
  })
})

test('npm run demo: the flooder is held off, and it ends by itself', async () => {
  const root = resolve(__dirname, '..')
  const loader = ['-r', 'ts-node/register/transpile-only', '-r', resolve(__dirname, 'support/self.js')]
  const demo = spawn(process.execPath, [...loader, resolve(root, 'samples/demo/main.ts')], {
    cwd: root,
    env: { ...process.env, BOT_TOKEN: '' },
  })
  let printed = ''
  demo.stdout.on('data', (chunk: Buffer) => void (printed += chunk.toString()))
  demo.stderr.on('data', (chunk: Buffer) => void (printed += chunk.toString()))
  const [code] = (await once(demo, 'close')) as [number]
  expect(printed).toMatch(/Mallory, floods +15 +1 +2\d\d/)
  expect(printed).toMatch(/Ann, a customer +\d+ +· +· +2 +·/)
  expect(printed).toMatch(/Guest, a stranger +1 +· +· +· +2/)
  expect(printed).toMatch(/updates were refused; the bot sent \d+ messages/)
  expect(code).toBe(0)
}, 60_000)

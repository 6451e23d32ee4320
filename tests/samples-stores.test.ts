import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Telegraf } from 'telegraf'
import { FakeTelegram } from 'telegraf-sentinel/testing'
import { createBot as pgliteBot } from '../samples/pglite/bot'
import { createBot as postgresBot } from '../samples/postgres-registrations/bot'
import { createBot as stayingUp } from '../samples/stay-up/bot'
import { startPostgres } from './support/servers/postgres'
import { freePort } from './support/servers/process'
import { startRedis } from './support/servers/redis'

jest.setTimeout(120_000)

let telegram: FakeTelegram
const ending: (() => unknown)[] = []

beforeEach(async () => {
  telegram = await FakeTelegram.start()
  ending.push(() => telegram.stop())
})

afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

const options = (): { telegram: { apiRoot: string } } => ({ telegram: { apiRoot: telegram.apiRoot } })

async function launch(bot: Telegraf): Promise<void> {
  ending.push(() => bot.stop())
  void bot.launch()
  await telegram.polled()
}

test('redis workers: two processes, one limit', async () => {
  const redis = await startRedis()
  ending.push(() => redis.stop())
  const port = await freePort()
  const root = resolve(__dirname, '..')
  const loader = ['-r', 'ts-node/register/transpile-only', '-r', resolve(__dirname, 'support/self.js')]
  const bot = spawn(process.execPath, [...loader, resolve(root, 'samples/redis-workers/bot.ts')], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      BOT_TOKEN: telegram.token,
      API_ROOT: telegram.apiRoot,
      REDIS_URL: redis.url,
      SECRET: 'secret',
      PORT: String(port),
      WEBHOOK: `http://127.0.0.1:${port}/telegram`,
    },
  })
  ending.push(async () => {
    bot.kill()
    await once(bot, 'close')
  })
  await telegram.waitForCall('setWebhook', undefined, { timeout: '60s' })
  const workers = new Set<string>()
  while (workers.size < 2) {
    const early = telegram.user()
    early.command('who')
    await telegram.idle()
    early.heard().forEach((text) => workers.add(text))
  }
  const ann = telegram.user()
  for (let n = 0; n < 30; n++) ann.command('who')
  await telegram.idle()
  const served = ann.heard().filter((text) => text.startsWith('Worker '))
  expect(served).toHaveLength(20)
  expect(new Set(served).size).toBe(2)
  expect(ann.heard().filter((text) => text.startsWith('Too fast.'))).toHaveLength(1)
})

test('postgres registrations: members have a city, strangers none, and a restart changes nothing', async () => {
  const postgres = await startPostgres()
  ending.push(() => postgres.stop())
  const ann = telegram.user()
  const bob = telegram.user()
  const first = postgresBot(telegram.token, postgres.url, options())
  await launch(first)
  ann.command('register Bern')
  await telegram.idle()
  first.stop()
  await launch(postgresBot(telegram.token, postgres.url, options()))
  ann.command('city')
  bob.command('city')
  await telegram.idle()
  ann.command('leave')
  await telegram.idle()
  ann.command('city')
  await telegram.idle()
  expect(ann.heard()).toEqual([
    'You are registered.',
    'You live in Bern.',
    'Send /register and your city first.',
  ])
  expect(bob.heard()).toEqual(['Send /register and your city first.'])
})

test('pglite: a ban outlives the process that gave it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-pglite-'))
  ending.push(() => rm(folder, { recursive: true }))
  const ann = telegram.user()
  const first = pgliteBot(telegram.token, folder, options())
  await first.sentinel.ready()
  await launch(first.bot)
  for (let n = 0; n < 5; n++) {
    ann.command('quote')
    await telegram.idle()
  }
  expect(ann.heard().filter((text) => text.startsWith('Simplicity'))).toHaveLength(3)
  first.bot.stop()
  await first.sentinel.close()

  const second = pgliteBot(telegram.token, folder, options())
  await second.sentinel.ready()
  ending.push(() => second.sentinel.close())
  await launch(second.bot)
  ann.command('quote')
  await telegram.idle()
  expect(ann.heard().filter((text) => text.startsWith('Simplicity'))).toHaveLength(3)
  expect(await second.sentinel.blocks.get(ann.id)).toMatchObject({ by: 'sentinel', reason: 'quote' })
})

test('stay up: the bot answers while Redis is away, and a ban given meanwhile is in Redis afterwards', async () => {
  const redis = await startRedis()
  ending.push(() => redis.stop())
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-stay-up-'))
  ending.push(() => rm(folder, { recursive: true }))
  const [owner, ann, bob] = [telegram.user(), telegram.user(), telegram.user()]
  process.env.OWNER = String(owner.id)
  ending.push(() => delete process.env.OWNER)
  const { bot, sentinel, close } = stayingUp(telegram.token, redis.url, join(folder, 'journal'), options())
  ending.push(close)
  const said = jest.spyOn(console, 'error').mockReturnValue(undefined)
  ending.push(() => said.mockRestore())
  await sentinel.ready()
  await launch(bot)
  ann.command('ping')
  await telegram.idle()

  const recovered = new Promise((resolve) => sentinel.once('recovered', resolve))
  await redis.kill()
  ann.command('ping')
  owner.command(`ban ${bob.id}`)
  await telegram.idle()
  bob.command('ping')
  await telegram.idle()
  expect(ann.heard()).toEqual(['pong', 'pong'])
  expect(bob.heard()).toEqual([])

  await redis.restart()
  await recovered
  expect(await redis.admin('SMEMBERS', ((await redis.admin('KEYS', '*:blocks:*')) as string[])[0])).toEqual([
    String(bob.id),
  ])
  bob.command('ping')
  await telegram.idle()
  expect(bob.heard()).toEqual([])
})

/**
 * A real Telegraf against `telegram-test-api`: a Bot API server that others wrote. It hands every update over once,
 * whatever the offset, and answers polls at once, so Telegraf polls in a tight loop: each test lasts only as long as it
 * takes to hear the answer.
 */
import { createServer, type AddressInfo } from 'node:net'
import { Telegraf, type MiddlewareFn, type Context } from 'telegraf'
import TelegramServer from 'telegram-test-api'
import { createSentinel } from 'telegraf-sentinel'

const TOKEN = '123456:E2E'
const HOST = '127.0.0.1'

let server: TelegramServer
let bot: Telegraf
let running: Promise<void>

beforeEach(async () => {
  server = new TelegramServer({ host: HOST, port: await freePort() })
  await server.start()
})

afterEach(async () => {
  bot.stop()
  await running
  await server.stop()
})

test('listens on loopback only', async () => {
  expect(new URL(server.config.apiURL).hostname).toBe(HOST)
  expect(listeningAddress(server)).toBe(HOST)
  await launch()
  expect(await say('/start')).toHaveLength(1)
})

test('answers /start', async () => {
  await launch()
  expect(await say('/start')).toEqual(['Welcome, Ann!'])
})

test('answers a second command of the same user', async () => {
  await launch()
  expect(await say('/start')).toEqual(['Welcome, Ann!'])
  expect(await say('/echo once more')).toEqual(['once more'])
})

test('stands behind a sentinel: the second echo is refused, once and in words', async () => {
  const sentinel = createSentinel({ rateLimit: { limit: 1, window: '1h' } })
  await launch(sentinel.middleware())
  expect(await say('/echo one')).toEqual(['one'])
  const [refusal, ...more] = await say('/echo two')
  expect(refusal).not.toBe('two')
  expect(more).toEqual([])
})

/** The bot under test; what `guards` has stands in front of its handlers. */
async function launch(...guards: MiddlewareFn<Context>[]): Promise<void> {
  bot = new Telegraf(TOKEN, { telegram: { apiRoot: server.config.apiURL } })
  for (const guard of guards) bot.use(guard)
  bot.start((ctx) => ctx.reply(`Welcome, ${ctx.from.first_name}!`))
  bot.command('echo', (ctx) => ctx.reply(ctx.payload))
  await new Promise<void>((resolve) => {
    running = bot.launch({}, resolve)
  })
}

/** Sends a command as Ann; the texts that she gets. */
async function say(command: string): Promise<string[]> {
  const ann = server.getClient(TOKEN, {
    userId: 7,
    chatId: 7,
    firstName: 'Ann',
    interval: 10,
    timeout: 5_000,
  })
  await ann.sendCommand(ann.makeCommand(command))
  const { result } = await ann.getUpdates()
  return result.map(({ message }) => message.text)
}

function listeningAddress(started: TelegramServer): string | undefined {
  const { server: http } = started as unknown as { server: { address(): AddressInfo } }
  return http.address().address
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, HOST, resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

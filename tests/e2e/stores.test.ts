/** Guarded bots on shared stores, as their users meet them: two workers, a server that dies and comes back. */
import 'reflect-metadata'
import type { Context } from 'telegraf'
import {
  Command,
  Controller,
  createSentinel,
  Debounce,
  On,
  RateLimit,
  RequireRegistered,
  type Sentinel,
  type SentinelEvent,
  type SentinelOptions,
} from 'telegraf-sentinel'
import type { FakeTelegram } from 'telegraf-sentinel/testing'
import { createUpdates, type FakeUser } from 'telegraf-sentinel/testing'
import { startPostgres } from '../support/servers/postgres'
import { startRedis } from '../support/servers/redis'
import { botFor, cleanUp, launch, startTelegram } from '../testing/bots'

jest.setTimeout(120_000)

@Controller()
@RateLimit(5, '1h')
class Shop {
  @Command('buy')
  @RateLimit({ limit: 3, window: '1h', algorithm: 'gcra' })
  @RequireRegistered()
  async buy(ctx: Context): Promise<void> {
    await ctx.reply('Bought.')
  }

  @On('text')
  @Debounce('1h')
  async echo(ctx: Context): Promise<void> {
    await ctx.reply(`Echo ${ctx.text}`)
  }
}

interface Server {
  readonly url: string
  kill(): Promise<void>
  /** Starts it again after `kill`. */
  start(): Promise<void>
  stop(): Promise<void>
}

const SERVERS: readonly (readonly [name: string, start: () => Promise<Server>])[] = [
  [
    'Redis',
    async () => {
      const server = await startRedis()
      return {
        url: server.url,
        kill: () => server.kill(),
        start: () => server.restart(),
        stop: () => server.stop(),
      }
    },
  ],
  ['PostgreSQL', () => startPostgres({ durable: true })],
]

const ending: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await cleanUp()
  for (const end of ending.splice(0).reverse()) await end()
})

async function serverOf(start: () => Promise<Server>): Promise<Server> {
  const server = await start()
  ending.push(() => server.stop())
  return server
}

/** A worker with a sentinel of its own; Telegram gives the update to whichever it is sent to. */
function workerOf(telegram: FakeTelegram, options: SentinelOptions) {
  const events: SentinelEvent[] = []
  const sentinel: Sentinel = createSentinel({
    controllers: [Shop],
    reply: { limited: 'Slow down.' },
    ...options,
  })
  sentinel.on('storeError', (event) => events.push(event))
  ending.push(() => sentinel.close())
  const bot = botFor(telegram)
  bot.use(sentinel)
  bot.use((ctx) => ctx.reply('Passed the chain.'))
  return { bot, sentinel, events }
}

describe.each(SERVERS)('%s', (_name, start) => {
  test('two workers share limits, debounces, registrations and bans', async () => {
    const { url } = await serverOf(start)
    const telegram = await startTelegram()
    const workers = [workerOf(telegram, { store: url }), workerOf(telegram, { store: url })]
    await Promise.all(workers.map(({ sentinel }) => sentinel.ready()))
    await launch(telegram, workers[0].bot)
    workers[1].bot.botInfo = workers[0].bot.botInfo
    const updates = createUpdates()
    const ann = telegram.user({ first_name: 'Ann' })
    const give = (worker: number, text: string): Promise<void> =>
      workers[worker].bot.handleUpdate(updates.text(text, { from: ann.user }))

    await give(0, '/buy')
    await workers[0].sentinel.registrations.add(ann.id)
    await Promise.all([give(0, '/buy'), give(1, '/buy'), give(1, '/buy'), give(0, '/buy')])
    expect(countOf(ann, 'Bought.')).toBe(3)
    expect(countOf(ann, 'Slow down.')).toBe(1)

    await Promise.all([give(0, 'hello'), give(1, 'hello')])
    await give(1, 'hello again')
    expect(countOf(ann, 'Echo hello')).toBe(1)
    expect(countOf(ann, 'Echo hello again')).toBe(1)

    await workers[1].sentinel.blocks.add(ann.id, { reason: 'spam' })
    const before = ann.heard().length
    await give(0, 'anybody?')
    expect(ann.heard()).toHaveLength(before)
    expect(await workers[0].sentinel.limits.peek('Shop', { userId: ann.id })).toMatchObject({ remaining: 0 })
  })

  test('a group that becomes a supergroup keeps what its limits have counted', async () => {
    const { url } = await serverOf(start)
    const telegram = await startTelegram()
    const limits = [
      { name: 'chat', limit: 5, window: '1h', scope: 'chat', algorithm: 'gcra' },
      { name: 'member', limit: 9, window: '1h', scope: 'member' },
    ] as const
    const { bot, sentinel } = workerOf(telegram, { store: url, rateLimit: limits })
    await launch(telegram, bot)
    const [group, supergroup] = [-42, -1_000_000_000_042]
    const ann = telegram.user()
    const inGroup = ann.in({ id: group, type: 'group', title: 'Shop' })
    for (const text of ['a', 'b', 'c']) inGroup.say(text)
    await telegram.idle()
    telegram.send(telegram.updates.migrateToChatId(supergroup, { from: ann.user, chat: group }))
    await telegram.idle()
    const left = async (chatId: number) => [
      (await sentinel.limits.peek('chat', { chatId })).remaining,
      (await sentinel.limits.peek('member', { chatId, userId: ann.id })).remaining,
    ]
    const [old, moved] = [await left(group), await left(supergroup)]
    // The message that tells of the move is the old chat's last, and all that it has counted.
    expect(old).toEqual([4, 8])
    expect(moved).toEqual([2, 6])
  })

  test('a server that is killed: updates go on, the error says why, and it guards again by itself', async () => {
    const server = await serverOf(start)
    const telegram = await startTelegram()
    const worker = workerOf(telegram, { store: server.url, requireRegistered: false })
    await worker.sentinel.ready()
    await launch(telegram, worker.bot)
    const ann = telegram.user()
    ann.say('one')
    await telegram.idle()
    await worker.sentinel.blocks.add(7, { reason: 'kept?' })

    await server.kill()
    ann.say('two')
    ann.say('two')
    await telegram.idle()
    expect(ann.heard()).toEqual(['Echo one', 'Echo two', 'Echo two'])
    expect(worker.events.length).toBeGreaterThan(0)
    const [{ error }] = worker.events as readonly { error: Error }[]
    expect(error.message).toMatch(/127\.0\.0\.1|closed|connect|terminated/i)
    expect((await worker.sentinel.health()).status).toBe('down')

    await server.start()
    await until(async () => (await worker.sentinel.health()).status === 'ok')
    ann.say('three')
    ann.say('three')
    await telegram.idle()
    expect(ann.heard().slice(3)).toEqual(['Echo three'])
    const kept = await worker.sentinel.blocks.get(7)
    if (server.url.startsWith('postgres')) expect(kept).toMatchObject({ reason: 'kept?' })
    else expect(kept).toBeUndefined()
  })

  test.each([
    ['refuse', ['Later, please.']],
    ['allow', ['Echo hi', 'Echo hi']],
  ] as const)('nothing there from the start, onStoreError: %s', async (onStoreError, heard) => {
    const server = await serverOf(start)
    await server.kill()
    const telegram = await startTelegram()
    const reply = { 'store-error': 'Later, please.' }
    const worker = workerOf(telegram, { store: server.url, onStoreError, reply })
    await launch(telegram, worker.bot)
    const ann = telegram.user()
    ann.say('hi')
    await telegram.idle()
    ann.say('hi')
    await telegram.idle()
    expect(ann.heard()).toEqual(heard)
    await expect(worker.sentinel.ready()).rejects.toThrow(/127\.0\.0\.1/)
  })
})

function countOf(user: FakeUser, text: string): number {
  return user.heard().filter((heard) => heard === text).length
}

/** The test's own time limit ends a wait in vain. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(setImmediate)
}

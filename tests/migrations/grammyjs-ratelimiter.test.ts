import { createClient } from 'redis'
import { ManualClock, type FakeTelegram } from 'telegraf-sentinel/testing'
import { startRedis, type RedisServer } from '../support/servers/redis'
import { createBot as after } from './bots/grammyjs-ratelimiter.after'
import { createBot as before } from './bots/grammyjs-ratelimiter.before'
import { album, anonymousAdmins, channel, Ending, pays, says, taps, town } from './town'

jest.setTimeout(30_000)

const ending = new Ending()
/** What the old bot's handlers threw; without `bot.catch` the first of them would end the bot. */
const errors: string[] = []
let redis: RedisServer
let clock: ManualClock
let old: FakeTelegram
let moved: FakeTelegram

/** The old bot's Redis, its commands named as ioredis names them; npm redis writes the second one pExpire. */
async function connected(): Promise<Parameters<typeof before>[1]> {
  const client = createClient({ url: redis.url, disableOfflineQueue: true })
  // Telegram's updates meet the same failure; one report of it is enough.
  client.on('error', () => undefined)
  await client.connect()
  ending.add(() => client.destroy())
  return {
    incr: (key) => client.incr(key),
    pexpire: (key, milliseconds) => client.pExpire(key, milliseconds),
  }
}

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

beforeEach(async () => {
  await redis.admin('FLUSHALL')
  const counters = await connected()
  errors.length = 0
  clock = new ManualClock()
  old = await town(ending, (telegram) => {
    const bot = before(telegram.token, counters, { apiRoot: telegram.apiRoot })
    bot.catch(({ error }) => void errors.push((error as Error).message))
    void bot.start()
    return bot
  })
  moved = await town(ending, (telegram) => {
    const { bot, sentinel } = after(
      telegram.token,
      redis.url,
      { telegram: { apiRoot: telegram.apiRoot } },
      clock,
    )
    ending.add(() => sentinel.close())
    void sentinel.ready().then(() => bot.launch())
    return bot
  })
})
afterEach(() => ending.run())

describe('is the same', () => {
  test.each([
    [
      'three messages are answered, the fourth has a notice, the fifth nothing',
      says('a', 'b', 'c', 'd', 'e'),
      ['I see.', 'I see.', 'I see.', 'Slow down, please.'],
    ],
    ['one joke a minute', says('/joke', '/joke', '/joke'), ['Knock, knock.']],
  ])('%s', async (_title, scene, heard) => {
    expect(await scene(old)).toEqual(heard)
    expect(await scene(moved)).toEqual(heard)
  })

  test('after the window the user may write again', async () => {
    for (const telegram of [old, moved]) await says('a', 'b', 'c', 'd')(telegram)
    // The old bot's window is Redis' own time: its end is brought about.
    await redis.admin('DEL', 'RATE_LIMITER1001')
    clock.advance('10s')
    for (const telegram of [old, moved]) {
      telegram.user({ id: 1001 }).say('hello again')
      await telegram.idle()
      expect(telegram.texts(1001).at(-1)).toBe('I see.')
    }
  })
})

describe('is different', () => {
  test.each([
    ['a refused tap is answered, so that its spinner stops', taps(5), 3, 5],
    ['an album is one message', album, 3, 5],
    ['a payment passes', pays, false, true],
    ['anonymous admins count by group, not all as one', anonymousAdmins, [2, 1], [2, 2]],
    ['a channel counts as its own actor, where it had no limit', channel, 5, 3],
  ])('%s', async (_title, scene, then, now) => {
    expect(await scene(old)).toEqual(then)
    expect(await scene(moved)).toEqual(now)
  })

  test('while Redis is away the bot answers, unguarded, where each update was an error', async () => {
    await redis.kill()
    ending.add(() => redis.restart())
    const warned = jest.spyOn(process, 'emitWarning').mockReturnValue(undefined)
    ending.add(() => warned.mockRestore())
    expect(await says('hello')(old)).toEqual([])
    expect(errors).toHaveLength(1)
    expect(await says('a', 'b', 'c', 'd')(moved)).toEqual(['I see.', 'I see.', 'I see.', 'I see.'])
  })
})

test('at the switch everybody begins anew: no key of the old bot is read, and each ends with its window', async () => {
  await says('a', 'b', 'c', 'd')(old)
  const left = Number(await redis.admin('PTTL', 'RATE_LIMITER1001'))
  expect(left).toBeGreaterThan(0)
  expect(left).toBeLessThanOrEqual(10_000)
  expect(await says('a', 'b', 'c', 'd')(moved)).toEqual(['I see.', 'I see.', 'I see.', 'Slow down, please.'])
  const keys = (await redis.admin('KEYS', '*')) as string[]
  const others = keys.filter((key) => !key.startsWith('RATE_LIMITER'))
  expect(others).not.toEqual([])
  expect(others.filter((key) => !key.startsWith('sentinel:main:'))).toEqual([])
})

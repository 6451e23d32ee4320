/** A real Redis with memory behind it: paused, killed, back again. The bot goes on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { failover, type FailoverStore } from '../../../lib/stores/failover'
import { RedisStore } from '../../../lib/stores/redis'
import type { StoreEvent } from '../../../lib/stores/store-event'
import { guarded, stopAll, type GuardedBot } from '../../support/guarded'
import { until } from '../../support/servers/child'
import { startRedis, type RedisServer } from '../../support/servers/redis'

let redis: RedisServer
let store: FailoverStore
let bot: GuardedBot
let events: StoreEvent[]

beforeEach(async () => {
  redis = await startRedis()
  // Patient, as the machine may be busy.
  store = failover([redis.url, 'memory'], { timeout: '1s' })
  events = []
  store.observe((event) => void events.push(event))
  bot = await guarded(
    { store, storeTimeout: '5s', rateLimit: { limit: 1_000, window: '1h' } },
    { realTime: true },
  )
  await bot.sentinel.ready()
  await until(isWell, timeline)
  events.length = 0
})
afterEach(async () => {
  await stopAll()
  await store.close()
  await redis.stop()
})

/** Updates one after the other; how many. */
async function updatesFor(ms: number): Promise<number> {
  const end = performance.now() + ms
  let handled = 0
  while (performance.now() < end) {
    await bot.send(bot.updates.message({ text: 'hello' }))
    handled++
    await sleep(2)
  }
  return handled
}

const isWell = async () => (await store.health()).status === 'ok'
const isDegraded = () => Promise.resolve(events.at(-1)?.type === 'degraded')
const timeline = (): string => JSON.stringify(events.map((event) => event.type))

/** What Redis itself says of users' bans. */
async function bannedInRedis(): Promise<number[]> {
  const own = new RedisStore(redis.url)
  await own.connect()
  try {
    const { records } = await own.listRecords({ space: 'sentinel:main', namespace: 'blocks' }, { limit: 100 })
    return records.map(({ userId }) => userId).sort((a, b) => a - b)
  } finally {
    await own.close()
  }
}

test.each<['paused' | 'killed']>([['paused'], ['killed']])(
  'while Redis is %s the bot goes on, and bans; then Redis has them, and serves again by itself',
  async (how) => {
    await bot.sentinel.blocks.add(7)
    await updatesFor(100)
    expect((await bot.sentinel.health()).store).toMatchObject({ name: 'failover' })

    const began = bot.passed.length
    if (how === 'paused') redis.pause()
    else await redis.kill()
    let handled = 0
    await until(async () => {
      handled += await updatesFor(100)
      return isDegraded()
    }, timeline)
    expect(bot.passed.length - began).toBe(handled)
    await bot.sentinel.blocks.add(8)
    await bot.sentinel.blocks.remove(7)
    await bot.sentinel.blocks.add(9, { for: '1h', reason: 'spam' })
    expect((await bot.sentinel.health()).store.status).toBe('degraded')
    expect(await bot.outcomes(bot.updates.message({ from: { id: 9 } }))).toEqual(['blocked'])

    if (how === 'paused') redis.resume()
    else await redis.restart()
    await until(isWell, timeline)
    expect(events.at(-1)).toMatchObject({ type: 'recovered' })
    expect(await bannedInRedis()).toEqual([8, 9])
    expect(
      await bot.outcomes(bot.updates.message({ from: { id: 9 } }), bot.updates.message({ from: { id: 7 } })),
    ).toEqual(['blocked', 'allowed'])
    // A copy under way may be told of; updates are not its concern.
    const failed = bot.events.flatMap((event) => (event.type === 'storeError' ? event.source : []))
    expect(failed.filter((source) => source !== 'copies')).toEqual([])
    expect(bot.caught).toEqual([])
  },
)

test('a Redis that is not there at first is no reason to wait', async () => {
  await redis.kill()
  const late = failover([redis.url, 'memory'], { timeout: '1s' })
  const other = await guarded(
    { store: late, storeTimeout: '5s', rateLimit: { limit: 1, window: '1h' } },
    { realTime: true },
  )
  const message = (): object => other.updates.message({ text: 'hello' })
  expect(await other.outcomes(message(), message())).toEqual(['allowed', 'limited'])
  await redis.restart()
  await until(
    async () => (await other.sentinel.health()).status === 'ok',
    () => 'it does not come back',
  )
  await late.close()
})

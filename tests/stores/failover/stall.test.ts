/** A process that is busy for longer than a store may take: the store, a real one, is not to blame. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { failover, type FailoverStore } from '../../../lib/stores/failover'
import type { StoreEvent } from '../../../lib/stores/store-event'
import { decide, limitOf } from '../../../lib/testing/contract/requests'
import { guarded, stopAll } from '../../support/guarded'
import { until } from '../../support/servers/child'
import { startPostgres, type PostgresServer } from '../../support/servers/postgres'
import { startRedis, type RedisServer } from '../../support/servers/redis'
import { TroubledStore } from '../../support/troubled-store'
import { lineOf, said, SPACE } from './support'

const TIMEOUT = 200
/** How long the process is busy (ms). */
const BUSY = 300
const LIMITS = { limits: [limitOf({ limit: 1_000 })] }

let redis: RedisServer
let postgres: PostgresServer
let store: FailoverStore
let events: StoreEvent[]

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([startRedis(), startPostgres()])
})
afterAll(() => Promise.all([redis.stop(), postgres.stop()]))
afterEach(() => store.close())

const servers = { Redis: () => redis, PostgreSQL: () => postgres } as const

/** Connected, and used before: the first decisions take their time. */
async function open(name: keyof typeof servers): Promise<void> {
  store = failover([servers[name]().url, 'memory'], { timeout: TIMEOUT })
  events = []
  await store.connect()
  await until(
    async () => (await store.health()).status === 'ok',
    () => said(events).join(),
  )
  for (let n = 0; n < 20; n++) await decide(store, SPACE, { ...LIMITS, actor: 1 })
  // What is copied at first is done by then, and so is what the start has held up.
  await sleep(50)
  store.observe((event) => void events.push(event))
}

function beBusy(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

const remaining = (decisions: readonly { readonly limits: readonly { remaining: number }[] }[]) =>
  decisions.map(({ limits }) => limits[0].remaining)

describe.each(['Redis', 'PostgreSQL'] as const)('%s', (name) => {
  beforeEach(() => open(name))

  test('whose answers have arrived while the process was busy is not away', async () => {
    // A decision more than opens the breaker.
    const decisions = Array.from({ length: 6 }, () => decide(store, SPACE, { ...LIMITS, actor: 1 }))
    // They are written in this turn.
    await turn()
    await turn()
    beBusy(BUSY)
    // Counted where the twenty before them are: it is not memory that has answered.
    expect(Math.max(...remaining(await Promise.all(decisions)))).toBeLessThanOrEqual(979)
    expect(said(events)).toEqual([])
    expect((await store.health()).stores?.[0]).toMatchObject({ breaker: 'closed' })
  })

  test('nor is one that has not been asked, though the others answer in its stead', async () => {
    const decisions: Promise<unknown>[] = []
    // More than travel at a time: the last of them wait in the process.
    for (let n = 0; n < 30; n++) {
      decisions.push(...Array.from({ length: 30 }, () => decide(store, SPACE, { ...LIMITS, actor: 1 })))
      await Promise.resolve()
      await Promise.resolve()
    }
    beBusy(BUSY)
    await Promise.all(decisions)
    expect(said(events)).toEqual([])
    expect((await store.health()).stores?.[0]).toMatchObject({ breaker: 'closed' })
  })
})

test('one that stands still is given up in time, and is away', async () => {
  await open('Redis')
  const bot = await guarded(
    { store, storeTimeout: '1s', rateLimit: { limit: 1_000, window: '1h' } },
    { realTime: true },
  )
  try {
    await bot.send(bot.updates.message({ text: 'hello' }))
    redis.pause()
    await until(
      async () => {
        const handled = Array.from({ length: 6 }, () => bot.send(bot.updates.message({ text: 'hello' })))
        await turn()
        await turn()
        // Busy, but not for as long as may be waited: the time of the rest is kept.
        beBusy(TIMEOUT / 2)
        await Promise.all(handled)
        return events.length > 0
      },
      () => 'it is still asked',
    )
    // None was without an answer when the bot's own wait was over.
    expect(bot.events.filter(({ type }) => type === 'storeError')).toEqual([])
    expect(said(events)).toEqual([expect.stringMatching(/^degraded redis:.* -> memory$/)])
  } finally {
    redis.resume()
    await stopAll()
  }
})

test('a store that stands still is away at last, though the process is busy all the time', async () => {
  const first = new TroubledStore()
  const line = await lineOf([first, new TroubledStore()], { timeout: 30 })
  store = line.store
  events = line.events
  first.trouble = 'hangs'
  const opened: boolean[] = []
  for (let n = 0; n < 5; n++) {
    const decisions = Array.from({ length: 10 }, () => decide(store, SPACE, LIMITS))
    beBusy(100)
    await Promise.all(decisions)
    opened.push(events.length > 0)
  }
  // Ten time-outs of one round are one failure, or two where the machine is busy, too; five are enough.
  expect([opened[0], opened[4]]).toEqual([false, true])
})

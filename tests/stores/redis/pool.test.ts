/** Several connections of our own to one server. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createClient, createClientPool } from 'redis'
import { SentinelOptionsError } from '../../../lib/errors'
import { RedisStore } from '../../../lib/stores/redis'
import { connectionOf } from '../../../lib/stores/redis/connect'
import { limitOf, requestOf } from '../../../lib/testing/contract/requests'
import { TYPESCRIPT } from '../../hammer/workers'
import { until } from '../../support/servers/child'
import { startRedis } from '../../support/servers/redis'
import type { RedisServer } from '../../support/servers/redis'
import type { PoolOrder } from './pool-worker'
import { AMPLE, COUNT, eventually, runsOf } from './probe'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(async () => server.stop())

describe('the option', () => {
  test.each([0, 65, 1.5, -1, '4', null])('is no pool: %j', (pool) => {
    const make = () => new RedisStore(server.url, { pool: pool as number })
    expect(make).toThrow(SentinelOptionsError)
    expect(make).toThrow(`pool: must be an integer from 1 to 64, not ${String(pool)}`)
  })

  test.each([
    ['createClient', () => createClient({ url: server.url })],
    ['createClientPool', () => createClientPool({ url: server.url })],
  ])('is not for what %s made', (_name, make) => {
    const says =
      'pool: is for a store made from a URL: a client of yours has its own connections (createClientPool)'
    expect(() => new RedisStore(make(), { pool: 1 })).toThrow(says)
    expect(() => new RedisStore({ client: make(), pool: 2 })).toThrow(says)
  })

  test('says how many connections there are', async () => {
    for (const pool of [undefined, 1, 5, 64]) {
      const store = new RedisStore({ url: server.url, pool })
      await store.connect()
      const all = (pool ?? 1) + 1
      await eventually(async () => expect(await clients()).toHaveLength(all))
      await store.close()
      await eventually(async () => expect(await clients()).toHaveLength(1))
    }
  })
})

describe('one of several connections that is lost', () => {
  test('takes its own calls with it; the others, and those to come, are answered', async () => {
    const connection = connectionOf(server.url, { timeout: AMPLE, pool: 3 })
    await connection.connect()
    await eventually(async () => expect(await clients()).toHaveLength(4))
    // Scripts wait until that is over, while other commands are answered.
    await server.admin('CLIENT', 'PAUSE', '20000', 'WRITE')
    const run = (key: string) => connection.run(COUNT, [key], [], AMPLE)
    const asked = Array.from({ length: 30 }, (_, n) => run(`pool:${n}`))
    const settled = Promise.allSettled(asked)
    await eventually(async () =>
      expect((await clients()).filter(({ cmd }) => cmd !== 'client|list')).toHaveLength(3),
    )
    const [victim] = (await clients()).filter(({ cmd }) => cmd === 'evalsha')
    await server.admin('CLIENT', 'KILL', 'ID', victim.id)
    await Promise.any(
      asked.map((one) =>
        one.then(
          () => Promise.reject(new Error('answered')),
          () => 'lost',
        ),
      ),
    )
    const more = Promise.all(Array.from({ length: 20 }, (_, n) => run(`more:${n}`)))
    await server.admin('CLIENT', 'UNPAUSE')
    const outcomes = await settled
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10)
    expect(await more).toEqual(Array(20).fill(1))
    for (let n = 0; n < 30; n++) {
      expect(await runsOf(connection, `pool:${n}`)).toBe(outcomes[n].status === 'fulfilled' ? 1 : 0)
    }
    await eventually(async () => expect(await clients()).toHaveLength(4))
    await connection.close()
  })

  test('under load nothing else fails', async () => {
    const store = new RedisStore(server.url, { pool: 3, timeout: AMPLE, batch: 8 })
    await store.connect()
    await eventually(async () => expect(await clients()).toHaveLength(4))
    let over = false
    let decided = 0
    let failed = 0
    const limits = [limitOf({ limit: 5 })]
    const load = Promise.all(
      Array.from({ length: 64 }, async (_, n) => {
        for (let actor = n; !over; actor += 64) {
          try {
            await store.decide(requestOf('sentinel:load', { actor, limits }))
            decided++
          } catch (error) {
            expect(String(error)).toContain('was lost')
            failed++
          }
        }
      }),
    )
    try {
      for (let kills = 0; kills < 3; kills++) {
        const before = decided
        await until(
          () => decided > before + 100,
          () => 'nothing is decided any more',
        )
        const [victim] = (await clients()).filter(({ cmd }) => cmd === 'evalsha')
        await server.admin('CLIENT', 'KILL', 'ID', victim.id)
        // One at a time: were all three gone, every call would fail.
        await eventually(async () => expect(await clients()).toHaveLength(4))
      }
    } finally {
      over = true
    }
    await load
    // Calls of 8 decisions, and at most all five of them on the one connection.
    expect(failed).toBeLessThanOrEqual(3 * 5 * 8)
    expect(decided).toBeGreaterThan(0)
    await store.close()
  })
})

test('a limit stays exact over two processes with four connections each', async () => {
  const order: PoolOrder = { decisions: 2000, limit: 1234 }
  const file = resolve(__dirname, 'pool-worker.ts')
  const workers = [1, 2].map(() => fork(file, [server.url, '4'], { execArgv: TYPESCRIPT }))
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const passed = workers.map(async (worker) => {
    const word = once(worker, 'message')
    const ended = once(worker, 'exit')
    worker.send(order)
    const [count] = (await word) as [number]
    expect((await ended)[0]).toBe(0)
    return count
  })
  const counts = await Promise.all(passed)
  expect(counts[0] + counts[1]).toBe(1234)
})

/** Who is connected, and the last command of each; the one that asks among them. */
async function clients(): Promise<{ readonly id: string; readonly cmd: string }[]> {
  const lines = String(await server.admin('CLIENT', 'LIST'))
    .trim()
    .split('\n')
  return lines.map((line) => ({
    id: / ?id=(\d+)/.exec(line)?.[1] ?? '',
    cmd: / cmd=(\S+)/.exec(line)?.[1] ?? '',
  }))
}

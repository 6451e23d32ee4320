/** Connections of our own come back by themselves, whatever happened to them, and not all at the same moment. */
import { createClient } from 'redis'
import { StoreError } from '../../../lib/errors'
import { connectionOf } from '../../../lib/stores/redis/connect'
import type { RedisConnection } from '../../../lib/stores/redis/connection'
import { Line } from '../../../lib/stores/redis/line'
import type { OwnClient } from '../../../lib/stores/redis/line'
import { freePort } from '../../support/servers/process'
import { Proxy } from '../../support/servers/proxy'
import type { ProxyMode } from '../../support/servers/proxy'
import { startRedis } from '../../support/servers/redis'
import type { RedisServer } from '../../support/servers/redis'
import { COUNT, eventually, failureOf, runsOf } from './probe'

jest.setTimeout(60_000)

const timeout = 200
let server: RedisServer
let proxy: Proxy
let direct: RedisConnection
beforeAll(async () => {
  server = await startRedis()
  direct = connectionOf(server.url, { timeout: 5000 })
})
beforeEach(async () => {
  proxy = await Proxy.start(server.port)
})
afterEach(() => proxy.stop())
afterAll(async () => {
  await direct.close()
  await server.stop()
})

const modes: ProxyMode[] = ['refuse', 'reset', 'black-hole', 'slow', 'half-open']

describe.each([1, 3])('over a network that fails, with %i connections', (pool) => {
  test.each(modes)('%s: calls end in time, run once at most, and it comes back', async (mode) => {
    const connection = connectionOf(proxy.through(server.url), { timeout, pool })
    await connection.connect()
    await connection.run(COUNT, [`${mode}:${pool}:before`], [], 5000)
    await proxy.become(mode)
    const start = performance.now()
    const keys = Array.from({ length: 6 }, (_, n) => `${mode}:${pool}:${n}`)
    const outcomes = await Promise.allSettled(keys.map((key) => connection.run(COUNT, [key], [], timeout)))
    expect(performance.now() - start).toBeLessThan(timeout + 1000)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(StoreError)
    }
    await proxy.become('pass')
    expect(await eventually(() => connection.run(COUNT, [`${mode}:${pool}:after`], [], timeout))).toBe(1)
    for (const key of keys) expect(await runsOf(direct, key)).toBeLessThanOrEqual(1)
    await connection.close()
  })
})

test('one call without an answer is enough, where nothing else is asked', async () => {
  const connection = connectionOf(proxy.through(server.url), { timeout })
  await connection.connect()
  await proxy.become('half-open')
  await failureOf(connection.run(COUNT, ['single'], [], timeout))
  await eventually(async () => expect(String(await server.admin('CLIENT', 'LIST'))).toContain('cmd=ping'))
  expect(await eventually(() => connection.run(COUNT, ['single:after'], [], timeout))).toBe(1)
  await connection.close()
})

test('a server that accepts connections and says nothing is none: calls fail at once', async () => {
  await proxy.become('black-hole')
  const connection = connectionOf(proxy.through(server.url), { timeout })
  const { message } = await failureOf(connection.connect())
  expect(message).toContain('no answer within 2000 ms')
  const start = performance.now()
  for (let n = 0; n < 100; n++) await failureOf(connection.command(['PING'], timeout))
  // Those that meet an attempt wait for it, as long as their time.
  expect(performance.now() - start).toBeLessThan(100 * timeout)
  await proxy.become('pass')
  expect(await eventually(() => connection.run(COUNT, ['spoke'], [], timeout))).toBe(1)
  await connection.close()
})

describe('attempts', () => {
  test('are made at growing intervals, of a second at most', async () => {
    const times = await attempts(await freePort(), 8)
    const gaps = times.slice(1).map((time, n) => time - times[n])
    // Timers count in whole milliseconds.
    const least = [25, 50, 100, 200, 400, 500, 500].map((ms) => ms - 2)
    for (const [n, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(least[n])
  })

  test('of many processes that lost a server together are spread', async () => {
    const port = await freePort()
    const all = await Promise.all(Array.from({ length: 20 }, () => attempts(port, 5)))
    const fourth = all.map((times) => Math.round(times[4] - times[3]))
    expect(new Set(fourth).size).toBeGreaterThan(5)
  })

  test('are over when the connection is lost, whatever they wait for', async () => {
    const greeted: OwnClient[] = []
    const line = new Line({
      make: () => {
        const socket = { host: '127.0.0.1', port: server.port, reconnectStrategy: false } as const
        return createClient({ RESP: 2, socket }) as unknown as OwnClient
      },
      greet: (client) => (greeted.push(client) === 1 ? new Promise(() => undefined) : Promise.resolve()),
      patience: 20_000,
    })
    const opened = line.open()
    await eventually(async () => expect(greeted).toHaveLength(1))
    await server.admin('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await failureOf(opened)
    await eventually(async () => expect(line.client).toBeDefined())
    line.close()
  })

  /** When the first attempts to connect to where nothing listens were made. */
  async function attempts(port: number, count: number): Promise<number[]> {
    const times: number[] = []
    const line = new Line({
      make: () => {
        times.push(performance.now())
        const socket = { host: '127.0.0.1', port, reconnectStrategy: false } as const
        return createClient({ RESP: 2, socket }) as unknown as OwnClient
      },
      greet: (client) => client.sendCommand(['PING']),
      patience: 2000,
    })
    await line.open().catch(() => undefined)
    await eventually(async () => expect(times.length).toBeGreaterThanOrEqual(count))
    line.close()
    return times.slice(0, count)
  }
})

/** Two processes on real servers: what the one changes the other knows, long before it would have looked. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import type { StoreHealth } from '../../../lib/stores/decision'
import { TYPESCRIPT } from '../../hammer/workers'
import { until } from '../../support/servers/child'
import { startPostgres, type PostgresServer } from '../../support/servers/postgres'
import { startRedis, type RedisServer } from '../../support/servers/redis'
import type { Address } from '../../support/stores'
import type { Answer, Order } from './process-worker'

jest.setTimeout(120_000)

// Without a word, nothing would be looked at anew before the tests are over.
const OPTIONS = { staleness: '1h', recheck: '1h' }

class Worker {
  readonly #process: ChildProcess

  private constructor(address: Address) {
    this.#process = fork(
      resolve(__dirname, 'process-worker.ts'),
      [JSON.stringify(address), JSON.stringify(OPTIONS)],
      { execArgv: TYPESCRIPT },
    )
  }

  /** A process whose channel is connected. */
  static async start(address: Address): Promise<Worker> {
    const worker = new Worker(address)
    await worker.#answer()
    await worker.isHealthy()
    return worker
  }

  async isHealthy(): Promise<void> {
    let health: StoreHealth | undefined
    await until(
      async () => {
        health = (await this.tell({ do: 'health' })).told as StoreHealth
        return health.status === 'ok' && health.lag === 0
      },
      () => JSON.stringify(health),
    )
  }

  async tell(order: Order): Promise<Answer> {
    this.#process.send(order)
    const answer = await this.#answer()
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer
  }

  decide(actor: number, parts: { limit?: number; registered?: boolean } = {}): Promise<Answer> {
    return this.tell({ do: 'decide', actor, ...parts })
  }

  async close(): Promise<void> {
    const exit = once(this.#process, 'exit')
    await this.tell({ do: 'close' })
    await exit
  }

  async #answer(): Promise<Answer> {
    const [answer] = (await once(this.#process, 'message')) as [Answer]
    return answer
  }
}

const servers = [
  ['Redis', 'redis', startRedis],
  ['PostgreSQL', 'postgres', startPostgres],
] as const

describe.each(servers)('%s', (_name, kind, start) => {
  let server: RedisServer | PostgresServer
  let one: Worker
  let two: Worker
  beforeAll(async () => {
    server = await start()
    const address = { kind, url: server.url }
    ;[one, two] = await Promise.all([Worker.start(address), Worker.start(address)])
  }, 120_000)
  afterAll(async () => {
    await Promise.all([one?.close(), two?.close()])
    await server?.stop()
  }, 60_000)

  const becomes = async (wanted: string, actor: number, parts = {}): Promise<void> => {
    let told: unknown
    await until(
      async () => (told = (await two.decide(actor, parts)).told) === wanted,
      () => `still ${String(told)}`,
    )
  }

  test('bans, registrations and resets are heard', async () => {
    expect((await two.decide(1)).trips).toBe(1)
    expect(await two.decide(1)).toMatchObject({ told: 'allowed', trips: 1 })
    await one.tell({ do: 'ban', actor: 1 })
    await becomes('blocked', 1)
    const { trips } = await two.decide(1)
    expect(await two.decide(1)).toMatchObject({ told: 'blocked', trips })
    await one.tell({ do: 'unban', actor: 1 })
    await becomes('allowed', 1)

    expect((await two.decide(2, { registered: true })).told).toBe('unregistered')
    await one.tell({ do: 'register', actor: 2 })
    await becomes('allowed', 2, { registered: true })
    await one.tell({ do: 'unregister', actor: 2 })
    await becomes('unregistered', 2, { registered: true })

    const told: unknown[] = []
    for (let n = 0; n < 3; n++) told.push((await two.decide(3, { limit: 1 })).told)
    expect(told).toEqual(['allowed', 'limited', 'limited'])
    await one.tell({ do: 'reset', actor: 3 })
    await becomes('allowed', 3, { limit: 1 })
  })

  test('of 2,000 updates of a flooder, next to none makes a trip', async () => {
    const { trips: before } = await two.decide(4, { limit: 3 })
    let trips = before
    for (let n = 0; n < 2_000; n++) trips = (await two.decide(4, { limit: 3 })).trips
    expect(trips - before).toBeLessThan(20)
  })

  test('while the server is away it says so, refuses what it knows to refuse, and hears again afterwards', async () => {
    for (let n = 0; n < 3; n++) await two.decide(5, { limit: 1 })
    server.pause()
    try {
      let health: StoreHealth | undefined
      await until(
        async () => {
          health = (await two.tell({ do: 'health' })).told as StoreHealth
          return (health.lag ?? 0) > 0
        },
        () => JSON.stringify(health),
      )
      expect(await two.decide(5, { limit: 1 })).toMatchObject({ told: 'limited' })
    } finally {
      server.resume()
    }
    await Promise.all([one.isHealthy(), two.isHealthy()])
    await two.decide(6)
    await one.tell({ do: 'ban', actor: 6 })
    await becomes('blocked', 6)
  })
})

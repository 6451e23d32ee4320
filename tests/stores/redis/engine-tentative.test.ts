/** Decisions that may be taken back, which a Cluster's slots are asked for: on one server, beside the reference. */
import { hash53 } from '../../../lib/keys'
import { ALGORITHMS } from '../../../lib/limiters'
import { connectionOf } from '../../../lib/stores/redis/connect'
import type { RedisConnection } from '../../../lib/stores/redis/connection'
import { Engine } from '../../../lib/stores/redis/engine'
import { randomOf } from '../../../lib/testing/contract/random'
import type { Random } from '../../../lib/testing/contract/random'
import { ReferenceStore } from '../../../lib/testing/contract/reference'
import { debounceOf, limitOf, queryOf, requestOf, START } from '../../../lib/testing/contract/requests'
import { startRedis } from '../../support/servers/redis'
import type { RedisServer } from '../../support/servers/redis'

const SEED = Date.now() % 1_000_000
const SPACE = 'engine:t'

let server: RedisServer
let connection: RedisConnection
let engine: Engine

beforeAll(async () => {
  server = await startRedis()
  connection = connectionOf(server.url, { timeout: 5_000 })
  await connection.connect()
  engine = new Engine(connection, { timeout: 5_000, waiting: 1_000, batch: 256 })
})

afterAll(async () => {
  await connection.close()
  await server.stop()
})

const everything = async (): Promise<string[]> => {
  const keys = (await server.admin('KEYS', '*')) as string[]
  return Promise.all(keys.sort().map(async (key) => `${key} ${String(await server.admin('GET', key))}`))
}

const limits = ALGORITHMS.map((limiter) =>
  limitOf({ bucket: limiter, limiter, scope: 'chat', limit: 3, window: 4_000, countRefused: true }),
)

function requestFrom(random: Random, now: number) {
  return requestOf(SPACE, {
    now,
    debounces: random.once(3) ? [debounceOf({ scope: 'chat', text: random.pick(['a', 'b']) })] : [],
    limits: limits.filter(() => random.once(2)),
    album: random.once(3) ? hash53(`album${random.below(5)}`) : undefined,
    duplicate: random.once(4) ? { mark: random.below(9), window: 3_000 } : undefined,
  })
}

test(`what passes is as decided, what is refused or taken back leaves nothing (seed ${SEED})`, async () => {
  const random = randomOf(SEED)
  const reference = new ReferenceStore()
  const seen = new Set<string>()
  for (let step = 0, now = START; step < 400; step++) {
    now += random.pick([0, 1, random.below(900), random.below(6_000), -random.below(2_000)])
    const request = requestFrom(random, now)
    const peeks = () => Promise.all(limits.map((limit) => engine.peek(queryOf(SPACE, limit, now))))
    const [before, left] = [await peeks(), await everything()]
    const { decision, undo } = await engine.tentative({ kind: 'tentative', request })
    if (undo === undefined) {
      seen.add('refused')
      expect({ step, kept: await everything() }).toEqual({ step, kept: left })
    } else if (random.once(2)) {
      seen.add('taken back')
      await engine.refund({ kind: 'refund', request, undo })
      expect({ step, states: await peeks() }).toEqual({ step, states: before })
    } else {
      seen.add('kept')
      expect({ step, ...decision }).toEqual({ step, ...(await reference.decide(request)) })
    }
  }
  expect([...seen].sort()).toEqual(['kept', 'refused', 'taken back'])
})

test('what others have charged since stays', async () => {
  const [limit] = limits
  const request = requestOf('engine:u', { limits: [limit] })
  const first = await engine.tentative({ kind: 'tentative', request })
  await engine.decide({ kind: 'decide', request })
  if (first.undo !== undefined) await engine.refund({ kind: 'refund', request, undo: first.undo })
  expect((await engine.peek(queryOf('engine:u', limit))).remaining).toBe(2)
})

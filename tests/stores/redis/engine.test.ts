/** Batches of decisions at once on a real server, each compared with the reference that decides them one by one. */
import { createClient } from 'redis'
import { hash53 } from '../../../lib/keys'
import { ALGORITHMS } from '../../../lib/limiters'
import type { DecisionRequest, LimitCheck, LimitQuery } from '../../../lib/stores/decision'
import { Blocks, Registrations } from '../../../lib/stores/records'
import { RedisStore } from '../../../lib/stores/redis'
import type { StorageAdapter } from '../../../lib/stores/store'
import { randomOf } from '../../../lib/testing/contract/random'
import type { Random } from '../../../lib/testing/contract/random'
import { ReferenceStore } from '../../../lib/testing/contract/reference'
import { debounceOf, limitOf, queryOf, requestOf, START } from '../../../lib/testing/contract/requests'
import { startRedis } from '../../support/servers/redis'
import type { RedisServer } from '../../support/servers/redis'

const SEEDS = Number(process.env['ENGINE_SEEDS'] ?? 3)
const STEPS = Number(process.env['ENGINE_STEPS'] ?? 150)
const FIRST = Number(process.env['ENGINE_SEED'] ?? Date.now() % 1_000_000)
const DAY = 86_400_000
const SPACES = ['engine:a', 'engine:b']
const PLACES = ['actor', 'actor', 'chat', 'member', 'global', 'own'] as const

let server: RedisServer
let store: RedisStore

beforeAll(async () => {
  server = await startRedis()
  store = new RedisStore(server.url, { timeout: '5s' })
  await store.connect()
})

beforeEach(async () => {
  await server.admin('FLUSHALL')
})

afterAll(async () => {
  await store.close()
  await server.stop()
})

describe.each(Array.from({ length: SEEDS }, (_, n) => FIRST + n))('seed %i', (seed) => {
  test('decisions that travel together are those of the reference, one after another', async () => {
    const random = randomOf(seed)
    const reference = new ReferenceStore()
    const limits = Array.from({ length: 10 }, (_, n) => limitFrom(random, n))
    let now = START
    for (let step = 0; step < STEPS; step++) {
      now += random.pick([0, 1, random.below(400), random.below(9_000), -random.below(3_000)])
      if (random.once(40)) now += random.pick([40 * DAY, -12 * 3_600_000, 400 * DAY])
      if (random.once(30)) await server.admin('SCRIPT', 'FLUSH')
      if (random.once(4)) await change(random, now, [store, reference])
      const requests = Array.from({ length: 1 + random.below(12) }, () => requestFrom(random, now, limits))
      const queries = Array.from({ length: random.below(3) }, () => queryFrom(random, now, limits))
      const got = await Promise.all([
        ...requests.map((request) => store.decide(request)),
        ...queries.map((query) => store.peek(query)),
      ])
      const wanted = []
      for (const request of requests) wanted.push(await reference.decide(request))
      for (const query of queries) wanted.push(await reference.peek(query))
      for (const [n, one] of got.entries()) expect({ step, n, ...one }).toEqual({ step, n, ...wanted[n] })
      for (const query of random.once(5) ? queries : []) {
        for (const each of [store, reference]) await each.reset(query)
      }
      if (random.once(15)) await migrate(random, limits, [store, reference])
    }
  })
})

async function change(random: Random, now: number, stores: readonly StorageAdapter[]): Promise<void> {
  const space = random.pick(SPACES)
  const userId = actorFrom(random)
  const what = random.below(4)
  for (const each of stores) {
    const blocks = new Blocks(each, space, () => now)
    const registrations = new Registrations(each, space, () => now)
    if (what === 0) await blocks.add(userId, { for: '3s' })
    if (what === 1) await blocks.remove(userId)
    if (what === 2) await registrations.add(userId, now % 2 === 0 ? undefined : { tags: ['\u0000', now] })
    if (what === 3) await registrations.remove(userId)
  }
}

async function migrate(
  random: Random,
  limits: readonly LimitCheck[],
  stores: readonly StorageAdapter[],
): Promise<void> {
  const space = random.pick(SPACES)
  const moved = limits.filter(() => !random.once(3)).map(({ bucket, scope }) => ({ bucket, scope }))
  for (const each of stores) await each.migrateChat(space, -1, -2, moved)
}

function actorFrom(random: Random): number {
  return random.pick([1, 2, 3, 7_654_321_098, -1_001_234_567_890, 2 ** 52 - 1])
}

function queryFrom(random: Random, now: number, limits: readonly LimitCheck[]): LimitQuery {
  return queryOf(random.pick(SPACES), random.pick(limits), now, actorFrom(random), -1 - random.below(2))
}

function requestFrom(random: Random, now: number, limits: readonly LimitCheck[]): DecisionRequest {
  const anonymous = random.once(12)
  const reachable = ({ scope }: { scope: string }): boolean =>
    !anonymous || scope === 'global' || scope === 'own'
  const first = random.below(limits.length)
  const some = limits.slice(first, first + random.below(5)).filter(reachable)
  return requestOf(random.pick(SPACES), {
    // Of one batch, not all have the same clock.
    now: now + random.pick([0, 0, 0, 1, -5]),
    actor: anonymous ? undefined : actorFrom(random),
    chat: anonymous ? undefined : -1 - random.below(2),
    duplicate: random.once(3) ? { mark: hash53(`u${random.below(30)}`), window: 5_000 } : undefined,
    block: !random.once(4),
    registration: random.once(3) ? random.pick(['required', 'ask', 'vouched'] as const) : undefined,
    debounces: debouncesFrom(random).filter(reachable),
    limits: some.map((check) => asUsed(random, check)),
    album: random.once(4) ? hash53(`album${random.below(6)}`) : undefined,
    notices: random.once(2) ? { blocked: random.once(2), unregistered: random.once(2) } : undefined,
  })
}

function debouncesFrom(random: Random) {
  return Array.from({ length: random.below(3) }, (_, n) =>
    debounceOf({
      bucket: `debounce${n}`,
      text: random.pick(['a', 'b', 'c']),
      notice: random.once(2),
      window: random.pick([700, 90_000]),
      scope: random.pick(PLACES),
      key: 'k',
    }),
  )
}

/** As it is (the same object each time), or with another cost, limit or outcome, as dynamic limits and own limiters have. */
function asUsed(random: Random, check: LimitCheck): LimitCheck {
  if (random.once(2)) return check
  const cost = random.pick([1, 1, 0, 2, 5, 40])
  if (random.once(8)) {
    const allowed = random.once(2)
    const outcome = {
      allowed,
      retryAfter: allowed ? 0 : 900,
      remaining: 1,
      resetAfter: 7,
      afterCounting: 950,
    }
    return { ...check, outcome, id: check.id + 1, bucket: `${check.bucket} settled` }
  }
  if (random.once(3)) {
    const limit = random.pick([0, 1, 2, 3, 6, 30])
    return { ...check, cost, rule: { ...check.rule, limit, burst: random.once(2) ? limit : limit + 2 } }
  }
  return { ...check, cost }
}

function limitFrom(random: Random, n: number): LimitCheck {
  const scope = random.pick(PLACES)
  const large = random.once(5)
  const limit = large ? random.pick([1_000, 5_000, 1_000_000]) : 1 + random.below(5)
  const limiter = random.pick(ALGORITHMS)
  const bursts = limiter === 'gcra' || limiter === 'token-bucket'
  return limitOf({
    bucket: `limit${n}`,
    limiter,
    limit,
    burst: bursts ? random.pick([limit, 1, limit + 3]) : limit,
    window: large ? random.pick([30 * DAY, 365 * DAY]) : random.pick([1, 500, 3_000, 9_973, 20_000]),
    countRefused: random.once(3),
    shadow: random.once(5),
    blockFor: random.once(5) ? random.pick([1_500, 60_000]) : 0,
    notice: random.once(2),
    scope,
    key: scope === 'own' ? `key${n % 2}` : undefined,
  })
}

describe('what may happen to a server', () => {
  const limits = [limitOf({ limit: 1, window: 60_000 })]
  const key = (actor: number) => raw<string[]>(['KEYS', `engine:a:actor:*:${actor}`]).then(([name]) => name)

  async function raw<T>(command: string[]): Promise<T> {
    const client = createClient({ url: server.url })
    await client.connect()
    try {
      return await client.sendCommand(command)
    } finally {
      await client.close()
    }
  }

  test('a string that is not ours is a clear error of those who need it, and stays as it is', async () => {
    const at = (actor: number) => store.decide(requestOf('engine:a', { actor, limits }))
    await at(1)
    const name = await key(1)
    const whole = await raw<string>(['GET', name])
    for (const broken of [
      '',
      'x',
      '\u0002',
      whole.slice(0, 9),
      `${whole}x`,
      '\u0001\u0000abcdef'.repeat(9),
    ]) {
      await raw(['SET', name, broken])
      const [bad, good] = await Promise.allSettled([at(1), at(2)])
      const text = bad.status === 'rejected' ? String(bad.reason) : JSON.stringify(bad.value)
      expect(text).toContain(`'${name}' holds something`)
      expect(good.status).toBe('fulfilled')
      expect(await raw(['GET', name])).toBe(broken)
      await expect(store.findRecord({ space: 'engine:a', namespace: 'blocks' }, 1)).rejects.toThrow(name)
    }
  })

  test('a request whose checks have no place fails alone', async () => {
    const chat = [limitOf({ scope: 'chat' })]
    const nowhere = requestOf('engine:a', { chat: undefined, limits: chat })
    const [bad, good] = await Promise.allSettled([
      store.decide(nowhere),
      store.decide(requestOf('engine:a', { limits })),
    ])
    expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled'])
  })

  test('strings go by themselves, not before they are of no use, unless they hold what lasts', async () => {
    const ttl = async (actor: number) => raw<number>(['PTTL', await key(actor)])
    const at = (actor: number, now: number | undefined, window: number) =>
      store.decide(requestOf('engine:a', { actor, now, limits: [limitOf({ window })] }))
    await at(1, undefined, 500)
    await at(2, undefined, 30 * DAY)
    await at(3, START, 500)
    const [short, long, injected] = [await ttl(1), await ttl(2), await ttl(3)]
    expect(short > 500 && short <= 63_000).toBe(true)
    expect(long > 30 * DAY && long <= 30 * DAY + 63_000).toBe(true)
    expect(injected > DAY && injected <= DAY + 63_000).toBe(true)
    const place = { space: 'engine:a', namespace: 'registrations' } as const
    await store.putRecords(place, [{ userId: 1, since: START }], 'replace')
    expect(await ttl(1)).toBe(-1)
    await store.dropRecords(place, [1])
    const left = await ttl(1)
    expect(left > 0 && left < 3 * DAY).toBe(true)
    const blocks = { space: 'engine:a', namespace: 'blocks' } as const
    await store.putRecords(blocks, [{ userId: 9, since: START, until: START + 5_000 }], 'replace')
    const blocked = await ttl(9)
    expect(blocked > DAY && blocked <= DAY + 66_000).toBe(true)
  })

  test('a log of a million units answers, and one unit more waits for the oldest', async () => {
    const rule = { limit: 1_000_000, window: DAY, scope: 'global' as const }
    const at = (now: number, cost: number) =>
      store.decide(requestOf('engine:a', { now, limits: [limitOf({ ...rule, cost })] }))
    expect((await at(START, 400_000)).limits[0].remaining).toBe(600_000)
    expect((await at(START + 1_000, 600_000)).limits[0].remaining).toBe(0)
    const crowd = await Promise.all(Array.from({ length: 50 }, () => at(START + 2_000, 1)))
    expect(new Set(crowd.map(({ retryAfter }) => retryAfter))).toEqual(new Set([DAY - 2_000]))
    expect((await at(START + DAY, 1)).limits[0].remaining).toBe(399_999)
  })

  test('a mark is not found in the bytes of another', async () => {
    const send = (mark: number) =>
      store.decide(requestOf('engine:a', { duplicate: { mark, window: 60_000 } }))
    const first = hash53('first')
    await send(first)
    const bytes = Buffer.alloc(16)
    bytes.writeDoubleLE(first, 0)
    bytes.writeDoubleLE(START + 60_000, 8)
    // What stands across the end of the mark's id and the start of its time.
    const across = [1, 2, 3, 4, 5, 6, 7].map((at) => bytes.readDoubleLE(at))
    for (const mark of across) expect([mark, (await send(mark)).reason]).toEqual([mark, undefined])
    expect((await send(first)).reason).toBe('duplicate')
  })

  test('marks pile up to a bound, and the latest hold', async () => {
    const send = (from: number) =>
      Promise.all(
        Array.from({ length: 500 }, (_, n) => {
          const duplicate = { mark: hash53(`m${from + n}`), window: 60_000 + from + n }
          return store.decide(requestOf('engine:a', { duplicate }))
        }),
      )
    for (let from = 0; from < 5_000; from += 500) await send(from)
    const bytes = await raw<number>(['STRLEN', await key(42)])
    expect(bytes <= 4_096 * 16 + 600 * 16).toBe(true)
    expect((await send(4_500)).every(({ reason }) => reason === 'duplicate')).toBe(true)
  })
})

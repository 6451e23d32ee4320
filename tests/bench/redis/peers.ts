import { RateLimiterRedis } from 'rate-limiter-flexible'
import { createClient } from 'redis'
import type { FlexibleStore } from '../stores/flexible'
import { HOT_WINDOW, ROUTE_LIMIT } from '../stores/contender'
import type { Contender } from '../stores/contender'
import { usersOf } from '../stores/traffic'
import { verifyLimit } from '../stores/verify'

/** Keys per command where many are set. */
const CHUNK = 1_000

export type Client = Awaited<ReturnType<typeof clientOf>>

/** Every contender has a client of its own, all of this kind. */
export async function clientOf(url: string) {
  const client = createClient({ url, disableOfflineQueue: true })
  client.on('error', (error: Error) => console.error(`a client of Redis: ${error.message}`))
  await client.connect()
  return client
}

/** Set up as its documentation says for this client; users are keys of the bot's own. */
export async function flexibleStore(url: string): Promise<FlexibleStore> {
  const client = await clientOf(url)
  return {
    limiter: (keyPrefix, points, window) =>
      Promise.resolve(
        new RateLimiterRedis({
          storeClient: client,
          useRedisPackage: true,
          keyPrefix,
          points,
          duration: window / 1000,
        }),
      ),
    async register(users) {
      for (let from = 0; from < users.length; from += CHUNK) {
        await client.mSet(users.slice(from, from + CHUNK).map((user) => [`registered:${user}`, '1']))
      }
    },
    isRegistered: async (user) => (await client.get(`registered:${user}`)) !== null,
    close: () => client.close(),
  }
}

export const PING = 'PING'
export const SCRIPT = 'EVALSHA, one limit'

/** A round trip with nothing in it. */
export async function ping(url: string): Promise<Contender> {
  const client = await clientOf(url)
  return {
    name: PING,
    kind: 'raw',
    register: () => Promise.resolve(),
    decide: async () => (await client.ping()) === 'PONG',
    close: () => client.close(),
  }
}

const ONE_LIMIT = `
local hits = redis.call('INCR', KEYS[1])
if hits == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return hits`

/** The least that a limit of one user costs. */
export async function oneLimit(url: string): Promise<Contender> {
  const { limit, window } = ROUTE_LIMIT
  const client = await clientOf(url)
  const contender = await scriptOf(client, (user) => `one:${user}`, limit, window)
  await verifyLimit(contender, usersOf(0, 1)[0], limit)
  return contender
}

/** The same for one key that everybody shares. */
export async function oneHotLimit(url: string, limit: number): Promise<Contender> {
  const client = await clientOf(url)
  return scriptOf(client, () => `one:everybody:${limit}`, limit, HOT_WINDOW)
}

async function scriptOf(
  client: Client,
  keyOf: (user: number) => string,
  limit: number,
  window: number,
): Promise<Contender> {
  const sha = await client.scriptLoad(ONE_LIMIT)
  const milliseconds = [String(window)]
  return {
    name: SCRIPT,
    kind: 'raw',
    register: () => Promise.resolve(),
    async decide({ user }) {
      const hits = await client.evalSha(sha, { keys: [keyOf(user)], arguments: milliseconds })
      return Number(hits) <= limit
    },
    close: () => client.close(),
  }
}

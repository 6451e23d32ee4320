/** Short ways to ask a connection things, for the tests of this folder. */
import type { RedisConnection } from '../../../lib/stores/redis/connection'
import { scriptOf } from '../../../lib/stores/redis/connection'

/** ms: ample for a server that runs. */
export const AMPLE = 5000

/** Counts its own runs under a key, and returns how many there were. */
export const COUNT = scriptOf(`
local count = tonumber(redis.call('GET', KEYS[1]) or '0') + 1
redis.call('SET', KEYS[1], count)
return count
`)

/** How often COUNT has run under this key. */
export async function runsOf(connection: RedisConnection, key: string): Promise<number> {
  return Number(await connection.command(['GET', key], AMPLE))
}

/** What a promise is rejected with. */
export async function failureOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
  throw new Error('it did not fail')
}

/** Asks again until it succeeds; gives up after 15 s. */
export async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  const end = performance.now() + 15_000
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (performance.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

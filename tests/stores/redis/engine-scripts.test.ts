/** The scripts of decisions that a process may come to: one per set of features. */
import { ALGORITHMS } from '../../../lib/limiters'
import { RedisStore } from '../../../lib/stores/redis'
import { decisionsWith, GROUP_MEMBERS, SUBJECT_BUCKETS, USER_RECORDS } from '../../../lib/stores/redis/script'
import { EVERY_FEATURE, featureBit } from '../../../lib/stores/redis/wire'
import { limitOf, requestOf } from '../../../lib/testing/contract/requests'
import { startRedis } from '../../support/servers/redis'
import type { RedisServer } from '../../support/servers/redis'

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

const everySet = Array.from({ length: EVERY_FEATURE + 1 }, (_, features) => features)

test('every one of them compiles, and there are no two alike', async () => {
  const scripts = [...everySet.map(decisionsWith), USER_RECORDS, SUBJECT_BUCKETS, GROUP_MEMBERS]
  for (const { source, sha1 } of scripts) {
    expect(String(await server.admin('SCRIPT', 'LOAD', source))).toBe(sha1)
  }
  expect(new Set(scripts.map(({ sha1 }) => sha1)).size).toBe(scripts.length)
})

test('a script has what it was put together for, and nothing else', () => {
  const [none, gcra] = [decisionsWith(0).source, decisionsWith(featureBit('gcra')).source]
  expect(none).not.toMatch(/--|gcra|tentative = kind/)
  expect(gcra).toContain('gcraEmpty')
  expect(gcra).not.toContain('counterAt')
  expect(decisionsWith(featureBit('tentative')).source).toContain('tentative = kind')
})

test('a store that meets algorithms one by one goes on with all that it has met', async () => {
  const store = new RedisStore(server.url)
  try {
    const met = ALGORITHMS.map((limiter) => limitOf({ bucket: limiter, limiter, limit: 3 }))
    for (let turn = 0; turn < 2; turn++) {
      for (const [index, limit] of met.entries()) {
        const decision = await store.decide(requestOf('scripts:a', { limits: [limit] }))
        const taken = turn + 1
        expect({ index, turn, left: decision.limits[0].remaining }).toEqual({ index, turn, left: 3 - taken })
      }
    }
    const loaded = await server.admin(
      'SCRIPT',
      'EXISTS',
      decisionsWith(EVERY_FEATURE - featureBit('tentative')).sha1,
    )
    expect(loaded).toEqual([1])
  } finally {
    await store.close()
  }
})

/** Which limits may have a lease, and what the others are told. */
import { createSentinel, SentinelOptionsError } from '../../../lib'
import { gcra } from '../../../lib/limiters'
import { Planner } from '../../../lib/plan'
import { Replies } from '../../../lib/reply'
import { NO_GUARDS, parseRateLimits } from '../../../lib/schema'
import { tally } from '../../../lib/testing/contract/requests'

const LIMIT = { limit: 100, window: '1s', scope: 'global', lease: 10 }

test.each([
  {},
  { scope: 'chat' },
  { scope: () => 'shop' },
  { lease: 2 },
  { lease: 100 },
  { limit: () => 5 },
  { algorithm: 'gcra', burst: 5 },
  { algorithm: gcra },
  { blockFor: '1m', cost: 3 },
])('may have one: %j', (parts) => {
  expect(parseRateLimits({ ...LIMIT, ...parts }, 'rateLimit').problems).toEqual([])
})

test.each([
  [{ lease: 1 }, 'must be an integer from 2 up, not 1'],
  [{ lease: 2.5 }, 'must be an integer from 2 up, not 2.5'],
  [{ lease: '10' }, "must be an integer from 2 up, not '10'"],
  [{ lease: 101 }, 'must be at most `limit` (100), not 101'],
  [{ scope: undefined }, "one actor's units"],
  [{ scope: 'actor' }, "one actor's units"],
  [{ scope: 'member' }, "one member's units"],
  [{ algorithm: tally }, 'belongs to the built-in algorithms'],
  [{ countRefused: true }, 'cannot go with `countRefused`'],
  [{ shadow: true }, 'cannot go with `shadow`'],
])('may have none: %j', (parts, message) => {
  const { problems } = parseRateLimits({ ...LIMIT, ...parts }, 'rateLimit')
  expect(problems).toEqual([{ path: 'rateLimit.lease', message: expect.stringContaining(message) as string }])
})

test('every mistake is named', () => {
  const rateLimit = { limit: 5, window: '1s', lease: 10, shadow: true } as const
  const make = (): unknown => createSentinel({ rateLimit })
  expect(make).toThrow(SentinelOptionsError)
  expect(make).toThrow(/one actor's units[^]*at most `limit`[^]*`shadow`/)
})

test('a check carries it; two places of one bucket may have different ones, or none', () => {
  const planner = new Planner(new Replies(undefined))
  const level = (name: string, lease?: number) => {
    const limit = { limit: 100, window: '1s', scope: 'global', name: 'hot', lease } as const
    return { name, guards: { ...NO_GUARDS, rateLimits: [limit] } }
  }
  const leases = [level('a', 10), level('b', 20), level('c')].map(
    (one) => planner.plan(one).checks?.[0].lease,
  )
  planner.check()
  expect(leases).toEqual([10, 20, undefined])
})

import fc from 'fast-check'
import {
  nearest,
  NO_GUARDS,
  parseDebounce,
  parseGuardPolicy,
  parseRateLimits,
  parseRequireRegistered,
} from '../../lib/schema'

const NAMES = [
  'store',
  'controllers',
  'rateLimit',
  'requireRegistered',
  'storeTimeout',
  'hooks',
  'countRefused',
]

describe('nearest', () => {
  test('finds the name that one slip of the finger was meant to be', () => {
    const slip = fc.tuple(
      fc.constantFrom(...NAMES),
      fc.nat(),
      fc.constantFrom('drop', 'double', 'swap', 'case'),
    )
    fc.assert(
      fc.property(slip, ([name, where, how]) => {
        const i = where % name.length
        const typed = {
          drop: name.slice(0, i) + name.slice(i + 1),
          double: name.slice(0, i) + name[i] + name.slice(i),
          swap: name.slice(0, i) + (name[i + 1] ?? '') + name[i] + name.slice(i + 2),
          case: name.toUpperCase(),
        }[how]
        expect(nearest(typed ?? name, NAMES)).toBe(name)
      }),
    )
  })

  test.each([
    ['rateLimits', 'rateLimit'],
    ['ratelimit', 'rateLimit'],
    ['requireRegistration', 'requireRegistered'],
    ['colour', undefined],
    ['', undefined],
  ])('%s → %s', (typed, name) => {
    expect(nearest(typed, NAMES)).toBe(name)
  })
})

const limit = { limit: 3, window: '10s' }

test('bot-wide limits: none, one or a list, each mistake with its path', () => {
  expect(parseRateLimits(undefined, 'rateLimit')).toEqual({ value: [], problems: [] })
  expect(parseRateLimits(false, 'rateLimit')).toEqual({ value: [], problems: [] })
  expect(parseRateLimits(limit, 'rateLimit')).toEqual({ value: [limit], problems: [] })
  expect(parseRateLimits([limit, limit], 'rateLimit')).toEqual({ value: [limit, limit], problems: [] })
  const { problems } = parseRateLimits([limit, { limit: 0, window: '1s' }, 5], 'rateLimit')
  expect(problems.map(({ path }) => path)).toEqual(['rateLimit[1].limit', 'rateLimit[2]'])
  expect(parseRateLimits(true, 'rateLimit').problems).toHaveLength(1)
})

test('what was read is a copy: changing the options later changes nothing', () => {
  const options = { ...limit }
  const { value } = parseRateLimits(options, 'rateLimit')
  options.limit = 100
  expect(value).toEqual([limit])
})

test('a bot-wide debounce: none, a duration or options', () => {
  expect(parseDebounce(false, 'debounce')).toEqual({ value: [], problems: [] })
  expect(parseDebounce('2s', 'debounce')).toEqual({ value: [{ window: '2s' }], problems: [] })
  expect(parseDebounce({ window: 5, scope: 'chat' }, 'debounce').value).toEqual([
    { window: 5, scope: 'chat' },
  ])
  expect(parseDebounce({ window: 0, scop: 'chat' }, 'debounce').problems.map(({ path }) => path)).toEqual([
    'debounce.window',
    'debounce.scop',
  ])
  expect(parseDebounce(true, 'debounce').problems[0].path).toBe('debounce')
})

test('a registration: required or not, with a reply or without', () => {
  expect(parseRequireRegistered(undefined, 'r')).toEqual({ value: undefined, problems: [] })
  expect(parseRequireRegistered(false, 'r')).toEqual({ value: undefined, problems: [] })
  expect(parseRequireRegistered(true, 'r')).toEqual({ value: {}, problems: [] })
  expect(parseRequireRegistered({ reply: false }, 'r')).toEqual({ value: { reply: false }, problems: [] })
  expect(parseRequireRegistered(1, 'r').problems[0].path).toBe('r')
})

test('a guard policy: its name is required where there is a limit or a debounce', () => {
  expect(parseGuardPolicy({ requireRegistered: true }, 'guard')).toEqual({
    value: { name: undefined, guards: { ...NO_GUARDS, requireRegistered: {} } },
    problems: [],
  })
  expect(parseGuardPolicy({ name: 'buy', rateLimit: limit, debounce: '2s' }, 'guard')).toEqual({
    value: { name: 'buy', guards: { ...NO_GUARDS, rateLimits: [limit], debounces: [{ window: '2s' }] } },
    problems: [],
  })
  for (const policy of [{ rateLimit: limit }, { debounce: '2s' }]) {
    expect(parseGuardPolicy(policy, 'guard').problems).toEqual([
      { path: 'guard.name', message: 'is required where there is a limit or a debounce' },
    ])
  }
  const wrong = { name: '', rateLimits: limit, rateLimit: { limit: 1 }, debounce: 'x', requireRegistered: 1 }
  expect(parseGuardPolicy(wrong, 'guard').problems.map(({ path }) => path)).toEqual([
    'guard.name',
    'guard.rateLimits',
    'guard.rateLimit.window',
    'guard.debounce',
    'guard.requireRegistered',
  ])
  expect(parseGuardPolicy(null, 'guard').problems[0].path).toBe('guard')
})

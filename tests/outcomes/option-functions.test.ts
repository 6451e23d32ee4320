import type { SentinelOptions, StorageAdapter } from 'telegraf-sentinel'
import { MemoryStore } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'
import { MapStore } from '../support/map-store'

afterEach(stopAll)

const fail = () => {
  throw new Error('author')
}
const rejecting = () => Promise.reject(new Error('author'))
const cast = <T>(value: unknown): T => value as T
const limit = (over: object) => cast<SentinelOptions['rateLimit']>({ limit: 1, window: '1m', ...over })
const mark = (over: object) => cast<SentinelOptions['debounce']>({ window: '1m', ...over })

/** Every function of the options, with everything that it should not do. */
const BROKEN: [string, SentinelOptions][] = [
  ['limit throws', { rateLimit: limit({ limit: fail }) }],
  ['limit rejects', { rateLimit: limit({ limit: rejecting }) }],
  ...[NaN, -1, 2.5, -Infinity, '5', undefined, null, {}, 2 ** 60].flatMap(
    (value): [string, SentinelOptions][] => [
      [`limit returns ${String(value)}`, { rateLimit: limit({ limit: () => value }) }],
      [`limit resolves to ${String(value)}`, { rateLimit: limit({ limit: async () => value }) }],
    ],
  ),
  ['limit returns more than a log keeps', { rateLimit: limit({ limit: () => 1_000_001 }) }],
  ['limit resolves to more than a log keeps', { rateLimit: limit({ limit: async () => 1_000_001 }) }],
  ['cost throws', { rateLimit: limit({ cost: fail }) }],
  ['cost rejects', { rateLimit: limit({ cost: rejecting }) }],
  ...[NaN, -1, 0.5, Infinity, '1', undefined].map((value): [string, SentinelOptions] => [
    `cost returns ${String(value)}`,
    { rateLimit: limit({ cost: () => value }) },
  ]),
  ['scope throws', { rateLimit: limit({ scope: fail }) }],
  ['scope rejects', { rateLimit: limit({ scope: rejecting }) }],
  ...[5, undefined, null, ['a']].map((value): [string, SentinelOptions] => [
    `scope returns ${String(value)}`,
    { rateLimit: limit({ scope: () => value }) },
  ]),
  ['fingerprint throws', { debounce: mark({ fingerprint: fail }) }],
  ['fingerprint rejects', { debounce: mark({ fingerprint: rejecting }) }],
  ...[5, null, {}].map((value): [string, SentinelOptions] => [
    `fingerprint returns ${String(value)}`,
    { debounce: mark({ fingerprint: () => value }) },
  ]),
  ['a debounce’s scope throws', { debounce: mark({ scope: fail }) }],
  ['a debounce’s scope returns a number', { debounce: mark({ scope: () => 5 }) }],
  ['exempt throws', { exempt: fail }],
  ['exempt rejects', { exempt: cast(rejecting) }],
  ['exempt returns a text', { exempt: cast(() => 'yes') }],
  ['exempt resolves', { exempt: cast(async () => true) }],
]

/** A check that works, next to the broken one. */
const guardOf = (max: number) => ({ name: 'sound', rateLimit: { limit: max, window: '1m' } })

describe.each(BROKEN)('%s', (_what, options) => {
  test('is a hookError; the check is dropped, the update passes', async () => {
    const { send, updates, events, caught, passed, types } = await guarded(options)
    await send(updates.text('hi'))
    await send(updates.text('hi'))
    expect(types()).toEqual(['hookError', 'allowed', 'hookError', 'allowed'])
    expect(events[0]).toMatchObject({ error: expect.any(Error), subject: { actor: 42 } })
    expect(caught).toEqual([])
    expect(passed).toHaveLength(2)
  })

  test('blocks and other checks still decide', async () => {
    const { send, updates, sentinel, types, passed } = await guarded({ ...options, requireRegistered: true })
    await send(updates.text('hi'))
    await sentinel.registrations.add(42)
    await sentinel.blocks.add(42)
    await send(updates.text('hi'))
    expect(types().filter((type) => /^(unregistered|blocked)$/.test(type))).toEqual([
      'unregistered',
      'blocked',
    ])
    expect(passed).toEqual([])
  })

  test('limits beside it are charged', async () => {
    const { send, updates, types } = await guarded(options, {
      after: (bot, sentinel) => bot.use(sentinel.guard(guardOf(1))),
    })
    await send(updates.text('hi'))
    await send(updates.text('hi'))
    expect(types().filter((type) => type !== 'hookError')).toEqual(['allowed', 'allowed', 'limited'])
  })

  describe.each<[string, () => StorageAdapter]>([
    ['memory', () => new MemoryStore()],
    ['map', () => new MapStore()],
  ])("with onStoreError: 'refuse' on the %s store", (_store, makeStore) => {
    const refusing = (): SentinelOptions => ({ ...options, store: makeStore(), onStoreError: 'refuse' })

    test('the update is refused, and takes nothing', async () => {
      const { send, updates, sentinel, types, passed, events, telegram, clock } = await guarded({
        ...refusing(),
        plugins: [
          {
            name: 'sound',
            policy: { rateLimit: { limit: 5, window: '1m', blockFor: '1h', countRefused: true } },
          },
        ],
        deduplicate: '1h',
      })
      const update = updates.callbackQuery('x')
      await send(update)
      await send(update)
      expect(types()).toEqual(['hookError', 'hookError'])
      expect(passed).toEqual([])
      expect(telegram.callsTo('answerCallbackQuery')).toHaveLength(2)
      expect(await sentinel.limits.peek('sound', { userId: 42 })).toMatchObject({ remaining: 5 })
      expect(await sentinel.blocks.get(42)).toBeUndefined()
      expect(events[0]).toMatchObject({ at: clock.now() })
    })

    test('the verdict is a store error, with the states of the sound limits', async () => {
      const verdicts: unknown[] = []
      const { send, updates } = await guarded({
        ...refusing(),
        plugins: [{ name: 'sound', policy: guardOf(5) }],
        hooks: { refused: (_ctx, verdict) => void verdicts.push(verdict) },
      })
      await send(updates.text('hi'))
      expect(verdicts).toEqual([
        expect.objectContaining({
          allowed: false,
          reason: 'store-error',
          limits: expect.arrayContaining([{ name: 'sound', limit: 5, remaining: 5, resetAfter: 0 }]),
        }),
      ])
      expect(verdicts[0]).not.toHaveProperty('retryAfter')
    })

    test('unless something else refuses', async () => {
      const reasons: unknown[] = []
      const { send, updates, sentinel } = await guarded({
        ...refusing(),
        requireRegistered: true,
        hooks: { refused: (_ctx, verdict) => void reasons.push(!verdict.allowed && verdict.reason) },
      })
      await send(updates.text('hi'))
      await sentinel.registrations.add(42)
      await send(updates.text('hi'))
      await sentinel.blocks.add(42)
      await send(updates.text('hi'))
      expect(reasons).toEqual(['unregistered', 'store-error', 'blocked'])
    })
  })
})

test('a sound limit of the broken check’s name that refuses is the reason', async () => {
  const reasons: unknown[] = []
  const { send, updates } = await guarded({
    onStoreError: 'refuse',
    rateLimit: { limit: () => 0, window: '1m' },
    debounce: { window: '1m', fingerprint: fail },
    hooks: { refused: (_ctx, verdict) => void reasons.push(verdict) },
  })
  await send(updates.text('hi'))
  expect(reasons).toMatchObject([{ reason: 'limited', name: 'bot' }])
})

test.each<[string, object]>([
  ['a million in a sliding-window', { limit: () => 1_000_000 }],
  ['more in a token-bucket', { limit: () => 50_000_000, algorithm: 'token-bucket' }],
  ['Infinity in a sliding-window', { limit: () => Infinity }],
])('a limit of %s is no mistake', async (_what, over) => {
  const { send, updates, types } = await guarded({ rateLimit: limit(over) })
  await send(updates.text('hi'))
  expect(types()).toEqual(['allowed'])
})

test('a limit that never answers is given up after half of storeTimeout', async () => {
  const { send, updates, types, passed, events } = await guarded({
    rateLimit: { limit: () => new Promise(() => undefined), window: '1m' },
    storeTimeout: 30,
  })
  await send(updates.text('hi'))
  expect(types()).toEqual(['hookError', 'allowed'])
  expect(events[0]).toMatchObject({ error: { message: 'limit: no answer within 15 ms' } })
  expect(passed).toHaveLength(1)
})

test('one of two limits breaks: the other still counts', async () => {
  const { send, updates, types } = await guarded({
    rateLimit: [
      { name: 'broken', limit: fail, window: '1m' },
      { name: 'sound', limit: async () => 1, window: '1m' },
    ],
  })
  await send(updates.text('hi'))
  await send(updates.text('hi'))
  expect(types()).toEqual(['hookError', 'allowed', 'hookError', 'limited'])
})

test('exempt that gives undefined exempts nobody, and is no mistake', async () => {
  const { send, updates, types } = await guarded({
    exempt: () => cast<boolean>(undefined),
    requireRegistered: true,
  })
  await send(updates.text('hi'))
  expect(types()).toEqual(['unregistered'])
})

/** What a refusal costs where a limit asks for it: `countRefused` and `blockFor`. */
import fc from 'fast-check'
import type { RateLimitOptions } from 'telegraf-sentinel'
import { guarded, stopAll, stores } from '../support/guarded'
import { algorithm } from './traces'

afterEach(stopAll)

describe.each(stores)('countRefused on %s', (_name, store) => {
  test('a refused hit counts, and retryAfter is what remains after counting', async () => {
    const { clock, updates, refused, outcomes } = await guarded({
      store: store(),
      rateLimit: { limit: 2, window: '10s', countRefused: true },
    })
    const hello = () => updates.text('hello')
    expect(await outcomes(hello(), hello())).toEqual(['allowed', 'allowed'])
    clock.advance('9s')
    // The log keeps the newest two: one old hit and this one; a place is free when the old one leaves.
    expect(await refused(hello())).toMatchObject({ retryAfter: 1000 })
    expect(await refused(hello())).toMatchObject({ retryAfter: 10_000 })
    clock.advance(9_999)
    expect(await refused(hello())).toMatchObject({ retryAfter: 1 })
    // That hit counted too: one of the two places stays taken by it.
    clock.advance(1)
    expect(await outcomes(hello(), hello())).toEqual(['allowed', 'limited'])
  })

  test('a limit counts what it refuses itself, not what another check refuses', async () => {
    const { sentinel, updates, outcomes } = await guarded({
      store: store(),
      rateLimit: [
        { limit: 1, window: '1m' },
        { limit: 5, window: '1h', countRefused: true },
      ],
    })
    const hello = () => updates.text('hello')
    expect(await outcomes(hello(), hello(), hello())).toEqual(['allowed', 'limited', 'limited'])
    expect(await sentinel.limits.peek('bot#2', { userId: 42 })).toMatchObject({ remaining: 4 })
  })

  test('nothing is counted behind a block, a missing registration or a duplicate', async () => {
    const { clock, sentinel, updates, judge, outcomes } = await guarded({
      store: store(),
      deduplicate: '1h',
      requireRegistered: true,
      rateLimit: { limit: 1, window: '10s', countRefused: true },
    })
    const hello = (id?: number) => updates.text('hello', { update_id: id })
    await sentinel.registrations.add(42)
    expect(await outcomes(hello(800))).toEqual(['allowed'])
    clock.advance('5s')
    expect(await judge(hello(800))).toMatchObject({ reason: 'duplicate' })
    await sentinel.registrations.remove(42)
    expect(await outcomes(hello())).toEqual(['unregistered'])
    await sentinel.registrations.add(42)
    await sentinel.blocks.add(42, { for: '1s' })
    // The limit's wait shows, and it has not grown.
    expect(await judge(hello())).toMatchObject({ reason: 'blocked', retryAfter: 5000 })
    clock.advance('5s')
    expect(await outcomes(hello())).toEqual(['allowed'])
  })

  test('a debounced update still counts for a limit that refuses it too', async () => {
    const { clock, updates, judge, refused } = await guarded({
      store: store(),
      debounce: '5s',
      rateLimit: { limit: 1, window: '10s', countRefused: true },
    })
    await judge(updates.text('hello'))
    clock.advance('4s')
    expect(await refused(updates.text('hello'))).toMatchObject({ reason: 'debounced', retryAfter: 10_000 })
  })
})

describe.each(stores)('blockFor on %s', (_name, store) => {
  const strict = { limit: 1, window: '10s', blockFor: '1h' } as const

  test('the refusal is limited, emits blockAdded, and later updates are blocked', async () => {
    const { clock, sentinel, events, updates, outcomes, types } = await guarded({
      store: store(),
      rateLimit: strict,
    })
    const hello = () => updates.text('hello')
    expect(await outcomes(hello(), hello(), hello())).toEqual(['allowed', 'limited', 'blocked'])
    expect(types()).toEqual(['allowed', 'blockAdded', 'limited', 'blocked'])
    const until = clock.now() + 3_600_000
    expect(events[1]).toMatchObject({ block: { userId: 42, since: clock.now(), until }, at: clock.now() })
    expect(await sentinel.blocks.get(42)).toMatchObject({ userId: 42, until })
    // It does not renew itself: an hour later everything is as new.
    clock.advance('59m')
    expect(await outcomes(hello())).toEqual(['blocked'])
    clock.advance('1m')
    expect(await outcomes(hello())).toEqual(['allowed'])
  })

  test.each<RateLimitOptions['scope']>(['actor', 'chat', 'member', 'global', () => 'everybody'])(
    'it blocks the actor, not others in the bucket, with the scope %s',
    async (scope) => {
      const { sentinel, updates, outcomes } = await guarded({
        store: store(),
        rateLimit: { ...strict, scope },
      })
      const hello = (from: number) => updates.text('hello', { from, chat: -100 })
      expect(await outcomes(hello(1), hello(1), hello(1))).toEqual(['allowed', 'limited', 'blocked'])
      const shared = scope !== 'actor' && scope !== 'member'
      expect(await outcomes(hello(2))).toEqual([shared ? 'limited' : 'allowed'])
      expect(await sentinel.blocks.get(1)).toMatchObject({ userId: 1 })
      expect(await sentinel.blocks.get(-100)).toBeUndefined()
    },
  )

  test('an anonymous admin is blocked as the group, never as the user that all of them share', async () => {
    const { sentinel, updates, outcomes } = await guarded({ store: store(), rateLimit: strict })
    const hello = () => updates.anonymousAdmin('hello', { chat: -1001000000042 })
    expect(await outcomes(hello(), hello())).toEqual(['allowed', 'limited'])
    expect(await sentinel.blocks.get(-1001000000042)).toBeDefined()
    expect(await sentinel.blocks.get(1087968824)).toBeUndefined()
  })

  test('of several limits that refuse, the longest block counts', async () => {
    const { clock, sentinel, updates, judge } = await guarded({
      store: store(),
      rateLimit: [
        { limit: 1, window: '10s', blockFor: '1m' },
        { limit: 1, window: '10s', blockFor: '2m' },
        { limit: 1, window: '10s', blockFor: '30s' },
        { limit: 9, window: '10s', blockFor: '1h' },
      ],
    })
    await judge(updates.text('hello'))
    expect(await judge(updates.text('hello'))).toMatchObject({ name: 'bot', retryAfter: 120_000 })
    expect(await sentinel.blocks.get(42)).toMatchObject({ until: clock.now() + 120_000 })
  })

  test.each([
    ['a longer one', { for: '2h' }],
    ['one without end', {}],
  ])('it never shortens %s that was added between two decisions of one update', async (_case, options) => {
    const { sentinel, types, updates, judge, events } = await guarded(
      { store: store() },
      {
        after: (bot, guard) => {
          bot.use(async (_ctx, next) => {
            await guard.blocks.add(42, options)
            return next()
          })
          bot.use(guard.guard({ name: 'strict', rateLimit: strict }))
        },
      },
    )
    await sentinel.limits.consume('strict', { userId: 42 })
    await sentinel.blocks.remove(42)
    events.length = 0
    const verdict = await judge(updates.text('hello'))
    expect(verdict).toMatchObject({ reason: 'limited', name: 'strict' })
    const block = await sentinel.blocks.get(42)
    expect(block).toBeDefined()
    expect(block?.by).toBeUndefined()
    expect(types().filter((type) => type === 'blockAdded')).toHaveLength(1)
  })

  test('no block comes of an update that a block, a missing registration or a duplicate refuses', async () => {
    const { sentinel, updates, outcomes } = await guarded({
      store: store(),
      deduplicate: '1h',
      requireRegistered: true,
      rateLimit: strict,
    })
    const hello = (id?: number) => updates.text('hello', { update_id: id })
    await sentinel.registrations.add(42)
    expect(await outcomes(hello(700), hello(700))).toEqual(['allowed', 'duplicate'])
    await sentinel.registrations.remove(42)
    expect(await outcomes(hello())).toEqual(['unregistered'])
    expect(await sentinel.blocks.get(42)).toBeUndefined()
    await sentinel.registrations.add(42)
    await sentinel.blocks.add(42, { for: '1s', reason: 'mine' })
    expect(await outcomes(hello())).toEqual(['blocked'])
    expect(await sentinel.blocks.get(42)).toMatchObject({ reason: 'mine' })
  })

  test('limits.consume never blocks', async () => {
    const { sentinel, types } = await guarded({ store: store(), rateLimit: strict })
    expect(await sentinel.limits.consume('bot', { userId: 42 })).toMatchObject({ allowed: true })
    expect(await sentinel.limits.consume('bot', { userId: 42 })).toMatchObject({
      allowed: false,
      retryAfter: 10_000,
    })
    expect(await sentinel.blocks.get(42)).toBeUndefined()
    expect(types()).toEqual([])
  })

  test('whatever the algorithm, the first refusal blocks for exactly that long', async () => {
    await fc.assert(
      fc
        .asyncProperty(algorithm, fc.integer({ min: 1, max: 10 ** 9 }), async (name, blockFor) => {
          const { clock, updates, outcomes } = await guarded({
            store: store(),
            reply: false,
            rateLimit: { limit: 1, window: 1, algorithm: name, blockFor },
          })
          const hello = () => updates.text('hello')
          expect(await outcomes(hello(), hello())).toEqual(['allowed', 'limited'])
          if (blockFor > 1) clock.advance(blockFor - 1)
          expect(await outcomes(hello())).toEqual(['blocked'])
          // Windows that are aligned to the epoch and weigh the last one are free again after two.
          clock.advance(2)
          expect(await outcomes(hello())).toEqual(['allowed'])
        })
        .afterEach(stopAll),
      { numRuns: 50 },
    )
  })
})

/** `retryAfter` is the time until the same update would pass: not a millisecond less, not one more. */
import fc from 'fast-check'
import type { RateLimitOptions, StorageAdapter, Verdict } from 'telegraf-sentinel'
import { guarded, stopAll, stores } from '../support/guarded'
import { botWith, conversation, debounce, harshLimits, take, type Step } from './traces'

afterEach(stopAll)

/** Replays a conversation on a bot of its own and says what its last step, sent again after `wait`, comes to. */
async function again(
  store: StorageAdapter,
  limits: readonly RateLimitOptions[],
  repeats: number | undefined,
  steps: readonly Step[],
  wait: number,
): Promise<Verdict> {
  const bot = await botWith(store, limits, repeats)
  for (const step of steps) await take(bot, step)
  return take(bot, { wait, text: steps[steps.length - 1].text })
}

describe.each(stores)('on %s', (_name, store) => {
  test('for any guards and any conversation, it is exact to the millisecond', async () => {
    const reasons = new Set<string>()
    await fc.assert(
      fc
        .asyncProperty(harshLimits, debounce, conversation, async (limits, repeats, steps) => {
          const bot = await botWith(store(), limits, repeats)
          const verdicts: Verdict[] = []
          for (const step of steps) verdicts.push(await take(bot, step))
          // The last refusal has seen most: blocks, counted refusals, repeats.
          const last = verdicts.findLastIndex(({ allowed }) => !allowed)
          const verdict = verdicts[last]
          if (verdict === undefined || verdict.allowed) return
          reasons.add(verdict.reason)
          // Every check can be passed in time: no cost is above its limit, no block is without end.
          if (verdict.retryAfter === undefined) throw new Error('no retryAfter')
          const sent = steps.slice(0, last + 1)
          const early = await again(store(), limits, repeats, sent, verdict.retryAfter - 1)
          expect(early.allowed).toBe(false)
          const inTime = await again(store(), limits, repeats, sent, verdict.retryAfter)
          expect(inTime.allowed).toBe(true)
        })
        .afterEach(stopAll),
      { numRuns: 150 },
    )
    expect(reasons).toEqual(new Set(['limited', 'blocked', 'debounced']))
  })

  test('it is the longest wait over all failing checks', async () => {
    const { updates, refused, judge, clock } = await guarded({
      store: store(),
      debounce: '5s',
      rateLimit: [
        { limit: 1, window: '10s' },
        { limit: 1, window: '1m' },
        { limit: 9, window: '1h' },
      ],
    })
    await judge(updates.text('hello'))
    clock.advance('1s')
    expect(await refused(updates.text('hello'))).toMatchObject({ reason: 'debounced', retryAfter: 59_000 })
  })

  test('it includes blockFor where that is longer, and the rest of a block', async () => {
    const { updates, refused, judge, clock } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '10s', blockFor: '1h' },
    })
    await judge(updates.text('hello'))
    clock.advance('1s')
    expect(await refused(updates.text('hello'))).toMatchObject({ reason: 'limited', retryAfter: 3_600_000 })
    clock.advance('59m')
    expect(await refused(updates.text('hello'))).toMatchObject({ reason: 'blocked', retryAfter: 60_000 })
    clock.advance('1m')
    expect(await judge(updates.text('hello'))).toMatchObject({ allowed: true })
  })

  test('it is at least the wait of a limit that outlasts blockFor, and of one behind a block', async () => {
    const { updates, refused, judge, clock } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '1h', blockFor: '1m' },
    })
    await judge(updates.text('hello'))
    clock.advance('10m')
    expect(await refused(updates.text('hello'))).toMatchObject({ reason: 'limited', retryAfter: 3_000_000 })
    expect(await refused(updates.text('hello'))).toMatchObject({ reason: 'blocked', retryAfter: 3_000_000 })
  })

  test('a duplicate may come again when its mark has gone', async () => {
    const { updates, refused, judge, clock } = await guarded({ store: store(), deduplicate: '10m' })
    const update = () => updates.text('hello', { update_id: 5000 })
    await judge(update())
    clock.advance('4m')
    expect(await refused(update())).toMatchObject({ reason: 'duplicate', retryAfter: 360_000 })
    clock.advance(359_999)
    expect(await judge(update())).toMatchObject({ allowed: false })
    clock.advance(1)
    expect(await judge(update())).toMatchObject({ allowed: true })
  })

  test.each<[string, RateLimitOptions]>([
    ['a dynamic limit of 0', { limit: () => 0, window: '1m' }],
    ['a dynamic limit of 0 with blockFor', { limit: () => 0, window: '1m', blockFor: '1h' }],
    ['a cost above the limit', { limit: 3, window: '1m', cost: () => 4 }],
    ['a cost above the burst', { limit: 9, burst: 3, algorithm: 'gcra', window: '1m', cost: () => 4 }],
  ])('it is absent for %s', async (_case, rateLimit) => {
    const { updates, refused } = await guarded({ store: store(), rateLimit })
    const verdict = await refused(updates.text('hello'))
    expect(verdict.reason).toBe('limited')
    expect(verdict).not.toHaveProperty('retryAfter')
  })

  test('it is absent for somebody unregistered and for a block without end, whatever else has a wait', async () => {
    const { sentinel, updates, refused, judge } = await guarded({
      store: store(),
      requireRegistered: true,
      debounce: '1m',
      rateLimit: { limit: 1, window: '1m' },
    })
    expect(await refused(updates.text('hello'))).not.toHaveProperty('retryAfter')
    await sentinel.registrations.add(42)
    await judge(updates.text('hello'))
    await sentinel.registrations.remove(42)
    expect(await refused(updates.text('hello'))).not.toHaveProperty('retryAfter')

    await sentinel.registrations.add(42)
    await sentinel.blocks.add(42, { for: '1h' })
    expect(await refused(updates.text('hello'))).toMatchObject({ reason: 'blocked', retryAfter: 3_600_000 })
    await sentinel.blocks.add(42)
    expect(await refused(updates.text('hello'))).not.toHaveProperty('retryAfter')
  })
})

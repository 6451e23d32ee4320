import { ALGORITHMS, limiterOf } from '../../limiters'
import type { Algorithm, Limiter, Rule } from '../../limiters/limiter'
import type { Bench } from './globals'
import { randomOf } from './random'
import type { Random } from './random'
import { decide, limitOf, queryOf, reasons, START } from './requests'
import type { LimitParts } from './requests'

/** Every algorithm gives what its pure function gives, and a limit of L admits exactly L. */
export function testLimits({ describe, test, expect, withStore, seed, steps }: Bench): void {
  describe('limits', () => {
    for (const limiter of ALGORITHMS) {
      test(
        `${limiter} is its pure function, step by step (seed ${seed})`,
        withStore(async (store, space) => {
          for (let run = 0; run < 6; run++) await compare(store, `${space}-${run}`, randomOf(seed + run))
        }),
      )

      const compare = async (store: Parameters<typeof decide>[0], space: string, random: Random) => {
        const rule = ruleFrom(random, limiter)
        const pure = limiterOf(limiter) as Limiter
        let state: unknown
        let now = START
        for (let step = 0; step < steps; step++) {
          now += random.pick([
            0,
            0,
            1,
            random.below(rule.window),
            random.below(3 * rule.window),
            -random.below(500),
          ])
          if (random.once(25)) now += 40 * 86_400_000
          const cost = random.pick([1, 1, 1, 0, 2, random.below(rule.limit + 3)])
          const [next, outcome] = pure.hit(state, rule, now, cost)
          if (outcome.allowed || rule.countRefused) state = next
          const { limits, retryAfter, reason } = await decide(store, space, {
            now,
            limits: [limitOf({ ...rule, limiter, cost })],
          })
          const wait = outcome.allowed || outcome.retryAfter === Infinity ? undefined : outcome.retryAfter
          expect({ step, reason, retryAfter, state: limits[0] }).toEqual({
            step,
            reason: outcome.allowed ? undefined : 'limited',
            retryAfter: wait,
            state: {
              name: 'shop',
              limit: rule.limit,
              remaining: outcome.remaining,
              resetAfter: outcome.resetAfter,
            },
          })
        }
      }

      test(
        `${limiter}: of 100 at once, exactly the limit pass`,
        withStore(async (store, space) => {
          const limits = [limitOf({ limiter, limit: 7, window: 3_600_000 })]
          const all = await Promise.all(Array.from({ length: 100 }, () => decide(store, space, { limits })))
          expect(reasons(all).filter((reason) => reason === 'allowed').length).toBe(7)
        }),
      )
    }

    test(
      'a refusal by one of two limits charges neither, whichever stands first',
      withStore(async (store, space) => {
        const wide = limitOf({ bucket: 'wide', limit: 5, scope: 'global' })
        const narrow = limitOf({ bucket: 'narrow', limit: 1 })
        expect((await decide(store, space, { limits: [wide, narrow] })).reason).toBe(undefined)
        for (const limits of [
          [wide, narrow],
          [narrow, wide],
        ]) {
          const refused = await decide(store, space, { limits })
          expect([refused.reason, refused.name, refused.retryAfter]).toEqual(['limited', 'narrow', 10_000])
        }
        expect((await store.peek(queryOf(space, wide))).remaining).toBe(4)
      }),
    )

    test(
      'of 100 at once on stacked limits of several places, exactly what fits passes',
      withStore(async (store, space) => {
        const limits = [
          limitOf({ bucket: 'each', limit: 4 }),
          limitOf({ bucket: 'chat', limit: 30, scope: 'chat' }),
          limitOf({ bucket: 'all', limit: 25, scope: 'global' }),
        ]
        const all = await Promise.all(
          Array.from({ length: 100 }, (_, n) => decide(store, space, { actor: 1 + (n % 10), limits })),
        )
        expect(all.filter(({ reason }) => reason === undefined).length).toBe(25)
        expect((await store.peek(queryOf(space, limits[2]))).remaining).toBe(0)
        expect((await store.peek(queryOf(space, limits[1]))).remaining).toBe(5)
        const used = await Promise.all(
          Array.from({ length: 10 }, async (_, n) => {
            const { remaining } = await store.peek(queryOf(space, limits[0], START, 1 + n))
            return 4 - remaining
          }),
        )
        expect(used.reduce((sum, units) => sum + units)).toBe(25)
      }),
    )

    test(
      'scopes and names keep buckets apart',
      withStore(async (store, space) => {
        const at = async (parts: LimitParts, actor = 1, chat = -1, where = space): Promise<string> => {
          const limits = [limitOf({ limit: 1, ...parts })]
          return (await decide(store, where, { actor, chat, limits })).reason ?? 'allowed'
        }
        const seen = [await at({}), await at({}), await at({}, 2), await at({ bucket: 'other' })]
        expect(seen).toEqual(['allowed', 'limited', 'allowed', 'allowed'])
        const chats = [
          await at({ scope: 'chat' }),
          await at({ scope: 'chat' }, 2),
          await at({ scope: 'chat' }, 1, -2),
        ]
        expect(chats).toEqual(['allowed', 'limited', 'allowed'])
        const members = [
          await at({ scope: 'member' }),
          await at({ scope: 'member' }),
          await at({ scope: 'member' }, 2),
          await at({ scope: 'member' }, 1, -2),
        ]
        expect(members).toEqual(['allowed', 'limited', 'allowed', 'allowed'])
        const globals = [await at({ scope: 'global' }), await at({ scope: 'global' }, 2, -2)]
        expect(globals).toEqual(['allowed', 'limited'])
        for (const key of ['a', '', '__proto__', '\u0000', '\ud800', 'a:b', '1', 'x'.repeat(3000)]) {
          const own = [await at({ scope: 'own', key }), await at({ scope: 'own', key }, 2)]
          expect([key, ...own]).toEqual([key, 'allowed', 'limited'])
        }
        for (const bucket of ['__proto__', 'constructor', '', '\u0000', '\ud800', 'x'.repeat(3000)]) {
          const named = [await at({ bucket }), await at({ bucket }), await at({ bucket }, 3)]
          expect([bucket, ...named]).toEqual([bucket, 'allowed', 'limited', 'allowed'])
        }
        expect([await at({}, 1, -1, `${space}-b`), await at({}, -1001)]).toEqual(['allowed', 'allowed'])
      }),
    )

    test(
      'a limit of 0, a cost of 0, a cost above the limit',
      withStore(async (store, space) => {
        for (const limiter of ALGORITHMS) {
          const none = await decide(store, space, {
            limits: [limitOf({ limiter, limit: 0, bucket: `${limiter}0` })],
          })
          expect([limiter, none.reason, none.retryAfter, none.limits[0].remaining]).toEqual([
            limiter,
            'limited',
            undefined,
            0,
          ])
          const bucket = limiter
          const free = await decide(store, space, { limits: [limitOf({ limiter, bucket, cost: 0 })] })
          expect([free.reason, free.limits[0].remaining]).toEqual([undefined, 3])
          const dear = await decide(store, space, { limits: [limitOf({ limiter, bucket, cost: 4 })] })
          expect([dear.reason, dear.retryAfter, dear.limits[0].remaining]).toEqual(['limited', undefined, 3])
          const all = await decide(store, space, { limits: [limitOf({ limiter, bucket, cost: 3 })] })
          expect([all.reason, all.limits[0].remaining]).toEqual([undefined, 0])
        }
      }),
    )

    test(
      'countRefused counts what this limit refuses, and nothing else',
      withStore(async (store, space) => {
        const strict = limitOf({ bucket: 'strict', limit: 1, window: 1_000, countRefused: true })
        const other = limitOf({ bucket: 'other', limit: 1, window: 60_000 })
        const at = (time: number, limits = [strict]) => decide(store, space, { now: START + time, limits })
        const seen = [await at(0), await at(900), await at(1_800), await at(2_800)]
        expect(reasons(seen)).toEqual(['allowed', 'limited', 'limited', 'allowed'])
        expect(seen[1].retryAfter).toBe(1_000)
        expect(reasons([await at(10_000, [other]), await at(10_001, [strict, other])])).toEqual([
          'allowed',
          'limited',
        ])
        expect((await at(10_002)).reason).toBe(undefined)
      }),
    )

    test(
      'a shadow limit counts and tells, but lets pass',
      withStore(async (store, space) => {
        const limits = [limitOf({ bucket: 'trial', limit: 1, shadow: true, blockFor: 5_000 })]
        expect((await decide(store, space, { limits })).shadowed).toEqual([])
        const second = await decide(store, space, { limits, block: true })
        expect([second.reason, second.shadowed, second.blockAdded]).toEqual([
          undefined,
          [{ name: 'trial', retryAfter: 10_000 }],
          undefined,
        ])
        expect((await decide(store, space, { limits, now: START + 10_000 })).shadowed).toEqual([])
      }),
    )

    test(
      'the clock may jump: a month ahead, and back again',
      withStore(async (store, space) => {
        const limits = [limitOf({ limit: 1, window: 60_000 })]
        const at = async (time: number) => (await decide(store, space, { now: START + time, limits })).reason
        const month = 30 * 86_400_000
        expect([await at(0), await at(1), await at(month), await at(month + 1)]).toEqual([
          undefined,
          'limited',
          undefined,
          'limited',
        ])
        expect(await at(month - 1_000)).toBe('limited')
        expect(await at(month + 60_000)).toBe(undefined)
      }),
    )

    test(
      'without a clock of the sentinel, the store’s own decides',
      withStore(async (store, space) => {
        const limits = [limitOf({ limit: 2, window: 86_400_000 })]
        const seen = []
        for (let n = 0; n < 3; n++) seen.push(await decide(store, space, { now: undefined, limits }))
        expect(reasons(seen)).toEqual(['allowed', 'allowed', 'limited'])
        expect(Math.abs(seen[0].now - Number(await store.now())) < 60_000).toBe(true)
      }),
    )
  })
}

/** A rule of any size; the burst differs from the limit where the limiter knows one. */
function ruleFrom(random: Random, limiter: Algorithm): Rule {
  const limit = 1 + random.below(6)
  const window = random.pick([1, 7, 1_000, 9_973, 60_000])
  const bursts = limiter === 'gcra' || limiter === 'token-bucket'
  const burst = bursts ? random.pick([limit, 1, limit + 3]) : limit
  return { limit, window, burst, countRefused: random.once(2) }
}

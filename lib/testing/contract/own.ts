import { Blocks } from '../../stores/records'
import type { Limiter } from '../../limiters/limiter'
import type { StorageAdapter } from '../../stores/store'
import type { Bench } from './globals'
import { decide, limitOf, once, queryOf, reasons, START, tally } from './requests'

/** A user's own limiter works on every store, together with the built-in ones, all or nothing. */
export function testOwnLimiters({ describe, test, expect, withStore }: Bench): void {
  const own = (parts: Parameters<typeof limitOf>[0] = {}) =>
    limitOf({ bucket: 'own', limiter: tally as Limiter, ...parts })
  const left = async (store: StorageAdapter, space: string, limit = own()) =>
    (await store.peek(queryOf(space, limit))).remaining

  describe('own limiters', () => {
    test(
      'of 100 at once, exactly the limit pass',
      withStore(async (store, space) => {
        for (const scope of ['actor', 'chat', 'member', 'global', 'own'] as const) {
          const limits = [own({ limit: 7, scope, key: 'k', bucket: scope })]
          const all = await Promise.all(Array.from({ length: 100 }, () => decide(store, space, { limits })))
          expect(all.filter(({ reason }) => reason === undefined).length).toBe(7)
        }
      }),
    )

    test(
      'its state, its wait and its units are those that it names',
      withStore(async (store, space) => {
        const limits = [limitOf({ bucket: 'o', limiter: once as Limiter, limit: 1, window: 1_000 })]
        const at = (time: number) => decide(store, space, { now: START + time, limits })
        const seen = [await at(0), await at(400), await at(1_000)]
        expect(reasons(seen)).toEqual(['allowed', 'limited', 'allowed'])
        expect([seen[1].name, seen[1].retryAfter]).toEqual(['o', 600])
        const state = { name: 'o', limit: 1, remaining: 0, resetAfter: 1_000 }
        expect([seen[0].limits, seen[2].limits]).toEqual([[state], [state]])
        const dear = await decide(store, space, { limits: [own({ cost: 2 })] })
        expect([dear.reason, dear.limits[0].remaining]).toEqual([undefined, 1])
        expect((await decide(store, space, { limits: [own({ cost: 0 })] })).reason).toBe(undefined)
        expect((await decide(store, space, { limits: [own({ limit: 0, bucket: 'x' })] })).retryAfter).toBe(
          undefined,
        )
      }),
    )

    test(
      'it is not charged for what another check refuses, nor the other for what it refuses',
      withStore(async (store, space) => {
        const narrow = limitOf({ bucket: 'narrow', limit: 1 })
        expect((await decide(store, space, { limits: [own(), narrow] })).reason).toBe(undefined)
        const refused = await decide(store, space, { limits: [own(), narrow] })
        expect([refused.name, refused.limits.map(({ remaining }) => remaining)]).toEqual(['narrow', [2, 0]])
        expect(await left(store, space)).toBe(2)
        const wide = limitOf({ bucket: 'wide', limit: 9, scope: 'chat' })
        for (let n = 0; n < 2; n++) await decide(store, space, { limits: [wide, own()] })
        const second = await decide(store, space, { limits: [wide, own()] })
        expect([second.reason, second.name, second.retryAfter]).toEqual(['limited', 'own', 10_000])
        expect([await left(store, space), await left(store, space, wide)]).toEqual([0, 7])
      }),
    )

    test(
      'a missing registration that is asked for gives everything back',
      withStore(async (store, space) => {
        expect((await decide(store, space, { registration: 'ask', limits: [own()] })).unasked).toBe(true)
        expect(await left(store, space)).toBe(3)
      }),
    )

    test(
      'a block comes first, and after it nothing is counted',
      withStore(async (store, space) => {
        const limits = [own({ limit: 1, countRefused: true })]
        await decide(store, space, { limits })
        await new Blocks(store, space, () => START).add(42)
        const blocked = await decide(store, space, { block: true, limits })
        expect([blocked.reason, blocked.name]).toEqual(['blocked', undefined])
        await new Blocks(store, space, () => START).remove(42)
        expect((await decide(store, space, { block: true, limits })).name).toBe('own')
      }),
    )

    test(
      'countRefused keeps the state of a refusal, unless the update was refused before it came to limits',
      withStore(async (store, space) => {
        const hits: Limiter<number> = {
          name: 'hits',
          hit(state = 0, { limit, countRefused }) {
            const allowed = state < limit
            const next = allowed || countRefused ? state + 1 : state
            return [next, { allowed, retryAfter: next, remaining: Math.max(0, limit - next), resetAfter: 1 }]
          },
        }
        const limits = [own({ limiter: hits as Limiter, limit: 1, countRefused: true })]
        const wait = async (parts = {}) => (await decide(store, space, { limits, ...parts })).retryAfter
        expect([await wait(), await wait(), await wait()]).toEqual([undefined, 3, 4])
        await wait({ registration: 'required' })
        await wait({ registration: 'ask' })
        expect(await wait()).toBe(5)
        const kept = [own({ limiter: hits as Limiter, limit: 1, bucket: 'kept' })]
        expect([
          await wait({ limits: kept }),
          await wait({ limits: kept }),
          await wait({ limits: kept }),
        ]).toEqual([undefined, 1, 1])
      }),
    )

    test(
      'a shadow one lets pass; blockFor blocks',
      withStore(async (store, space) => {
        const shadow = [own({ limit: 1, shadow: true })]
        await decide(store, space, { limits: shadow })
        const second = await decide(store, space, { limits: shadow })
        expect([second.reason, second.shadowed]).toEqual([undefined, [{ name: 'own', retryAfter: 10_000 }]])
        const blocking = [own({ limit: 1, bucket: 'b', blockFor: 60_000 })]
        await decide(store, space, { limits: blocking })
        const refused = await decide(store, space, { limits: blocking })
        expect([refused.retryAfter, refused.blockAdded?.until]).toEqual([60_000, START + 60_000])
      }),
    )

    test(
      'an album is charged once, and passes or fails as a whole',
      withStore(async (store, space) => {
        const limits = [own({ limit: 1 })]
        const part = (album: number | undefined) => decide(store, space, { album, limits })
        expect(reasons(await Promise.all(Array.from({ length: 5 }, () => part(1))))).toEqual(
          Array.from({ length: 5 }, () => 'allowed'),
        )
        expect((await part(2)).reason).toBe('limited')
        await store.reset(queryOf(space, limits[0]))
        expect(reasons([await part(2), await part(1), await part(3)])).toEqual([
          'limited',
          'allowed',
          'allowed',
        ])
      }),
    )

    test(
      'one that throws, answers nonsense or has a state that is no JSON is named in the error; nothing is charged',
      withStore(async (store, space) => {
        const outcome = { allowed: true, retryAfter: 0, remaining: 1, resetAfter: 1 }
        const broken: Record<string, Limiter['hit']> = {
          thrower: () => {
            throw new Error('kaput')
          },
          nonsense: () => [1, { allowed: true }] as unknown as ReturnType<Limiter['hit']>,
          nothing: () => undefined as unknown as ReturnType<Limiter['hit']>,
          dated: () => [{ at: new Date(0) }, outcome],
          endless: () => [{ at: Infinity }, outcome],
        }
        for (const [name, hit] of Object.entries(broken)) {
          const limits = [limitOf({ bucket: 'wide' }), own({ limiter: { name, hit }, bucket: 'bad' })]
          const message = await failure(() => decide(store, space, { limits }))
          expect([name, message.includes(`'${name}'`), message.includes("'bad'")]).toEqual([name, true, true])
        }
        expect(await left(store, space, limitOf({ bucket: 'wide' }))).toBe(3)
      }),
    )

    test(
      'a state is its own limiter’s only',
      withStore(async (store, space) => {
        await decide(store, space, { limits: [own({ limit: 1 })] })
        const renamed = own({ limit: 1, limiter: { ...(tally as Limiter), name: 'tally-2' } })
        expect((await decide(store, space, { limits: [renamed] })).reason).toBe(undefined)
      }),
    )
  })
}

async function failure(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'it did not fail'
}

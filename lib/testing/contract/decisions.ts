import type { DecisionRequest } from '../../stores/decision'
import { Blocks, Registrations } from '../../stores/records'
import type { Bench } from './globals'
import { debounceOf, decide, limitOf, queryOf, reasons, START } from './requests'

const MINUTE = 60_000

type Wanted = NonNullable<DecisionRequest['notices']>

/** What a decision means beyond its limits: order, marks, blocks, registration, notices, albums. */
export function testDecisions({ describe, test, expect, withStore }: Bench): void {
  const clock = (): number => START

  describe('decisions', () => {
    test(
      'nothing to check is allowed',
      withStore(async (store, space) => {
        expect(await decide(store, space)).toEqual({
          now: START,
          reason: undefined,
          name: undefined,
          retryAfter: undefined,
          limits: [],
          shadowed: [],
          notice: false,
          blockAdded: undefined,
          registration: undefined,
          unasked: false,
        })
      }),
    )

    test(
      'an update is handled once, until its mark is over',
      withStore(async (store, space) => {
        const at = (time: number, mark: number, actor: number | undefined = 42) =>
          decide(store, space, { now: START + time, actor, duplicate: { mark, window: 1_000 } })
        const seen = [await at(0, 1), await at(999, 1), await at(999, 2), await at(1_000, 1)]
        expect(reasons(seen)).toEqual(['allowed', 'duplicate', 'allowed', 'allowed'])
        expect(seen[1].retryAfter).toBe(1)
      }),
    )

    test(
      'of one update handed in 20 times at once, one is handled, whoever sent it',
      withStore(async (store, space) => {
        for (const actor of [42, undefined]) {
          const duplicate = { mark: 77, window: MINUTE }
          const all = await Promise.all(
            Array.from({ length: 20 }, () => decide(store, space, { actor, duplicate })),
          )
          expect(all.filter(({ reason }) => reason === undefined).length).toBe(1)
        }
      }),
    )

    test(
      'a debounce drops a repeat, does not extend its window, and lets anything else pass',
      withStore(async (store, space) => {
        const at = (time: number, text: string) =>
          decide(store, space, { now: START + time, debounces: [debounceOf({ text })] })
        const seen = [await at(0, 'a'), await at(1_500, 'a'), await at(1_500, 'b'), await at(2_000, 'a')]
        expect(reasons(seen)).toEqual(['allowed', 'debounced', 'allowed', 'allowed'])
        expect([seen[1].name, seen[1].retryAfter]).toEqual(['shop', 500])
      }),
    )

    test(
      'a refused update marks nothing, so it may be sent again',
      withStore(async (store, space) => {
        const all = (now: number, mark: number) =>
          decide(store, space, {
            now,
            duplicate: { mark, window: MINUTE },
            debounces: [debounceOf({ window: MINUTE, text: String(mark) })],
            limits: [limitOf({ limit: 1, window: 1_000 })],
          })
        const seen = [
          await all(START, 1),
          await all(START, 2),
          await all(START + 1_000, 2),
          await all(START + 2_000, 2),
        ]
        expect(reasons(seen)).toEqual(['allowed', 'limited', 'allowed', 'duplicate'])
      }),
    )

    test(
      'a block refuses until it is over, and charges nothing',
      withStore(async (store, space) => {
        const blocks = new Blocks(store, space, clock)
        const limits = [limitOf({ limit: 1 })]
        const at = (time: number) => decide(store, space, { now: START + time, block: true, limits })
        await blocks.add(42, { for: 1_000 })
        const blocked = await at(999)
        expect([blocked.reason, blocked.retryAfter, blocked.limits[0].remaining]).toEqual(['blocked', 1, 1])
        expect(reasons([await at(1_000), await at(1_001)])).toEqual(['allowed', 'limited'])
        await blocks.add(42)
        const endless = await at(9_000_000)
        expect([endless.reason, endless.retryAfter]).toEqual(['blocked', undefined])
        expect((await decide(store, space, { limits: [] })).reason).toBe(undefined)
        await blocks.remove(42)
        expect((await at(9_000_000)).reason).toBe(undefined)
      }),
    )

    test(
      'registration: required, asked for, vouched',
      withStore(async (store, space) => {
        const limits = [limitOf({ limit: 2, countRefused: true })]
        const refused = await decide(store, space, { registration: 'required', limits })
        expect([refused.reason, refused.retryAfter, refused.limits[0].remaining]).toEqual([
          'unregistered',
          undefined,
          2,
        ])
        const asked = await decide(store, space, { registration: 'ask', limits })
        expect([asked.reason, asked.unasked, asked.limits.length]).toEqual([undefined, true, 0])
        const vouched = await decide(store, space, { registration: 'vouched', limits })
        expect([vouched.reason, vouched.registration, vouched.limits[0].remaining]).toEqual([
          undefined,
          undefined,
          1,
        ])
        const known = await new Registrations(store, space, clock).add(42, { plan: 'pro' })
        for (const registration of ['required', 'ask', 'vouched'] as const) {
          const decision = await decide(store, space, { registration })
          expect([decision.reason, decision.registration]).toEqual([undefined, known])
        }
      }),
    )

    test(
      'the first check that fails names the verdict, the longest wait is the one to wait',
      withStore(async (store, space) => {
        const checks = {
          duplicate: { mark: 1, window: 5_000 },
          debounces: [debounceOf({ window: 7_000 })],
          limits: [
            limitOf({ bucket: 'short', limit: 1, window: 1_000 }),
            limitOf({ bucket: 'long', limit: 1, window: 9_000 }),
          ],
        }
        expect((await decide(store, space, checks)).reason).toBe(undefined)
        const named = async (parts: Parameters<typeof decide>[2]) => {
          const { reason, name, retryAfter } = await decide(store, space, parts)
          return [reason, name, retryAfter]
        }
        expect(await named(checks)).toEqual(['duplicate', undefined, 9_000])
        expect(await named({ ...checks, duplicate: undefined })).toEqual(['debounced', 'shop', 9_000])
        expect(await named({ limits: checks.limits })).toEqual(['limited', 'short', 9_000])
        await new Blocks(store, space, clock).add(42)
        const blocked = { ...checks, duplicate: undefined, block: true, registration: 'required' as const }
        expect(await named(blocked)).toEqual(['blocked', undefined, undefined])
        expect(await named({ ...blocked, block: false })).toEqual(['unregistered', undefined, undefined])
      }),
    )

    test(
      'blockFor blocks the actor of a refused update, and never shortens a block',
      withStore(async (store, space) => {
        const blocks = new Blocks(store, space, clock)
        const limits = [limitOf({ limit: 1, blockFor: 60_000, scope: 'chat' })]
        const at = (time: number) => decide(store, space, { now: START + time, block: true, limits })
        expect((await at(0)).blockAdded).toBe(undefined)
        const refused = await at(1_000)
        const added = {
          userId: 42,
          reason: 'shop',
          by: 'sentinel',
          since: START + 1_000,
          until: START + 61_000,
        }
        expect([refused.reason, refused.retryAfter, refused.blockAdded]).toEqual(['limited', 60_000, added])
        expect(await blocks.get(42)).toEqual(added)
        const blocked = await at(20_000)
        expect([blocked.reason, blocked.retryAfter, blocked.blockAdded]).toEqual([
          'blocked',
          41_000,
          undefined,
        ])
        const endless = await blocks.add(7)
        const other = await decide(store, space, { actor: 7, limits, now: START + 2_000 })
        expect([other.reason, other.blockAdded, await blocks.get(7)]).toEqual(['limited', undefined, endless])
      }),
    )

    test(
      'one notice per actor, reason and bucket in the check’s window',
      withStore(async (store, space) => {
        const notices = { blocked: true, unregistered: true }
        const one = limitOf({ bucket: 'one', limit: 1, window: 5_000, notice: true, countRefused: true })
        const two = limitOf({ bucket: 'two', limit: 1, window: 5_000, notice: true })
        const at = async (time: number, limits = [one], actor = 42, asked: Wanted | null = notices) =>
          (await decide(store, space, { now: START + time, actor, limits, notices: asked ?? undefined }))
            .notice
        expect([await at(0), await at(0, [two]), await at(0, [two], 7)]).toEqual([false, false, false])
        expect([await at(1, [one], 42, null), await at(1), await at(2)]).toEqual([false, true, false])
        expect([await at(3, [two]), await at(4, [two]), await at(4, [two], 7)]).toEqual([true, false, true])
        expect([await at(4_999), await at(5_001), await at(5_002)]).toEqual([false, true, false])
        await new Blocks(store, space, clock).add(9)
        const blocked = async (time: number, wanted = true) =>
          (
            await decide(store, space, {
              now: START + time,
              actor: 9,
              block: true,
              notices: { ...notices, blocked: wanted },
            })
          ).notice
        expect([
          await blocked(0, false),
          await blocked(0),
          await blocked(MINUTE - 1),
          await blocked(MINUTE),
        ]).toEqual([false, true, false, true])
      }),
    )

    test(
      'an album is one message: all of it passes, for one charge, or none of it',
      withStore(async (store, space) => {
        const limits = [limitOf({ bucket: 'a', limit: 2 }), limitOf({ bucket: 'b', limit: 9, scope: 'chat' })]
        const debounces = [debounceOf()]
        const part = (album: number | undefined, time = 0) =>
          decide(store, space, {
            now: START + time,
            album,
            limits,
            debounces: album === undefined ? [] : debounces,
          })
        const first = await Promise.all(Array.from({ length: 10 }, () => part(1)))
        expect(new Set(reasons(first))).toEqual(new Set(['allowed']))
        expect((await store.peek(queryOf(space, limits[0]))).remaining).toBe(1)
        expect((await part(undefined, 100)).reason).toBe(undefined)
        const refused = [await part(2, 3_000), await part(2, 10_000), await part(2, 20_000)]
        expect(reasons(refused)).toEqual(['limited', 'limited', 'limited'])
        expect((await store.peek(queryOf(space, limits[1], START + 3_000))).remaining).toBe(7)
        expect(reasons([await part(1, 50_000), await part(3, 50_000)])).toEqual(['allowed', 'allowed'])
      }),
    )

    test(
      'without an actor, what is global still counts',
      withStore(async (store, space) => {
        const limits = [limitOf({ limit: 1, scope: 'global' })]
        const at = () => decide(store, space, { actor: undefined, chat: undefined, block: true, limits })
        expect(reasons([await at(), await at()])).toEqual(['allowed', 'limited'])
      }),
    )
  })
}

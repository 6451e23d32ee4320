import type { Bench } from './globals'
import { blocksOf, debounceOf, decide, limitOf, queryOf, reasons, START } from './requests'

const MANY = 500

/** Hundreds of decisions asked for in one tick, as a poll after a pause brings them. */
export function testCrowds({ describe, test, expect, withStore }: Bench): void {
  describe('crowds', () => {
    test(
      `${MANY} updates of one actor in one tick: the limit passes, and the others count nothing`,
      withStore(async (store, space) => {
        const limits = [limitOf({ bucket: 'narrow', limit: 50 }), limitOf({ bucket: 'wide', limit: 999 })]
        const all = await Promise.all(Array.from({ length: MANY }, () => decide(store, space, { limits })))
        expect(reasons(all).filter((reason) => reason === 'allowed').length).toBe(50)
        expect((await store.peek(queryOf(space, limits[1]))).remaining).toBe(999 - 50)
        const left = all.filter(({ reason }) => reason === undefined).map((each) => each.limits[0].remaining)
        expect(left.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n))
      }),
    )

    test(
      `${MANY} actors in one tick: each has limits, marks and blocks of its own`,
      withStore(async (store, space) => {
        const actors = Array.from({ length: MANY }, (_, n) => n + 1)
        const blocked = actors.filter((id) => id % 10 === 0)
        await store.putRecords(
          blocksOf(space),
          blocked.map((userId) => ({ userId, since: START })),
          'replace',
        )
        const hit = (text: string) =>
          Promise.all(
            actors.map((actor) =>
              decide(store, space, {
                actor,
                block: true,
                debounces: [debounceOf({ text })],
                limits: [limitOf({ limit: 1 })],
              }),
            ),
          )
        const expected = (reason: string) => actors.map((id) => (id % 10 === 0 ? 'blocked' : reason))
        expect(reasons(await hit('a'))).toEqual(expected('allowed'))
        expect(reasons(await hit('a'))).toEqual(expected('debounced'))
        expect(reasons(await hit('b'))).toEqual(expected('limited'))
      }),
    )

    test(
      'the clock of the store is one that people live by, and does not run backwards',
      withStore(async (store) => {
        const first = await store.now()
        const second = await store.now()
        expect([Number.isSafeInteger(first), first <= second]).toEqual([true, true])
        expect(Math.abs(first - Date.now()) < 86_400_000).toBe(true)
      }),
    )
  })
}

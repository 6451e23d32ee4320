import { ALGORITHMS } from '../../limiters'
import type { Limiter } from '../../limiters/limiter'
import type { Bench } from './globals'
import { debounceOf, decide, limitOf, queryOf, reasons, START, tally } from './requests'

const LIMITERS = [...ALGORITHMS, tally as Limiter] as const

/** Looking at one limit, forgetting it, and moving it to a group's new id. */
export function testBuckets({ describe, test, expect, withStore }: Bench): void {
  describe('single limits', () => {
    for (const limiter of LIMITERS) {
      const name = typeof limiter === 'string' ? limiter : 'an own limiter'

      test(
        `${name}: peek charges nothing, reset forgets this limit only`,
        withStore(async (store, space) => {
          const [one, two] = [limitOf({ bucket: 'one', limiter }), limitOf({ bucket: 'two', limiter })]
          const fresh = { name: 'one', limit: 3, remaining: 3, resetAfter: 0 }
          expect(await store.peek(queryOf(space, one))).toEqual(fresh)
          const { limits } = await decide(store, space, { limits: [one, two], debounces: [debounceOf()] })
          expect(limits.map(({ remaining }) => remaining)).toEqual([2, 2])
          for (let n = 0; n < 2; n++) expect((await store.peek(queryOf(space, one))).remaining).toBe(2)
          expect((await store.peek(queryOf(space, one, START, 43))).remaining).toBe(3)
          await store.reset(queryOf(space, one))
          expect(await store.peek(queryOf(space, one))).toEqual(fresh)
          expect((await store.peek(queryOf(space, two))).remaining).toBe(2)
          expect((await decide(store, space, { debounces: [debounceOf()] })).reason).toBe('debounced')
          await store.reset(queryOf(space, limitOf({ bucket: 'never', limiter })))
        }),
      )

      test(
        `${name}: migrateChat moves the named chat and member limits where the new chat has none`,
        withStore(async (store, space) => {
          const [from, to] = [-500, -1_000_500]
          const chat = limitOf({ bucket: 'chat', limiter, scope: 'chat', limit: 9 })
          const member = limitOf({ bucket: 'member', limiter, scope: 'member', limit: 9 })
          const left = limitOf({ bucket: 'left', limiter, scope: 'chat', limit: 9 })
          const kept = limitOf({ bucket: 'kept', limiter, scope: 'chat', limit: 9 })
          const all = [chat, member, left, kept]
          for (const actor of [1, 2, 2]) await decide(store, space, { chat: from, actor, limits: all })
          await decide(store, space, { chat: -5, actor: 1, limits: all })
          await decide(store, space, { chat: to, actor: 3, limits: [kept, member] })
          const moved = [chat, member, kept].map(({ bucket, scope }) => ({ bucket, scope }))
          await store.migrateChat(space, from, to, moved)
          const used = async (limit: typeof chat, where: number, actor = 1) =>
            9 - (await store.peek(queryOf(space, limit, START, actor, where))).remaining
          expect([await used(chat, to), await used(chat, from)]).toEqual([3, 0])
          expect([await used(member, to), await used(member, to, 2), await used(member, to, 3)]).toEqual([
            1, 2, 1,
          ])
          expect([await used(member, from), await used(member, from, 2)]).toEqual([0, 0])
          expect([await used(left, to), await used(left, from)]).toEqual([0, 3])
          expect(await used(kept, to)).toBe(1)
          expect([await used(chat, -5), await used(member, -5)]).toEqual([1, 1])
          await store.migrateChat(space, from, to, moved)
          expect(await used(chat, to)).toBe(3)
        }),
      )
    }

    test(
      'migrateChat carries any number of members over',
      withStore(async (store, space) => {
        const limit = limitOf({ scope: 'member', limit: 1 })
        const actors = Array.from({ length: 120 }, (_, n) => n + 1)
        const hit = (chat: number) =>
          Promise.all(actors.map((actor) => decide(store, space, { chat, actor, limits: [limit] })))
        await hit(-1)
        await store.migrateChat(space, -1, -2, [{ bucket: limit.bucket, scope: 'member' }])
        expect(new Set(reasons(await hit(-2)))).toEqual(new Set(['limited']))
        expect(new Set(reasons(await hit(-1)))).toEqual(new Set(['allowed']))
      }),
    )
  })
}

import type { StorageAdapter } from '../../stores/store'
import type { UserNamespace, UserRecordOf } from '../../stores/user-record'
import type { Bench } from './globals'
import { blocksOf, membersOf, registrationsOf, START } from './requests'

/** Users, groups, supergroups, and the ends of what a number can count. */
const IDS = [1, 7_654_321_098, -1_001_234_567_890, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]

const PROFILES = [
  ...[
    null,
    false,
    0,
    -1.5,
    1e300,
    Number.MAX_SAFE_INTEGER,
    '',
    [],
    {},
    [[], {}, null],
    'x'.repeat(1_000_000),
  ],
  { nul: '\u0000', lone: '\ud800', reversed: '\udc00\ud800', emoji: '💥', '\u0000': 1, '\ud800': 2, '': 3 },
  { quotes: `'";--`, dollar: '$1', slash: '\\u0000\\', like: '%_', $set: { 'a.b': [1, 'two', null] } },
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": 2}') as unknown,
]

/** Records of users whatever they hold and however many there are: put, found, listed, dropped. */
export function testUserRecords({ describe, test, expect, withStore, steps }: Bench): void {
  describe('records in bulk', () => {
    test(
      'ids of any size, and none is another’s',
      withStore(async (store, space) => {
        const records = IDS.map((userId, n) => ({ userId, profile: n, since: START + n }))
        expect(await store.putRecords(registrationsOf(space), records, 'replace')).toEqual(records)
        for (const record of records) {
          expect(await store.findRecord(registrationsOf(space), record.userId)).toEqual(record)
        }
        expect(await listed(store, space, 'registrations', 2)).toEqual(byId(records))
        expect(await store.dropRecords(registrationsOf(space), IDS.slice(1))).toEqual(records.slice(1))
        expect(await listed(store, space, 'registrations', 2)).toEqual([records[0]])
      }),
    )

    test(
      'a profile is any JSON, and comes back as it was; none is not null',
      withStore(async (store, space) => {
        const records = PROFILES.map((profile, n) => ({ userId: n + 1, profile, since: START }))
        const none = { userId: 99, since: START }
        const all = [...records, none]
        expect(await store.putRecords(registrationsOf(space), all, 'replace')).toEqual(all)
        for (const record of all) {
          expect(await store.findRecord(registrationsOf(space), record.userId)).toEqual(record)
        }
        expect('profile' in ((await store.findRecord(registrationsOf(space), 99)) ?? {})).toBe(false)
        expect(await listed(store, space, 'registrations', 4)).toEqual(byId(all))
      }),
    )

    test(
      'texts of a block are any text',
      withStore(async (store, space) => {
        const texts = ['', '\u0000', '\ud800', '💥', `'";--`, '$1', 'a\nb', 'x'.repeat(100_000)]
        const records = texts.map((text, n) => ({ userId: n + 1, reason: text, by: text, since: START }))
        expect(await store.putRecords(blocksOf(space), records, 'replace')).toEqual(records)
        expect(await listed(store, space, 'blocks', 3)).toEqual(byId(records))
      }),
    )

    const many = 25 * steps
    test(
      `${many} in one call: each is there, is listed once, and is dropped`,
      withStore(async (store, space) => {
        const records = Array.from({ length: many }, (_, n) => ({
          userId: (n % 2 === 0 ? 1 : -1) * (n + 1),
          profile: { n },
          since: START + n,
        }))
        expect(await store.putRecords(registrationsOf(space), records, 'replace')).toEqual(records)
        expect(await listed(store, space, 'registrations', 700)).toEqual(byId(records))
        const ids = records.map(({ userId }) => userId)
        expect(await store.dropRecords(registrationsOf(space), ids)).toEqual(records)
        expect(await listed(store, space, 'registrations', 700)).toEqual([])
      }),
    )

    test(
      'a list has what was there all the time, once, whatever comes and goes meanwhile',
      withStore(async (store, space) => {
        const record = (userId: number) => ({ userId, profile: 'x', since: START })
        const put = (ids: readonly number[]) =>
          store.putRecords(registrationsOf(space), ids.map(record), 'replace')
        const ids = Array.from({ length: 300 }, (_, n) => n + 1)
        const staying = ids.filter((id) => id % 3 !== 0)
        await put(ids)
        const seen: number[] = []
        let cursor: string | undefined
        let page = 0
        do {
          const found = await store.listRecords(registrationsOf(space), { cursor, limit: 20 })
          seen.push(...found.records.map(({ userId }) => userId))
          cursor = found.cursor
          page++
          const gone = ids.filter((id) => id % 3 === 0).slice(10 * page, 10 * page + 10)
          await Promise.all([
            store.dropRecords(registrationsOf(space), gone),
            put([1_000 + page, -page, page * 7]),
          ])
        } while (cursor !== undefined && page < 200)
        expect(cursor).toBe(undefined)
        expect(seen.length).toBe(new Set(seen).size)
        expect(staying.filter((id) => !seen.includes(id))).toEqual([])
      }),
    )

    test(
      'spaces and namespaces keep them apart, however alike their names',
      withStore(async (store, space) => {
        const spaces = [space, `${space}0`, `${space}-`, `${space}_`, `x${space}`]
        for (const [n, each] of spaces.entries()) {
          await store.putRecords(registrationsOf(each), [{ userId: 5, profile: n, since: START }], 'replace')
        }
        for (const [n, each] of spaces.entries()) {
          expect(await listed(store, each, 'registrations', 9)).toEqual([
            { userId: 5, profile: n, since: START },
          ])
          expect(await listed(store, each, 'blocks', 9)).toEqual([])
          expect(await store.findRecord(membersOf(each), 5)).toBe(undefined)
        }
        await store.dropRecords(registrationsOf(space), [5])
        expect((await store.findRecord(registrationsOf(spaces[1]), 5))?.profile).toBe(1)
      }),
    )
  })
}

function byId<T extends { readonly userId: number }>(records: readonly T[]): T[] {
  return [...records].sort((a, b) => a.userId - b.userId)
}

async function listed<N extends UserNamespace>(
  store: StorageAdapter,
  space: string,
  namespace: N,
  limit: number,
): Promise<UserRecordOf[N][]> {
  const all: UserRecordOf[N][] = []
  let cursor: string | undefined
  do {
    const page = await store.listRecords({ space, namespace }, { cursor, limit })
    all.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return byId(all)
}

import type { StoredMember } from '../../stores/user-record'
import type { Bench } from './globals'
import { blocksOf, decide, limitOf, membersOf, registrationsOf, START } from './requests'

/** What becomes of a user's record that meets a former one, and of one that is dropped. */
export function testMeetings({ describe, test, expect, withStore }: Bench): void {
  describe('records meet', () => {
    test(
      'a record that meets none is stored, is found, and is dropped once',
      withStore(async (store, space) => {
        const block = { userId: 7, reason: 'spam', by: 'an admin', since: START, until: START + 1_000 }
        const endless = { userId: 8, since: START }
        expect(await store.findRecord(blocksOf(space), 7)).toBe(undefined)
        expect(await store.dropRecords(blocksOf(space), [7, 8])).toEqual([undefined, undefined])
        for (const meeting of ['replace', 'keep-since', 'later'] as const) {
          expect(await store.putRecords(blocksOf(space), [block, endless], meeting)).toEqual([block, endless])
          expect(await store.findRecord(blocksOf(space), 7)).toEqual(block)
          expect(await store.findRecord(blocksOf(space), 8)).toEqual(endless)
          expect(await store.dropRecords(blocksOf(space), [8, 9, 7])).toEqual([endless, undefined, block])
          expect(await store.findRecord(blocksOf(space), 7)).toBe(undefined)
        }
        expect(await store.putRecords(blocksOf(space), [], 'replace')).toEqual([])
        expect(await store.dropRecords(blocksOf(space), [])).toEqual([])
      }),
    )

    test(
      'replace: the new record stands, with nothing of the former',
      withStore(async (store, space) => {
        const former = { userId: 7, reason: 'spam', by: 'an admin', since: START, until: START + 1_000 }
        const latter = { userId: 7, since: START - 5 }
        await store.putRecords(blocksOf(space), [former], 'replace')
        expect(await store.putRecords(blocksOf(space), [latter], 'replace')).toEqual([latter])
        expect(await store.findRecord(blocksOf(space), 7)).toEqual(latter)
      }),
    )

    test(
      'keep-since: the new record stands but for its date',
      withStore(async (store, space) => {
        const put = (since: number, profile?: unknown) => {
          const content = profile === undefined ? {} : { profile }
          return store.putRecords(registrationsOf(space), [{ userId: 7, ...content, since }], 'keep-since')
        }
        expect(await put(START, { plan: 'free' })).toEqual([
          { userId: 7, profile: { plan: 'free' }, since: START },
        ])
        for (const since of [START + 9, START - 9]) {
          expect(await put(since, [since])).toEqual([{ userId: 7, profile: [since], since: START }])
        }
        expect(await put(START + 9)).toEqual([{ userId: 7, since: START }])
        expect(await store.findRecord(registrationsOf(space), 7)).toEqual({ userId: 7, since: START })
      }),
    )

    test(
      'later: the later record stands, by date and then by update; an equal one changes nothing',
      withStore(async (store, space) => {
        const put = (record: StoredMember) => store.putRecords(membersOf(space), [record], 'later')
        expect(await put(member(1_000, 8))).toEqual([member(1_000, 8)])
        for (const [since, updateId] of [
          [999, 9],
          [1_000, 7],
          [1_000, 8],
        ]) {
          expect(await put(member(since, updateId))).toEqual([undefined])
        }
        expect(await put({ ...member(1_000, 8), reachable: false })).toEqual([undefined])
        expect(await store.findRecord(membersOf(space), 5)).toEqual(member(1_000, 8))
        expect(await put(member(1_000, 9))).toEqual([member(1_000, 9)])
        expect(await put(member(1_001, 1))).toEqual([member(1_001, 1)])
        expect(await store.findRecord(membersOf(space), 5)).toEqual(member(1_001, 1))
      }),
    )

    test(
      'one user twice in a call: as if one after the other',
      withStore(async (store, space) => {
        const registration = (profile: string, since: number) => ({ userId: 7, profile, since })
        const other = { userId: 8, profile: 'other', since: START }
        const two = [registration('first', START), other, registration('second', START + 1)]
        const replaced = await store.putRecords(registrationsOf(space), two, 'replace')
        expect([replaced.length, replaced[1], replaced[2]]).toEqual([3, other, two[2]])
        expect(await store.findRecord(registrationsOf(space), 7)).toEqual(two[2])

        // What was there is dropped once, so that it is told of once.
        const dropped = await store.dropRecords(registrationsOf(space), [7, 8, 7])
        expect(dropped.filter((record) => record !== undefined).length).toBe(2)
        expect(dropped[1]).toEqual(other)

        const kept = await store.putRecords(registrationsOf(space), two, 'keep-since')
        expect(kept[2]).toEqual(registration('second', START))
        expect(await store.findRecord(registrationsOf(space), 7)).toEqual(registration('second', START))

        const words = [member(1, 1), member(3, 1), member(2, 9)]
        const said = await store.putRecords(membersOf(space), words, 'later')
        expect([said.length, said[2]]).toEqual([3, undefined])
        expect(await store.findRecord(membersOf(space), 5)).toEqual(words[1])
      }),
    )

    test(
      'of many words on one user at the same time, the latest stands',
      withStore(async (store, space) => {
        const words = Array.from({ length: 24 }, (_, n) => member((n * 7) % 24, n))
        await Promise.all(words.map((word) => store.putRecords(membersOf(space), [word], 'later')))
        const latest = words.find(({ since }) => since === START + 23)
        expect(await store.findRecord(membersOf(space), 5)).toEqual(latest)
        const drops = await Promise.all(
          Array.from({ length: 8 }, () => store.dropRecords(membersOf(space), [5])),
        )
        expect(drops.flat().filter((record) => record !== undefined)).toEqual([latest])
      }),
    )

    test(
      'decisions see them, and they see what decisions block',
      withStore(async (store, space) => {
        const reason = async (now: number) =>
          (await decide(store, space, { now, block: true, registration: 'required' })).reason
        expect(await reason(START)).toBe('unregistered')
        await store.putRecords(registrationsOf(space), [{ userId: 42, since: START }], 'keep-since')
        const block = { userId: 42, since: START, until: START + 1_000 }
        await store.putRecords(blocksOf(space), [block], 'replace')
        expect([await reason(START + 999), await reason(START + 1_000)]).toEqual(['blocked', undefined])
        // It is over, but still known.
        expect(await store.findRecord(blocksOf(space), 42)).toEqual(block)
        await store.dropRecords(blocksOf(space), [42])
        await store.dropRecords(registrationsOf(space), [42])
        expect(await reason(START)).toBe('unregistered')
        const limits = [limitOf({ limit: 0, blockFor: 5_000 })]
        const { blockAdded } = await decide(store, space, { limits })
        expect([await store.findRecord(blocksOf(space), 42), blockAdded?.until]).toEqual([
          blockAdded,
          START + 5_000,
        ])
      }),
    )
  })
}

function member(since: number, updateId: number): StoredMember {
  return { userId: 5, reachable: updateId % 2 === 0, since: START + since, updateId }
}

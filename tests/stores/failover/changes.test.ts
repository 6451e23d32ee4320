import fc from 'fast-check'
import { carryOver, DROP, merged, type Change, type Note } from '../../../lib/stores/failover/changes'
import { Journal } from '../../../lib/stores/failover/journal'
import type { UserNamespace } from '../../../lib/stores/user-record'
import { MapStore } from '../../support/map-store'
import { block, recordsOf, SPACE } from './support'

const time = fc.integer({ min: 0, max: 5 })
const user = fc.integer({ min: 1, max: 3 })
const drop = fc.constant(DROP)

/** What happens to each namespace in the life of a bot. */
const CHANGES: Record<UserNamespace, (userId: number) => fc.Arbitrary<Change>> = {
  blocks: (userId) =>
    fc.oneof(
      drop,
      fc
        .record({ since: time, until: fc.option(fc.integer({ min: 6, max: 99 }), { nil: undefined }) })
        .map((parts) => ({
          put: { userId, ...parts },
          meeting: 'replace' as const,
        })),
    ),
  registrations: (userId) =>
    fc.oneof(
      drop,
      fc
        .record({ since: time, profile: time })
        .map((parts) => ({ put: { userId, ...parts }, meeting: 'keep-since' as const })),
    ),
  members: (userId) =>
    fc.record({ since: time, updateId: time, reachable: fc.boolean() }).map((parts) => ({
      put: { userId, ...parts },
      meeting: 'later' as const,
    })),
}

const namespace = fc.constantFrom<UserNamespace>('blocks', 'registrations', 'members')
const note: fc.Arbitrary<Note> = fc.tuple(namespace, user).chain(([name, userId]) =>
  CHANGES[name](userId).map((change) => ({
    place: { space: SPACE, namespace: name },
    userId,
    change,
    at: 0,
  })),
)

async function contents(store: MapStore) {
  return Promise.all((['blocks', 'registrations', 'members'] as const).map((name) => recordsOf(store, name)))
}

test('what is carried over is what was written, whatever the store held before', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(note, { maxLength: 6 }),
      fc.array(note, { maxLength: 20 }),
      async (before, writes) => {
        const [one, other] = [new MapStore(), new MapStore()]
        for (const earlier of before) for (const store of [one, other]) await carryOver(store, [earlier])
        const journal = new Journal(1_000)
        for (const write of writes) {
          await carryOver(one, [write])
          journal.note(write)
        }
        for (let notes = journal.next(2); notes.length > 0; notes = journal.next(2)) {
          await carryOver(other, notes)
          journal.done(notes)
        }
        expect(await contents(other)).toEqual(await contents(one))
      },
    ),
  )
})

describe('a block that a decision has added', () => {
  const longer = (until: number): Change => ({ put: { ...block(1), until }, meeting: 'longer' })
  const noteOf = (change: Change): Note => ({
    place: { space: SPACE, namespace: 'blocks' },
    userId: 1,
    change,
    at: 0,
  })

  test.each([
    ['none', undefined, 9_000],
    ['a shorter one', 5_000, 9_000],
    ['a longer one', 20_000, 20_000],
    ['one without end', Infinity, undefined],
    ['one that is over', 500, 9_000],
  ])('meets %s', async (_name, standing, left) => {
    const store = new MapStore()
    if (standing !== undefined) {
      const until = standing === Infinity ? {} : { until: standing }
      await store.putRecords(
        { space: SPACE, namespace: 'blocks' },
        [{ userId: 1, since: 0, ...until }],
        'replace',
      )
    }
    await carryOver(store, [noteOf(longer(9_000))])
    expect((await recordsOf(store, 'blocks')).map(({ until }) => until)).toEqual([left])
  })

  test('after a block was lifted it stands, after another it takes its place', () => {
    expect(merged(DROP, longer(9))).toMatchObject({ meeting: 'replace', put: { until: 9 } })
    const ban: Change = { put: block(1), meeting: 'replace' }
    expect(merged(ban, longer(9))).toMatchObject({ meeting: 'replace', put: { until: 9 } })
    expect(merged(longer(5), longer(9))).toMatchObject({ meeting: 'longer', put: { until: 9 } })
    expect(merged(longer(5), ban)).toEqual(ban)
    expect(merged(longer(5), DROP)).toEqual(DROP)
  })
})

describe('bounds', () => {
  const place = { space: SPACE, namespace: 'blocks' } as const
  const noteOf = (userId: number): Note => ({
    place,
    userId,
    change: { put: block(userId), meeting: 'replace' },
    at: userId,
  })

  test('places that are kept free are not given away; a record that is in it needs none', () => {
    const journal = new Journal(3)
    journal.note(noteOf(1))
    const giveBack = journal.reserve(place, [1, 2])
    expect(journal.reserve(place, [3])).toBeDefined()
    expect(journal.reserve(place, [4])).toBe(undefined)
    expect(journal.reserve(place, [1])).toBeDefined()
    giveBack?.()
    expect(journal.reserve(place, [4])).toBeDefined()
  })

  test('a write that comes while an earlier one is carried over stays', () => {
    const journal = new Journal(3)
    journal.note(noteOf(1))
    journal.note(noteOf(2))
    const notes = journal.next(10)
    journal.note({ ...noteOf(1), change: DROP, at: 7 })
    journal.done(notes)
    expect(journal.next(10)).toEqual([{ ...noteOf(1), change: DROP, at: 1 }])
    expect(journal.since).toBe(1)
  })
})

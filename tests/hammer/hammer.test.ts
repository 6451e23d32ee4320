/** Two and four processes at one store: what passes is what the limit says, to the unit. Nobody waits for a clock. */
// PGlite is not among them, as its folder belongs to one process: see `tests/differential`.
import { ALGORITHMS } from '../../lib/limiters'
import type { StorageAdapter } from '../../lib/stores/store'
import { blocksOf, limitOf, queryOf, registrationsOf, START } from '../../lib/testing/contract/requests'
import type { Asked } from '../support/hammer-worker'
import { sharedStores } from '../support/stores'
import { Workers } from './workers'

const LIMIT = 100
const MOST = 4

describe.each(sharedStores().map((under) => [under.name, under] as const))('%s', (_name, under) => {
  let store: StorageAdapter
  let workers: Workers
  let spaces = 0
  const newSpace = (): string => `hammer:${process.pid}-${++spaces}`

  beforeAll(async () => {
    await under.start()
    store = await under.make()
    workers = await Workers.start(MOST, under.address())
  }, 120_000)
  afterAll(async () => {
    await workers?.stop()
    await store?.close()
    await under.stop()
  })

  /** What each of some processes came to, and all of them together. */
  async function hammer(space: string, together: number, asked: readonly Asked[][]) {
    const each = await workers.run(asked.map((some) => ({ kind: 'decide', space, together, asked: some })))
    return { each, all: each.flat() }
  }

  const left = async (space: string, limit: ReturnType<typeof limitOf>, actor = 42): Promise<number> =>
    (await store.peek(queryOf(space, limit, START, actor))).remaining

  for (const count of [2, MOST]) {
    const processes = Array.from({ length: count }, (_, n) => n)

    test.each(ALGORITHMS.flatMap((limiter) => [[limiter, 'actor'] as const, [limiter, 'global'] as const]))(
      `${count} processes at one limit (%s, of the %s): exactly ${LIMIT} pass`,
      async (limiter, scope) => {
        const space = newSpace()
        const limits = [{ bucket: 'one', limiter, scope, limit: LIMIT, window: 60_000 }]
        const actorOf = (n: number): number => (scope === 'global' ? n + 1 : 42)
        const { all } = await hammer(
          space,
          16,
          processes.map((n) => fill(LIMIT, { actor: actorOf(n), limits })),
        )
        expect(tally(all)).toEqual({ allowed: LIMIT, limited: LIMIT * (count - 1) })
        expect(await left(space, limitOf(limits[0]))).toBe(0)
      },
    )

    test.each(ALGORITHMS)(
      `${count} processes at stacked limits (%s): the tighter admits what it may, the other pays for no more`,
      async (limiter) => {
        for (const tighterFirst of [true, false]) {
          const space = newSpace()
          const wide = { bucket: 'wide', limiter, limit: 900 }
          const tight = { bucket: 'tight', limiter, scope: 'global' as const, limit: 30 }
          const limits = tighterFirst ? [tight, wide] : [wide, tight]
          const { each, all } = await hammer(
            space,
            16,
            processes.map((n) => fill(60, { actor: n + 1, limits })),
          )
          expect(tally(all)).toEqual({ allowed: 30, limited: 60 * count - 30 })
          expect(await left(space, limitOf(tight))).toBe(0)
          const paid = await Promise.all(
            processes.map(async (n) => 900 - (await left(space, limitOf(wide), n + 1))),
          )
          expect(paid).toEqual(each.map((reasons) => tally(reasons)['allowed'] ?? 0))
        }
      },
    )

    test(`${count} processes at limits that both refuse: no unit is lost, and none is won`, async () => {
      const space = newSpace()
      const actors = Array.from({ length: 10 }, (_, n) => n + 1)
      const each = { bucket: 'each', limit: 4 }
      const all = { bucket: 'all', limit: 30, scope: 'global' as const }
      const asked = processes.map(() => actors.flatMap((actor) => fill(8, { actor, limits: [each, all] })))
      const passed = tally((await hammer(space, 16, asked)).all)['allowed']
      // Where a decision over several subjects is put together, one may be refused for what another gives back.
      if (under.atomic === 'altogether') expect(passed).toBe(30)
      expect(await left(space, limitOf(all))).toBe(30 - passed)
      const used = await Promise.all(
        actors.map(async (actor) => 4 - (await left(space, limitOf(each), actor))),
      )
      expect(used.reduce((sum, units) => sum + units)).toBe(passed)
      const later = await hammer(space, 1, [
        actors.flatMap((actor) => fill(4, { actor, limits: [each, all] })),
      ])
      expect(passed + (tally(later.all)['allowed'] ?? 0)).toBe(30)
    })

    test(`${count} processes with equal messages: one of each passes`, async () => {
      const texts = Array.from({ length: 25 }, (_, n) => ({ debounces: [{ text: `text ${n}` }] }))
      const { all } = await hammer(
        newSpace(),
        5,
        processes.map(() => texts),
      )
      expect(tally(all)).toEqual({ allowed: 25, debounced: 25 * (count - 1) })
    })

    test(`${count} processes with the same updates: each update is handled once`, async () => {
      for (const actor of [42, undefined]) {
        const updates = Array.from({ length: 25 }, (_, mark) => ({
          actor,
          duplicate: { mark: mark + 1, window: 60_000 },
        }))
        const { each, all } = await hammer(
          newSpace(),
          5,
          processes.map(() => updates),
        )
        expect(tally(all)).toEqual({ allowed: 25, duplicate: 25 * (count - 1) })
        const handled = updates.map((_, n) => each.filter((reasons) => reasons[n] === 'allowed').length)
        expect(handled).toEqual(updates.map(() => 1))
      }
    })

    test(`${count} processes at a key that nobody has seen: the first is one`, async () => {
      for (const limiter of ALGORITHMS) {
        const space = newSpace()
        const asked = Array.from({ length: 12 }, (_, n) => ({
          actor: n + 1,
          limits: [{ limiter, limit: 1 }],
        }))
        // One by one, so that the processes meet at each of the keys.
        const { each } = await hammer(
          space,
          1,
          processes.map(() => asked),
        )
        const passed = asked.map((_, n) => each.filter((reasons) => reasons[n] === 'allowed').length)
        expect([limiter, ...passed]).toEqual([limiter, ...asked.map(() => 1)])
      }
    })
  }

  test('two processes that block and register thousands at once: each record is whole, and is there once', async () => {
    const space = newSpace()
    const ids = Array.from({ length: under.name === 'FileStore' ? 200 : 1_500 }, (_, n) => n + 1)
    const backwards = [...ids].reverse()
    const records = (by: string, order: readonly number[]) =>
      order.map((userId) => ({ userId, reason: by, by, since: START }))
    const blocks = blocksOf(space)
    await workers.run([
      { kind: 'put', place: blocks, records: records('a', ids), meeting: 'replace' },
      { kind: 'put', place: blocks, records: records('b', backwards), meeting: 'replace' },
    ])
    const listed = await all(store, blocks)
    expect(listed.map(({ userId }) => userId)).toEqual(ids)
    expect(listed.filter(({ reason, by }) => reason !== by)).toEqual([])

    const place = registrationsOf(space)
    const registered = (since: number, order: readonly number[]) =>
      order.map((userId) => ({ userId, profile: since, since }))
    const [first, second] = await workers.run([
      { kind: 'put', place, records: registered(START, ids), meeting: 'keep-since' },
      { kind: 'put', place, records: registered(START + 1, backwards), meeting: 'keep-since' },
    ])
    // Whichever came first gave the date, and the other was told so.
    const dates = new Map((await all(store, place)).map(({ userId, since }) => [userId, since]))
    expect(dates.size).toBe(ids.length)
    for (const [n, id] of ids.entries()) {
      const told = [first[n]?.since, second[ids.length - 1 - n]?.since]
      const date = dates.get(id)
      expect(told).toEqual(date === START ? [START, START] : [START + 1, START + 1])
    }

    const drops = await workers.run([
      { kind: 'drop', place: blocks, userIds: ids },
      { kind: 'drop', place: blocks, userIds: backwards },
    ])
    const dropped = drops.flat().filter((record) => record !== undefined)
    expect(dropped.map(({ userId }) => userId).sort((a, b) => a - b)).toEqual(ids)
    expect(await all(store, blocks)).toEqual([])
  })
})

function fill(count: number, asked: Asked): Asked[] {
  return new Array<Asked>(count).fill(asked)
}

function tally(reasons: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}

/** Every record of a place, by id. */
async function all<N extends 'blocks' | 'registrations'>(
  store: StorageAdapter,
  place: { readonly space: string; readonly namespace: N },
) {
  const found = []
  let cursor: string | undefined
  do {
    const page = await store.listRecords(place, { cursor, limit: 400 })
    found.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return found.sort((a, b) => a.userId - b.userId)
}

import { Blocks, Members, Registrations } from '../../stores/records'
import type { RecordList } from '../../stores/records'
import type { Bench } from './globals'
import { START } from './requests'

/** Blocks, registrations and members are kept, listed and replaced. */
export function testRecords({ describe, test, expect, withStore }: Bench): void {
  describe('records', () => {
    test(
      'blocks are added, replaced, listed and removed; one that is over is none',
      withStore(async (store, space) => {
        let now = START
        const blocks = new Blocks(store, space, () => now)
        expect([await blocks.get(1), await blocks.remove(1)]).toEqual([undefined, false])
        await blocks.add(1, { reason: 'spam\u0000', by: '💥' })
        await blocks.add(1, { for: '1s', reason: 'calmer' })
        const block = { userId: 1, reason: 'calmer', since: START, until: START + 1_000 }
        expect(await blocks.get(1)).toEqual(block)
        await blocks.add(-1_001_234_567_890)
        expect((await blocks.list()).entries.length).toBe(2)
        now = START + 1_000
        expect([await blocks.get(1), await blocks.remove(1)]).toEqual([undefined, false])
        expect((await blocks.list()).entries).toEqual([{ userId: -1_001_234_567_890, since: START }])
        expect([await blocks.remove(-1_001_234_567_890), (await blocks.list()).entries]).toEqual([true, []])
      }),
    )

    test(
      'lists go on page by page, each full, each record once',
      withStore(async (store, space) => {
        let now = START
        const blocks = new Blocks(store, space, () => now)
        for (let id = 1; id <= 30; id++) await blocks.add(id, id % 3 === 0 ? {} : { for: 1_000 })
        now = START + 1_000
        const pages = await pagesOf((cursor) => blocks.list({ limit: 4, cursor }))
        const ids = pages.flat().map(({ userId }) => userId)
        expect(ids.sort((a, b) => a - b)).toEqual([3, 6, 9, 12, 15, 18, 21, 24, 27, 30])
        expect(pages.slice(0, 2).map((page) => page.length)).toEqual([4, 4])
      }),
    )

    test(
      'registrations keep their date and replace their profile',
      withStore(async (store, space) => {
        let now = START
        const registrations = new Registrations(store, space, () => now)
        await registrations.add(5, { plan: 'free' })
        now += 1_000
        await registrations.add(5, { plan: 'pro', tags: ['\u0000', '\ud800'] })
        const registration = {
          userId: 5,
          profile: { plan: 'pro', tags: ['\u0000', '\ud800'] },
          since: START,
        }
        expect(await registrations.get(5)).toEqual(registration)
        expect(await registrations.list()).toEqual({ entries: [registration] })
        expect([await registrations.remove(5), await registrations.get(5)]).toEqual([true, undefined])
        expect(await registrations.remove(5)).toBe(false)
      }),
    )

    test(
      'the latest word on a member stands, in whichever order it comes',
      withStore(async (store, space) => {
        const members = new Members(store, space, () => START)
        expect(await members.get(5)).toBe(undefined)
        const words: [boolean, number, number][] = [
          [true, START + 1_000, 7],
          [false, START + 2_000, 9],
          [true, START + 2_000, 8],
          [true, START, 99],
        ]
        await Promise.all(words.map((word) => members.record(5, ...word)))
        expect(await members.get(5)).toEqual({ userId: 5, reachable: false, since: START + 2_000 })
      }),
    )

    test(
      'spaces and kinds keep records apart',
      withStore(async (store, space) => {
        const now = (): number => START
        await new Blocks(store, space, now).add(5)
        expect(await new Blocks(store, `${space}-b`, now).get(5)).toBe(undefined)
        expect((await new Blocks(store, `${space}-b`, now).list()).entries).toEqual([])
        expect(await new Registrations(store, space, now).get(5)).toBe(undefined)
        expect(await new Members(store, space, now).get(5)).toBe(undefined)
      }),
    )
  })
}

async function pagesOf<T>(list: (cursor?: string) => Promise<RecordList<T>>): Promise<T[][]> {
  const pages: T[][] = []
  let cursor: string | undefined
  do {
    const page = await list(cursor)
    pages.push(page.entries)
    cursor = page.cursor
  } while (cursor !== undefined)
  return pages
}

/** A record that one store takes and another refuses for what is in it. */
import { SentinelError } from '../../../lib/errors'
import { MemoryStore } from '../../../lib/stores/memory'
import type { Version } from '../../../lib/stores/store'
import { decide } from '../../../lib/testing/contract/requests'
import { TroubledStore } from '../../support/troubled-store'
import {
  BLOCKS,
  block,
  idsOf,
  lineOf,
  MEMBERS,
  pass,
  recordsOf,
  REGISTRATIONS,
  said,
  SPACE,
  useManualTime,
} from './support'

useManualTime()

/** Cannot store the character NUL; `takes`: nor anything else while it is false. */
class PickyStore extends TroubledStore {
  takes = true

  override async swap(key: string, expected: Version | null, value: unknown, ttl?: number) {
    if (!this.takes) throw new Error('read-only')
    if (JSON.stringify(value).includes('\\u0000')) throw new Error('invalid byte 0x00')
    return super.swap(key, expected, value, ttl)
  }
}

const NUL = 'a\u0000b'

/** The first store is away, and only memory stands behind it. */
async function away() {
  const first = new PickyStore()
  first.trouble = 'fails'
  return { first, ...(await lineOf([first, new MemoryStore()])) }
}

const isBack = (events: Parameters<typeof said>[0]): boolean => events.at(-1)?.type === 'recovered'

describe('a store that is back', () => {
  test('is not kept away by it: it gets the ban without its words, and the rest whole', async () => {
    const { first, store, events } = await away()
    await store.putRecords(
      BLOCKS,
      [block(1, 'spam'), { ...block(2, NUL), until: 9e15 }, block(3, 'ham')],
      'replace',
    )
    await store.putRecords(REGISTRATIONS, [{ userId: 4, since: 7, profile: { name: NUL } }], 'keep-since')
    first.trouble = undefined
    await pass(5_000)
    expect(isBack(events)).toBe(true)
    expect(await recordsOf(first, 'blocks')).toEqual([
      block(1, 'spam'),
      { ...block(2), until: 9e15 },
      block(3, 'ham'),
    ])
    expect(await recordsOf(first, 'registrations')).toEqual([{ userId: 4, since: 7 }])
    expect(said(events).slice(1, -1)).toEqual([
      'storeError journal: PickyStore refuses the record of user 2 in blocks of test:failover, and has it without reason and by now: ' +
        'invalid byte 0x00',
      'storeError journal: PickyStore refuses the record of user 4 in registrations of test:failover, and has it without profile now: ' +
        'invalid byte 0x00',
    ])
    await store.close()
  })

  test('but takes no writes gets all of them later, with their words', async () => {
    const { first, store, events } = await away()
    await store.putRecords(BLOCKS, [block(1, 'spam'), block(2, 'ham')], 'replace')
    await store.dropRecords(BLOCKS, [3])
    first.takes = false
    first.trouble = undefined
    await pass(20_000)
    expect(isBack(events)).toBe(false)
    first.takes = true
    await pass(10_000)
    expect(isBack(events)).toBe(true)
    expect(await recordsOf(first, 'blocks')).toEqual([block(1, 'spam'), block(2, 'ham')])
    expect(said(events).filter((line) => line.startsWith('storeError'))).toEqual([])
    await store.close()
  })

  test.each(['fails', 'hangs', 'fails once'] as const)(
    'and %s in the midst of it loses no words, either',
    async (trouble) => {
      const { first, store, events } = await away()
      await store.putRecords(BLOCKS, [block(1, 'spam')], 'replace')
      const swap = first.swap.bind(first)
      let swaps = 0
      first.swap = (key, expected, value, ttl) => {
        if (++swaps > 1) return swap(key, expected, value, ttl)
        if (trouble === 'fails once') return Promise.reject(new Error('connection reset'))
        first.trouble = trouble
        return swap(key, expected, value, ttl)
      }
      first.trouble = undefined
      await pass(2_000)
      first.trouble = undefined
      await pass(10_000)
      expect(isBack(events)).toBe(true)
      expect(await recordsOf(first, 'blocks')).toEqual([block(1, 'spam')])
      expect(said(events).filter((line) => line.startsWith('storeError'))).toEqual([])
      await store.close()
    },
  )

  test('what has no words, and is refused, is kept until it is taken', async () => {
    const { first, store, events } = await away()
    await store.putRecords(MEMBERS, [{ userId: 1, since: 9, updateId: 2, reachable: false }], 'later')
    first.takes = false
    first.trouble = undefined
    await pass(5_000)
    expect(isBack(events)).toBe(false)
    first.takes = true
    await pass(10_000)
    expect(await idsOf(first, 'members')).toEqual([1])
    await store.close()
  })
})

test('a copy has all that it takes, and is whole', async () => {
  const first = new TroubledStore()
  const second = new PickyStore()
  await first.putRecords(BLOCKS, [block(1, 'spam'), block(2, NUL)], 'replace')
  const { store, events } = await lineOf([first, second])
  await decide(store, SPACE)
  await pass(100)
  await store.putRecords(BLOCKS, [block(3, NUL), block(4, 'ham')], 'replace')
  expect(await recordsOf(second, 'blocks')).toEqual([block(1, 'spam'), block(2), block(3), block(4, 'ham')])
  expect(await recordsOf(first, 'blocks')).toEqual([
    block(1, 'spam'),
    block(2, NUL),
    block(3, NUL),
    block(4, 'ham'),
  ])
  expect(said(events).map((line) => /^storeError copies: .* user (\d)/.exec(line)?.[1])).toEqual(['2', '3'])
  expect(events.every((event) => event.type === 'storeError' && event.error instanceof SentinelError)).toBe(
    true,
  )
  expect((await store.health()).stores?.[1]).toMatchObject({ breaker: 'closed' })
  await store.close()
})

import { createSentinel, MemoryStore, sentinelOf, type StorageAdapter } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'
import { MapStore } from '../support/map-store'

afterEach(stopAll)

const HOUR = 3_600_000

describe.each<[string, () => StorageAdapter]>([
  ['memory', () => new MemoryStore()],
  ['map', () => new MapStore()],
])('records on the %s store', (_name, makeStore) => {
  test('a block holds to the millisecond, and is then no more', async () => {
    const { sentinel, send, updates, clock, types, events } = await guarded({ store: makeStore() })
    const since = clock.now()
    await sentinel.blocks.add(42, { for: '1h', reason: 'spam', by: 'ann' })
    expect(await sentinel.blocks.get(42)).toEqual({
      userId: 42,
      reason: 'spam',
      by: 'ann',
      since,
      until: since + HOUR,
    })
    clock.advance(HOUR - 1)
    await send(updates.text('hi'))
    expect(events.at(-1)).toMatchObject({ type: 'blocked', verdict: { reason: 'blocked', retryAfter: 1 } })
    clock.advance(1)
    expect(await sentinel.blocks.get(42)).toBeUndefined()
    expect(await sentinel.blocks.list()).toEqual({ entries: [] })
    expect(await sentinel.blocks.remove(42)).toBe(false)
    await send(updates.text('hi'))
    expect(types().at(-1)).toBe('allowed')
  })

  test('a block without end has no retryAfter', async () => {
    const { sentinel, send, updates, events } = await guarded({ store: makeStore() })
    await sentinel.blocks.add(42)
    await send(updates.text('hi'))
    expect(events.at(-1)).toMatchObject({ type: 'blocked' })
    expect(events.at(-1)).not.toHaveProperty('verdict.retryAfter')
  })

  test('a sender chat can be blocked too', async () => {
    const { sentinel, send, updates, types } = await guarded({ store: makeStore() })
    await sentinel.blocks.add(-1001000000077)
    await send(updates.asChannel('hi'))
    await send(updates.text('hi', { chat: -1001000000042 }))
    expect(types()).toEqual(['blockAdded', 'blocked', 'allowed'])
  })

  test('lists come in pages that cover everything once', async () => {
    const { sentinel, clock } = await guarded({ store: makeStore() })
    const ids = Array.from({ length: 25 }, (_, i) => i + 1)
    for (const id of ids) {
      await sentinel.blocks.add(id, id % 5 === 0 ? { for: '1m' } : {})
      await sentinel.registrations.add(id, { id })
    }
    clock.advance('1m')
    const pages = async (list: typeof sentinel.registrations.list | typeof sentinel.blocks.list) => {
      const found: number[] = []
      let cursor: string | undefined
      do {
        const page = await list({ limit: 7, cursor })
        expect(page.entries.length).toBeLessThanOrEqual(7)
        found.push(...page.entries.map(({ userId }) => userId))
        cursor = page.cursor
      } while (cursor !== undefined)
      return found.sort((a, b) => a - b)
    }
    expect(await pages((options) => sentinel.blocks.list(options))).toEqual(ids.filter((id) => id % 5 !== 0))
    expect(await pages((options) => sentinel.registrations.list(options))).toEqual(ids)
  })

  test('a registration opens the door, and its profile is on the context', async () => {
    const { sentinel, send, updates, types, passed } = await guarded({
      store: makeStore(),
      requireRegistered: true,
    })
    await send(updates.text('hi'))
    const registration = await sentinel.registrations.add(42, { plan: 'free' })
    expect(await sentinel.registrations.get(42)).toEqual(registration)
    await send(updates.text('hi'))
    expect(sentinelOf(passed[0]).profile).toEqual({ plan: 'free' })
    expect(await sentinel.registrations.remove(42)).toBe(true)
    expect(await sentinel.registrations.get(42)).toBeUndefined()
    await send(updates.text('hi'))
    expect(types()).toEqual([
      'unregistered',
      'registrationAdded',
      'allowed',
      'registrationRemoved',
      'unregistered',
    ])
  })

  test('registering again replaces the profile and keeps the date', async () => {
    const { sentinel, clock } = await guarded({ store: makeStore() })
    const { since } = await sentinel.registrations.add(42, { plan: 'free' })
    clock.advance('1d')
    await sentinel.registrations.add(42, { plan: 'pro' })
    expect(await sentinel.registrations.get(42)).toEqual({ userId: 42, profile: { plan: 'pro' }, since })
  })

  test('what a caller does to a profile later changes nothing', async () => {
    const { sentinel } = await guarded({ store: makeStore() })
    const profile = { plan: 'free' }
    await sentinel.registrations.add(42, profile)
    profile.plan = 'pro'
    const found = await sentinel.registrations.get(42)
    ;(found?.profile as typeof profile).plan = 'gold'
    expect(await sentinel.registrations.get(42)).toMatchObject({ profile: { plan: 'free' } })
  })

  test('an exempt actor is blocked all the same', async () => {
    const { sentinel, send, updates, types } = await guarded({ store: makeStore(), exempt: [42] })
    await send(updates.text('hi'))
    await sentinel.blocks.add(42)
    await send(updates.text('hi'))
    expect(types()).toEqual(['exempt', 'blockAdded', 'blocked'])
  })
})

describe('mistakes', () => {
  test.each<[string, (s: Awaited<ReturnType<typeof guarded>>['sentinel']) => Promise<unknown>, RegExp]>([
    ['a text as id', (s) => s.blocks.add('42' as unknown as number), /'42'/],
    ['no id', (s) => s.registrations.add(undefined as unknown as number), /undefined/],
    ['0', (s) => s.blocks.get(0), /0/],
    ['a fraction', (s) => s.registrations.remove(1.5), /1.5/],
    ['no duration', (s) => s.blocks.add(1, { for: 'ever' }), /ever/],
    ['a negative duration', (s) => s.blocks.add(1, { for: -1 }), /-1/],
    ['a reason that is no text', (s) => s.blocks.add(1, { reason: 5 as unknown as string }), /reason/],
    ['a profile that is no JSON', (s) => s.registrations.add(1, { at: new Date() }), /JSON/],
    ['a limit of 0', (s) => s.blocks.list({ limit: 0 }), /limit/],
  ])('%s', async (_what, call, message) => {
    const { sentinel, events } = await guarded()
    await expect(call(sentinel)).rejects.toMatchObject({
      code: 'SENTINEL_USAGE',
      message: expect.stringMatching(message),
    })
    expect(events).toEqual([])
  })
})

describe('a cursor that no list has returned', () => {
  const CURSORS: readonly unknown[] = [
    '',
    'garbage',
    'blocks:',
    'blocks:x',
    'blocks:-1',
    'registrations:1',
    '1',
    5,
    null,
    {},
  ]

  test.each(CURSORS)('%p is refused, and not taken for the end', async (cursor) => {
    const sentinel = createSentinel()
    await sentinel.blocks.add(1)
    await expect(sentinel.blocks.list({ cursor: cursor as string })).rejects.toThrow(
      /cursor must be what the last list returned/,
    )
  })
})

import { MemoryStore, type LimitSubject, type StorageAdapter } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'
import { MapStore } from '../support/map-store'

afterEach(stopAll)

const WINDOW = { window: '1m', limit: 3 }
const LIMITS = [
  { ...WINDOW, name: 'actor' },
  { ...WINDOW, name: 'chat', scope: 'chat' as const },
  { ...WINDOW, name: 'member', scope: 'member' as const },
  { ...WINDOW, name: 'global', scope: 'global' as const },
  { ...WINDOW, name: 'own', scope: () => 'team' },
]
const SUBJECTS: [string, LimitSubject][] = [
  ['actor', { userId: 42 }],
  ['chat', { chatId: -5 }],
  ['member', { userId: 42, chatId: -5 }],
  ['global', {}],
  ['own', { key: 'team' }],
]

describe.each<[string, () => StorageAdapter]>([
  ['memory', () => new MemoryStore()],
  ['map', () => new MapStore()],
])('limits on the %s store', (_name, makeStore) => {
  test.each(SUBJECTS)(
    '%s: what updates have used is seen, and given back by reset',
    async (name, subject) => {
      const { send, updates, sentinel } = await guarded({ store: makeStore(), rateLimit: LIMITS })
      expect(await sentinel.limits.peek(name, subject)).toEqual({
        name,
        limit: 3,
        remaining: 3,
        resetAfter: 0,
      })
      await send(updates.text('hi', { chat: -5 }))
      const used = { name, limit: 3, remaining: 2, resetAfter: 60_000 }
      expect(await sentinel.limits.peek(name, subject)).toEqual(used)
      expect(await sentinel.limits.peek(name, subject)).toEqual(used)
      await sentinel.limits.reset(name, subject)
      expect(await sentinel.limits.peek(name, subject)).toMatchObject({ remaining: 3 })
      const others = LIMITS.filter((limit) => limit.name !== name)
      for (const limit of others) {
        const [, whom] = SUBJECTS.find(([other]) => other === limit.name) ?? []
        expect(await sentinel.limits.peek(limit.name, whom ?? {})).toMatchObject({ remaining: 2 })
      }
    },
  )

  test('consume takes as an update does, all or none', async () => {
    const { sentinel, send, updates, types, events } = await guarded({
      store: makeStore(),
      rateLimit: WINDOW,
    })
    const who = { userId: 42 }
    const state = (remaining: number, resetAfter = 60_000) => [
      { name: 'bot', limit: 3, remaining, resetAfter },
    ]
    expect(await sentinel.limits.consume('bot', who, 2)).toEqual({ allowed: true, limits: state(1) })
    expect(await sentinel.limits.consume('bot', who, 2)).toEqual({
      allowed: false,
      reason: 'limited',
      name: 'bot',
      retryAfter: 60_000,
      limits: state(1),
    })
    expect(await sentinel.limits.consume('bot', who, 0)).toEqual({ allowed: true, limits: state(1) })
    expect(await sentinel.limits.consume('bot', who)).toEqual({ allowed: true, limits: state(0) })
    expect(events).toEqual([])
    await send(updates.text('hi'))
    expect(types()).toEqual(['limited'])
  })

  test('a cost above the limit never passes, and no wait helps', async () => {
    const { sentinel } = await guarded({ store: makeStore(), rateLimit: WINDOW })
    const verdict = await sentinel.limits.consume('bot', { userId: 42 }, 4)
    expect(verdict).toMatchObject({ allowed: false, reason: 'limited' })
    expect(verdict).not.toHaveProperty('retryAfter')
  })

  test('consume never blocks, nor asks about a block', async () => {
    const { sentinel, events } = await guarded({
      store: makeStore(),
      rateLimit: { limit: 1, window: '1m', blockFor: '1h' },
    })
    for (let i = 0; i < 3; i++) await sentinel.limits.consume('bot', { userId: 42 })
    expect(await sentinel.blocks.get(42)).toBeUndefined()
    expect(events).toEqual([])
    await sentinel.blocks.add(7)
    expect(await sentinel.limits.consume('bot', { userId: 7 })).toMatchObject({ allowed: true })
  })

  test('a shadow limit is judged for real', async () => {
    const { sentinel, events } = await guarded({
      store: makeStore(),
      rateLimit: { limit: 1, window: '1m', shadow: true },
    })
    await sentinel.limits.consume('bot', { userId: 42 })
    expect(await sentinel.limits.consume('bot', { userId: 42 })).toMatchObject({ allowed: false })
    expect(events).toEqual([])
  })

  test('a hundred at once: exactly the limit', async () => {
    const { sentinel } = await guarded({ store: makeStore(), rateLimit: WINDOW })
    const verdicts = await Promise.all(
      Array.from({ length: 100 }, () => sentinel.limits.consume('bot', { userId: 42 })),
    )
    expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(3)
  })

  test('the same states for the same subject, also of a sender chat', async () => {
    const { send, updates, sentinel } = await guarded({ store: makeStore(), rateLimit: WINDOW })
    await send(updates.anonymousAdmin('hi', { chat: -1001000000042 }))
    expect(await sentinel.limits.peek('bot', { userId: -1001000000042 })).toMatchObject({ remaining: 2 })
  })

  describe('dynamic limits', () => {
    const dynamic = (limits: Record<number, number>) => ({
      store: makeStore(),
      rateLimit: { limit: ({ from }: { from?: { id: number } }) => limits[from?.id ?? 0], window: '1m' },
    })

    test('the limit last used for that subject counts', async () => {
      const limits: Record<number, number> = { 1: 5, 2: 10 }
      const { send, updates, sentinel } = await guarded(dynamic(limits))
      await send(updates.text('hi', { from: 1 }))
      await send(updates.text('hi', { from: 2 }))
      expect(await sentinel.limits.peek('bot', { userId: 1 })).toMatchObject({ limit: 5, remaining: 4 })
      expect(await sentinel.limits.peek('bot', { userId: 2 })).toMatchObject({ limit: 10, remaining: 9 })
      limits[1] = 8
      await send(updates.text('hi', { from: 1 }))
      expect(await sentinel.limits.peek('bot', { userId: 1 })).toMatchObject({ limit: 8, remaining: 6 })
      expect(await sentinel.limits.consume('bot', { userId: 1 }, 6)).toMatchObject({ allowed: true })
      expect(await sentinel.limits.consume('bot', { userId: 1 })).toMatchObject({ allowed: false })
    })

    test('Infinity and 0', async () => {
      const { send, updates, sentinel, types } = await guarded(dynamic({ 1: Infinity, 2: 0 }))
      for (const from of [1, 1, 2]) await send(updates.text('hi', { from }))
      expect(types()).toEqual(['allowed', 'allowed', 'limited'])
      const endless = { name: 'bot', limit: Infinity, remaining: Infinity, resetAfter: 0 }
      expect(await sentinel.limits.peek('bot', { userId: 1 })).toEqual(endless)
      expect(await sentinel.limits.consume('bot', { userId: 1 }, 1000)).toEqual({
        allowed: true,
        limits: [endless],
      })
      expect(await sentinel.limits.peek('bot', { userId: 2 })).toMatchObject({ limit: 0, remaining: 0 })
      expect(await sentinel.limits.consume('bot', { userId: 2 })).toMatchObject({ allowed: false })
    })

    test('one that was not used yet says so; reset needs none', async () => {
      const { sentinel } = await guarded(dynamic({ 1: 5 }))
      await expect(sentinel.limits.peek('bot', { userId: 1 })).rejects.toThrow(/'bot' is a function/)
      await expect(sentinel.limits.consume('bot', { userId: 1 })).rejects.toMatchObject({
        code: 'SENTINEL_USAGE',
      })
      await sentinel.limits.reset('bot', { userId: 1 })
    })
  })
})

describe('mistakes', () => {
  const rejects = async (work: Promise<unknown>, message: RegExp) => {
    await expect(work).rejects.toMatchObject({
      code: 'SENTINEL_USAGE',
      message: expect.stringMatching(message),
    })
  }

  test('an unknown name: the nearest is named, or all', async () => {
    const { sentinel } = await guarded({ rateLimit: { ...WINDOW, name: 'orders' } })
    await rejects(sentinel.limits.peek('order', { userId: 1 }), /'order'.*did you mean 'orders'/)
    await rejects(sentinel.limits.consume('zzz', { userId: 1 }), /'zzz'.*orders/)
    await rejects(sentinel.limits.reset('__proto__', { userId: 1 }), /__proto__/)
    await rejects(sentinel.limits.peek(undefined as never, { userId: 1 }), /undefined/)
  })

  test.each<[string, unknown, string]>([
    ['actor', {}, 'userId'],
    ['actor', { userId: '42' }, 'userId'],
    ['actor', { userId: NaN }, 'userId'],
    ['actor', { chatId: 42 }, 'userId'],
    ['actor', undefined, 'userId'],
    ['chat', { userId: 42 }, 'chatId'],
    ['member', { userId: 42 }, 'chatId'],
    ['member', { chatId: 42 }, 'userId'],
    ['own', { userId: 42 }, 'key'],
    ['own', { key: 5 }, 'key'],
  ])('%s with %p needs %s', async (name, subject, missing) => {
    const { sentinel } = await guarded({ rateLimit: LIMITS })
    const whom = subject as LimitSubject
    await rejects(sentinel.limits.peek(name, whom), new RegExp(`'${name}'.*${missing}`))
    await rejects(sentinel.limits.consume(name, whom), new RegExp(missing))
    await rejects(sentinel.limits.reset(name, whom), new RegExp(missing))
  })

  test.each([-1, 1.5, NaN, Infinity, '1'])('a cost of %p', async (cost) => {
    const { sentinel } = await guarded({ rateLimit: WINDOW })
    await rejects(sentinel.limits.consume('bot', { userId: 1 }, cost as number), /cost/)
    expect(await sentinel.limits.peek('bot', { userId: 1 })).toMatchObject({ remaining: 3 })
  })
})

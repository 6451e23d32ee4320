import type { EventName, SentinelEvent, SentinelOptions } from 'telegraf-sentinel'
import { guarded, stopAll, type GuardedBot } from '../support/guarded'
import { FaultyStore } from './faulty-store'

afterEach(stopAll)

const SUBJECT = { actor: 42, userId: 42, chatId: 42, updateType: 'message', action: 'message', botId: 123456 }

/** A message, and the last event of that name that it led to. */
async function eventOf(
  name: EventName,
  options: SentinelOptions,
  prepare?: (bot: GuardedBot) => Promise<unknown>,
): Promise<{ event: SentinelEvent; at: number }> {
  const bot = await guarded(options)
  await prepare?.(bot)
  await bot.send(bot.updates.text('hi'))
  const event = bot.events.filter(({ type }) => type === name).at(-1)
  if (event === undefined) throw new Error(`no ${name} among ${bot.types().join()}`)
  return { event, at: bot.clock.now() }
}

describe('events of an update', () => {
  const once = async ({ send, updates }: GuardedBot) => send(updates.text('hi', { update_id: 1 }))
  const limits = [{ name: 'bot', limit: 1, remaining: 0, resetAfter: 60_000 }]

  test.each<[EventName, SentinelOptions, ((bot: GuardedBot) => Promise<unknown>) | undefined, object]>([
    ['allowed', { rateLimit: { limit: 1, window: '1m' } }, undefined, { allowed: true, limits }],
    [
      'limited',
      { rateLimit: { limit: 1, window: '1m' } },
      once,
      { allowed: false, reason: 'limited', name: 'bot', retryAfter: 60_000, limits },
    ],
    [
      'blocked',
      {},
      ({ sentinel }) => sentinel.blocks.add(42, { for: '1h' }),
      { allowed: false, reason: 'blocked', retryAfter: 3_600_000, limits: [] },
    ],
    [
      'debounced',
      { debounce: '10s' },
      once,
      { allowed: false, reason: 'debounced', name: 'bot', retryAfter: 10_000, limits: [] },
    ],
    [
      'unregistered',
      { requireRegistered: true },
      undefined,
      { allowed: false, reason: 'unregistered', limits: [] },
    ],
    ['exempt', { exempt: [42], requireRegistered: true }, undefined, { allowed: true, limits: [] }],
  ])('%s', async (name, options, prepare, verdict) => {
    const { event, at } = await eventOf(name, options, prepare)
    expect(event).toEqual({ type: name, subject: expect.objectContaining(SUBJECT), verdict, at })
  })

  test('duplicate', async () => {
    const { send, updates, events, clock } = await guarded({ deduplicate: '1h' })
    const update = updates.text('hi')
    await send(update)
    clock.advance('10m')
    await send(update)
    expect(events[1]).toEqual({
      type: 'duplicate',
      subject: expect.objectContaining(SUBJECT),
      verdict: { allowed: false, reason: 'duplicate', retryAfter: 3_000_000, limits: [] },
      at: clock.now(),
    })
  })

  test('a shadow limit has its own limited event, and the update its allowed one', async () => {
    const { send, updates, events } = await guarded({
      rateLimit: { limit: 1, window: '1m', shadow: true, blockFor: '1h' },
    })
    for (let i = 0; i < 2; i++) await send(updates.text('hi'))
    const [first, ...second] = events
    expect(first).toMatchObject({ type: 'allowed' })
    expect(second).toHaveLength(2)
    expect(second).toContainEqual(
      expect.objectContaining({
        type: 'limited',
        shadow: true,
        verdict: expect.objectContaining({
          allowed: false,
          reason: 'limited',
          name: 'bot',
          retryAfter: 60_000,
        }),
      }),
    )
    expect(second.find(({ type }) => type === 'allowed')).not.toHaveProperty('shadow')
  })

  test('one event per update, however many guards it passes', async () => {
    const { send, updates, types } = await guarded(
      { rateLimit: { limit: 9, window: '1m' } },
      {
        after: (bot, sentinel) => {
          bot.use(sentinel.guard({ name: 'a', rateLimit: { limit: 9, window: '1m' } }))
          bot.use(sentinel.guard({ name: 'b', rateLimit: { limit: 1, window: '1m' } }))
        },
      },
    )
    await send(updates.text('hi'))
    expect(types()).toEqual(['allowed'])
    await send(updates.text('hi'))
    expect(types()).toEqual(['allowed', 'allowed', 'limited'])
  })
})

describe('error events', () => {
  const expected = (name: string, error: Error, at: number, verdict: unknown) =>
    expect.objectContaining({ type: name, error, subject: expect.objectContaining(SUBJECT), verdict, at })

  test.each([
    ['allow', { allowed: true, limits: [] }],
    ['refuse', { allowed: false, reason: 'store-error', limits: [] }],
    ['throw', { allowed: false, reason: 'store-error', limits: [] }],
  ] as const)('storeError with onStoreError: %p', async (onStoreError, verdict) => {
    const store = new FaultyStore()
    store.fault = 'reject'
    const { event, at } = await eventOf('storeError', { store, onStoreError })
    expect(event).toEqual(expected('storeError', expect.any(Error), at, verdict))
    expect('error' in event && event.error).toMatchObject({ code: 'SENTINEL_STORE', cause: store.error })
  })

  test('hookError', async () => {
    const error = new Error('hook')
    const hooks = {
      allowed: () => {
        throw error
      },
    }
    const { event, at } = await eventOf('hookError', { hooks })
    expect(event).toEqual(expected('hookError', error, at, { allowed: true, limits: [] }))
  })

  test('what is thrown that is no Error becomes one', async () => {
    const hooks = { before: () => Promise.reject('plain words') }
    const { event } = await eventOf('hookError', { hooks })
    expect('error' in event && event.error).toEqual(new Error('plain words'))
  })
})

describe('events of records', () => {
  test('blocks', async () => {
    const { sentinel, events, clock } = await guarded()
    const block = await sentinel.blocks.add(7, { for: '1h', reason: 'spam', by: 'ann' })
    const since = clock.now()
    clock.advance('1m')
    expect(await sentinel.blocks.remove(7)).toBe(true)
    expect(await sentinel.blocks.remove(7)).toBe(false)
    expect(block).toEqual({ userId: 7, reason: 'spam', by: 'ann', since, until: since + 3_600_000 })
    expect(events).toEqual([
      { type: 'blockAdded', block, at: since },
      { type: 'blockRemoved', block, at: clock.now() },
    ])
  })

  test('blockFor', async () => {
    const { send, updates, events, clock, sentinel } = await guarded({
      rateLimit: { limit: () => 0, window: '1m', blockFor: '1h' },
    })
    await send(updates.text('hi'))
    const block = await sentinel.blocks.get(42)
    expect(block).toMatchObject({ userId: 42, until: clock.now() + 3_600_000 })
    expect(events).toContainEqual({ type: 'blockAdded', block, at: clock.now() })
    expect(events).toHaveLength(2)
  })

  test('registrations', async () => {
    const { sentinel, events, clock } = await guarded()
    const registration = await sentinel.registrations.add(7, { name: 'Ann' })
    const since = clock.now()
    await sentinel.registrations.remove(7)
    await sentinel.registrations.remove(7)
    expect(registration).toEqual({ userId: 7, profile: { name: 'Ann' }, since })
    expect(events).toEqual([
      { type: 'registrationAdded', registration, at: since },
      { type: 'registrationRemoved', registration, at: since },
    ])
  })

  test('membership', async () => {
    const { send, updates, events, clock } = await guarded()
    await send(updates.myChatMember('kicked', { from: 7 }))
    expect(events).toContainEqual({
      type: 'membership',
      userId: 7,
      reachable: false,
      subject: expect.objectContaining({ actor: 7, updateType: 'my_chat_member' }),
      verdict: { allowed: true, limits: [] },
      at: clock.now(),
    })
  })
})

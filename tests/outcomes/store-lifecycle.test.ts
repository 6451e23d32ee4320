import { MemoryStore, StoreError, type Sentinel } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'
import { FaultyStore, type Fault } from './faulty-store'

afterEach(stopAll)

describe('connecting', () => {
  test('happens once, at the first use', async () => {
    const store = new FaultyStore()
    const { send, updates, sentinel } = await guarded({ store })
    expect(store.connects).toBe(0)
    await Promise.all([send(updates.text('a')), send(updates.text('b')), sentinel.ready()])
    await sentinel.blocks.get(7)
    expect(store.connects).toBe(1)
  })

  test.each([
    ['blocks', (s: Sentinel) => s.blocks.get(7)],
    ['limits', (s: Sentinel) => s.limits.peek('bot', { userId: 7 })],
    ['members', (s: Sentinel) => s.members.get(7)],
    ['health', (s: Sentinel) => s.health()],
    ['ready', (s: Sentinel) => s.ready()],
  ])('… of %s too', async (_what, use) => {
    const store = new FaultyStore()
    const { sentinel } = await guarded({ store, rateLimit: { limit: 1, window: '1m' } })
    await use(sentinel)
    expect(store.connects).toBe(1)
  })

  test.each<Fault>(['reject', 'throw'])(
    'that fails (%s) is tried again by the next update',
    async (fault) => {
      const store = new FaultyStore()
      store.connectFault = fault
      const { send, updates, types, events, passed, sentinel } = await guarded({
        store,
        rateLimit: { limit: 1, window: '1m' },
      })
      await expect(sentinel.ready()).rejects.toThrow(StoreError)
      await send(updates.text('hi'))
      expect(types()).toEqual(['storeError', 'allowed'])
      expect(events[0]).toMatchObject({ error: { code: 'SENTINEL_STORE', cause: store.error } })
      store.connectFault = 'none'
      events.length = 0
      await send(updates.text('hi'))
      await send(updates.text('hi'))
      expect(types()).toEqual(['allowed', 'limited'])
      expect(passed).toHaveLength(2)
      expect(store.connects).toBe(3)
    },
  )

  test('that hangs costs each update the time-out, not for ever', async () => {
    const store = new FaultyStore()
    store.connectFault = 'hang'
    const { send, updates, types, passed } = await guarded({ store, storeTimeout: 30 })
    await send(updates.text('hi'))
    expect(types()).toEqual(['storeError', 'allowed'])
    expect(passed).toHaveLength(1)
  })

  test('by a method that is not asynchronous', async () => {
    const store = new FaultyStore()
    let connected = false
    store.connect = (() => void (connected = true)) as unknown as () => Promise<void>
    const { sentinel, send, updates, types } = await guarded({ store })
    await sentinel.ready()
    await send(updates.text('hi'))
    expect(connected).toBe(true)
    expect(types()).toEqual(['allowed'])
  })
})

describe('closing', () => {
  test('leaves a store alone that was given to us', async () => {
    const store = new FaultyStore()
    const { sentinel, send, updates } = await guarded({ store })
    await send(updates.text('hi'))
    await sentinel.close()
    await sentinel.close()
    expect(store.closes).toBe(0)
  })

  test('closes the store that we made, once', async () => {
    const close = jest.spyOn(MemoryStore.prototype, 'close')
    const ours = await guarded({ store: 'memory' })
    const given = await guarded({ store: new MemoryStore() })
    for (const { sentinel } of [ours, ours, given]) await sentinel.close()
    expect(close).toHaveBeenCalledTimes(1)
    close.mockRestore()
  })

  test.each([
    ['allow', ['storeError', 'allowed'], 1],
    ['refuse', ['storeError'], 0],
  ] as const)('makes later updates store errors (%s)', async (onStoreError, expected, handled) => {
    const { sentinel, send, updates, types, events, passed } = await guarded({ onStoreError })
    await send(updates.text('hi'))
    await sentinel.close()
    events.length = passed.length = 0
    await send(updates.text('hi'))
    expect(types()).toEqual(expected)
    expect(events[0]).toMatchObject({ error: { code: 'SENTINEL_STORE' } })
    expect(passed).toHaveLength(handled)
  })

  test('makes everything else reject', async () => {
    const { sentinel } = await guarded({ rateLimit: { limit: 1, window: '1m' } })
    await sentinel.close()
    const late = [
      sentinel.ready(),
      sentinel.blocks.add(7),
      sentinel.registrations.list(),
      sentinel.members.get(7),
      sentinel.limits.peek('bot', { userId: 7 }),
    ]
    for (const { status, ...rest } of await Promise.allSettled(late)) {
      expect({ status, ...rest }).toMatchObject({ status: 'rejected', reason: { code: 'SENTINEL_STORE' } })
    }
    expect(await sentinel.health()).toMatchObject({ status: 'down' })
  })

  test('before anything was connected does no harm', async () => {
    const store = new FaultyStore()
    const { sentinel } = await guarded({ store })
    await sentinel.close()
    expect(store.connects).toBe(0)
  })
})

describe('health', () => {
  test('is ok with how long it took', async () => {
    for (const store of [new MemoryStore(), new FaultyStore()]) {
      const { sentinel } = await guarded({ store })
      expect(await sentinel.health()).toEqual({
        status: 'ok',
        store: { status: 'ok', latency: expect.any(Number) },
        stores: [{ status: 'ok', latency: expect.any(Number) }],
        waiting: { decisions: 0, hooks: 0, replies: 0 },
      })
    }
  })

  test.each<Fault>(['reject', 'throw', 'hang', 'late'])(
    'is down when the store does %s, and says why',
    async (fault) => {
      const store = new FaultyStore()
      const { sentinel } = await guarded({ store, storeTimeout: 30 })
      store.fault = fault
      const health = await sentinel.health()
      expect(health.status).toBe('down')
      expect(health.store.error).toMatch(/the disk is on fire|30 ms/)
      await store.release()
      expect(await sentinel.health()).toMatchObject({ status: 'ok' })
    },
  )

  test('is what the store says', async () => {
    const store = new FaultyStore()
    store.health = async () => ({ status: 'degraded', latency: 3 })
    const { sentinel } = await guarded({ store })
    expect(await sentinel.health()).toMatchObject({ status: 'degraded', store: { latency: 3 } })
  })
})

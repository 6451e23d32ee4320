/** Registration by the store, and by the bot's own user table. */
import type { Context } from 'telegraf'
import { Command, Controller, RequireRegistered, sentinelOf, StoreTimeoutError } from 'telegraf-sentinel'
import { guarded, stopAll, stores } from '../support/guarded'

afterEach(stopAll)

/** A user table that counts how often it is asked. */
class UserTable {
  readonly asked: number[] = []
  readonly users = new Map<number, unknown>()

  readonly resolve = async (ctx: Context): Promise<unknown> => {
    const id = ctx.from?.id ?? 0
    this.asked.push(id)
    return this.users.get(id) ?? null
  }
}

describe.each(stores)('on %s', (_name, store) => {
  test('only where it is required', async () => {
    @Controller()
    class Shop {
      @Command('buy')
      @RequireRegistered()
      async buy() {}

      @Command('help')
      async help() {}
    }
    const table = new UserTable()
    const { sentinel, updates, outcomes } = await guarded({
      store: store(),
      controllers: [Shop],
      registration: { resolve: table.resolve },
    })
    const [buy, help] = [() => updates.text('/buy'), () => updates.text('/help')]
    expect(await outcomes(help(), updates.text('x'))).toEqual(['allowed', 'allowed'])
    expect(table.asked).toEqual([])
    expect(await outcomes(buy())).toEqual(['unregistered'])
    await sentinel.registrations.add(42)
    expect(await outcomes(buy())).toEqual(['allowed'])
    await sentinel.registrations.remove(42)
    expect(await outcomes(buy())).toEqual(['unregistered'])
  })

  test('the user table is asked only when the store has no registration', async () => {
    const table = new UserTable()
    table.users.set(2, { plan: 'table' })
    const profiles: unknown[] = []
    const { sentinel, updates, outcomes } = await guarded(
      { store: store(), requireRegistered: true, registration: { resolve: table.resolve } },
      { after: (bot) => bot.use((ctx) => void profiles.push(sentinelOf(ctx).profile)) },
    )
    await sentinel.registrations.add(1, { plan: 'store' })
    const hello = (from: number) => updates.text('hello', { from })
    expect(await outcomes(hello(1), hello(2), hello(3))).toEqual(['allowed', 'allowed', 'unregistered'])
    expect(table.asked).toEqual([2, 3])
    expect(profiles).toEqual([{ plan: 'store' }, { plan: 'table' }])
  })

  test('a profile is kept for cacheFor, a null is asked for again each time', async () => {
    const table = new UserTable()
    const { clock, updates, outcomes } = await guarded({
      store: store(),
      requireRegistered: true,
      registration: { resolve: table.resolve, cacheFor: '10s' },
    })
    const hello = () => updates.text('hello')
    expect(await outcomes(hello(), hello())).toEqual(['unregistered', 'unregistered'])
    expect(table.asked).toHaveLength(2)
    table.users.set(42, 'Ann')
    expect(await outcomes(hello(), hello())).toEqual(['allowed', 'allowed'])
    expect(table.asked).toHaveLength(3)
    clock.advance(9_999)
    await outcomes(hello())
    expect(table.asked).toHaveLength(3)
    clock.advance(1)
    table.users.delete(42)
    expect(await outcomes(hello())).toEqual(['unregistered'])
    expect(table.asked).toHaveLength(4)
  })

  test('cacheFor is a minute unless given, and the cached profile is on the context', async () => {
    const table = new UserTable()
    table.users.set(42, { plan: 'gold' })
    const profiles: unknown[] = []
    const { clock, updates, send } = await guarded(
      { store: store(), requireRegistered: true, registration: { resolve: table.resolve } },
      { after: (bot) => bot.use((ctx) => void profiles.push(sentinelOf(ctx).profile)) },
    )
    await send(updates.text('hello'))
    clock.advance(59_999)
    await send(updates.text('hello'))
    expect(table.asked).toHaveLength(1)
    clock.advance(1)
    await send(updates.text('hello'))
    expect(table.asked).toHaveLength(2)
    expect(profiles).toEqual([{ plan: 'gold' }, { plan: 'gold' }, { plan: 'gold' }])
  })

  test('a registration in the store wins over a cached profile', async () => {
    const table = new UserTable()
    table.users.set(42, 'from the table')
    const profiles: unknown[] = []
    const shared = store()
    const { updates, send } = await guarded(
      { store: shared, requireRegistered: true, registration: { resolve: table.resolve } },
      { after: (bot) => bot.use((ctx) => void profiles.push(sentinelOf(ctx).profile)) },
    )
    await send(updates.text('hello'))
    const otherProcess = await guarded({ store: shared })
    await otherProcess.sentinel.registrations.add(42, 'from the store')
    await send(updates.text('hello'))
    expect(profiles).toEqual(['from the table', 'from the store'])
    expect(table.asked).toHaveLength(1)
  })

  test.each([[null], [undefined], [false]])('a table that answers %s knows nobody', async (answer) => {
    const { updates, outcomes } = await guarded({
      store: store(),
      requireRegistered: true,
      registration: { resolve: async () => answer },
    })
    expect(await outcomes(updates.text('x'), updates.text('x'))).toEqual(['unregistered', 'unregistered'])
  })

  test('the trip before the question consumes nothing: each update is charged and claimed once', async () => {
    const table = new UserTable()
    table.users.set(42, {})
    const { clock, sentinel, updates, outcomes } = await guarded({
      store: store(),
      deduplicate: '1h',
      debounce: '1h',
      requireRegistered: true,
      rateLimit: { limit: 5, window: '1h', countRefused: true },
      registration: { resolve: table.resolve, cacheFor: 1 },
    })
    expect(await outcomes(updates.text('hello', { update_id: 77 }))).toEqual(['allowed'])
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 4 })

    // A null is no second chance to count either: nobody unregistered reaches the limits.
    table.users.delete(42)
    clock.advance('1h')
    expect(await outcomes(updates.text('a'), updates.text('b'))).toEqual(['unregistered', 'unregistered'])
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 5 })
  })

  test('it is not asked for somebody blocked, or for a duplicate', async () => {
    const table = new UserTable()
    table.users.set(42, {})
    const { sentinel, clock, updates, outcomes } = await guarded({
      store: store(),
      deduplicate: '1h',
      requireRegistered: true,
      registration: { resolve: table.resolve, cacheFor: '1s' },
    })
    expect(await outcomes(updates.text('x', { update_id: 9 }))).toEqual(['allowed'])
    clock.advance('1s')
    expect(await outcomes(updates.text('x', { update_id: 9 }))).toEqual(['duplicate'])
    await sentinel.blocks.add(42)
    expect(await outcomes(updates.text('x'))).toEqual(['blocked'])
    expect(table.asked).toHaveLength(1)
  })

  test('a block that comes while the table is asked still holds', async () => {
    const { sentinel, updates, outcomes } = await guarded({
      store: store(),
      requireRegistered: true,
      registration: {
        resolve: async () => {
          await sentinel.blocks.add(42)
          return {}
        },
      },
    })
    expect(await outcomes(updates.text('x'))).toEqual(['blocked'])
  })

  describe('a table that throws is a store error', () => {
    const broken = async (): Promise<unknown> => {
      throw new Error('no connection')
    }
    const options = () => ({
      store: store(),
      requireRegistered: true,
      rateLimit: { limit: 1, window: '1h' } as const,
      registration: { resolve: broken },
    })

    test('that lets pass by default', async () => {
      const { events, passed, updates, outcomes } = await guarded(options())
      expect(await outcomes(updates.text('x'), updates.text('x'))).toEqual(['allowed', 'allowed'])
      expect(passed).toHaveLength(2)
      const errors = events.filter(({ type }) => type === 'storeError')
      expect(errors).toMatchObject([
        { error: { code: 'SENTINEL_STORE', cause: { message: 'no connection' } } },
        { error: { code: 'SENTINEL_STORE' } },
      ])
    })

    test("that refuses with onStoreError: 'refuse'", async () => {
      const { passed, updates, outcomes } = await guarded({ ...options(), onStoreError: 'refuse' })
      expect(await outcomes(updates.text('x'))).toEqual(['store-error'])
      expect(passed).toHaveLength(0)
    })

    test("that throws with onStoreError: 'throw'", async () => {
      const { caught, passed, updates, send } = await guarded({ ...options(), onStoreError: 'throw' })
      await send(updates.text('x'))
      expect(caught).toMatchObject([{ code: 'SENTINEL_STORE', cause: { message: 'no connection' } }])
      expect(passed).toHaveLength(0)
    })

    test('also when it throws at once', async () => {
      const { types, updates, outcomes } = await guarded({
        ...options(),
        registration: {
          resolve: () => {
            throw new Error('not even a promise')
          },
        },
      })
      expect(await outcomes(updates.text('x'))).toEqual(['allowed'])
      expect(types()).toEqual(['storeError', 'allowed'])
    })
  })

  test('storeTimeout covers the table, and an answer that comes too late charges nothing', async () => {
    let answer = (_profile: unknown): void => undefined
    const { sentinel, events, updates, outcomes } = await guarded({
      store: store(),
      storeTimeout: '20ms',
      requireRegistered: true,
      rateLimit: { limit: 5, window: '1h' },
      registration: { resolve: () => new Promise((resolve) => (answer = resolve)) },
      onStoreError: 'refuse',
    })
    expect(await outcomes(updates.text('x'))).toEqual(['store-error'])
    const [error] = events.filter(({ type }) => type === 'storeError')
    expect(error).toMatchObject({ error: expect.any(StoreTimeoutError) })
    answer({})
    await new Promise(setImmediate)
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 5 })
  })

  test('registrations.remove forgets a cached profile at once', async () => {
    const table = new UserTable()
    table.users.set(42, {})
    const { sentinel, updates, outcomes } = await guarded({
      store: store(),
      requireRegistered: true,
      registration: { resolve: table.resolve, cacheFor: '1h' },
    })
    await sentinel.registrations.add(42)
    expect(await outcomes(updates.text('x'))).toEqual(['allowed'])
    expect(table.asked).toEqual([])
    await sentinel.registrations.remove(42)
    expect(await outcomes(updates.text('x'))).toEqual(['allowed'])
    table.users.delete(42)
    await sentinel.registrations.add(42)
    await sentinel.registrations.remove(42)
    expect(await outcomes(updates.text('x'))).toEqual(['unregistered'])
  })

  test('a second guard on one update does not ask again', async () => {
    const table = new UserTable()
    table.users.set(42, {})
    const guardedBot = await guarded(
      {
        store: store(),
        requireRegistered: true,
        registration: { resolve: table.resolve, cacheFor: 1 },
      },
      {
        after: (bot, sentinel) => {
          bot.use((_ctx, next) => {
            guardedBot.clock.advance('1h')
            return next()
          })
          bot.use(sentinel.guard({ requireRegistered: true }))
        },
      },
    )
    expect(await guardedBot.outcomes(guardedBot.updates.text('x'))).toEqual(['allowed'])
    expect(table.asked).toHaveLength(1)
  })
})

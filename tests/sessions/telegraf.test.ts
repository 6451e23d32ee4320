/** Telegraf's own session middleware, of each version, on the sentinel's store. */
import {
  MemorySessionStore,
  session,
  Telegraf,
  type Context,
  type SessionStore as TelegrafSessionStore,
} from 'telegraf'
import { session as session11, Telegraf as Telegraf11, type Context as Context11 } from 'telegraf-4.11'
import { session as session13, Telegraf as Telegraf13, type Context as Context13 } from 'telegraf-4.13'
import type { Update, UserFromGetMe } from 'telegraf/types'
import {
  createSentinel,
  failover,
  layered,
  MemoryStore,
  StoreError,
  type AnySessionStore,
  type SentinelOptions,
  type StorageAdapter,
} from 'telegraf-sentinel'
import { createUpdates } from 'telegraf-sentinel/testing'
import { guarded, stopAll } from '../support/guarded'
import { MapStore } from '../support/map-store'
import { Process } from '../support/faulty-store'

interface Counted {
  n: number
}

interface Counting extends Context {
  session: Counted
}

const botInfo = { id: 1, is_bot: true, username: 'test_bot' } as UserFromGetMe

/** A bot that counts a user's messages in the session, and says how many there were. */
interface Counter {
  send(update: object): Promise<unknown>
  readonly counts: number[]
  readonly caught: unknown[]
}

function counting(store: AnySessionStore): Counter {
  const bot = new Telegraf<Counting>('1:x')
  const [counts, caught]: [number[], unknown[]] = [[], []]
  bot.botInfo = botInfo
  bot.catch((error) => void caught.push(error))
  bot.use(session({ store, defaultSession: () => ({ n: 0 }) }))
  bot.on('message', async (ctx) => {
    ctx.session.n++
    await Promise.resolve()
    counts.push(ctx.session.n)
  })
  return { send: (update) => bot.handleUpdate(update as Update), counts, caught }
}

function counting11(store: AnySessionStore): Counter {
  type C = Context11 & { session?: Counted }
  const bot = new Telegraf11<C>('1:x')
  const [counts, caught]: [number[], unknown[]] = [[], []]
  bot.botInfo = botInfo
  bot.catch((error) => void caught.push(error))
  bot.use(session11<Counted>({ store }))
  bot.on('message', (ctx) => {
    ctx.session = { n: (ctx.session?.n ?? 0) + 1 }
    counts.push(ctx.session.n)
  })
  return {
    send: (update) => bot.handleUpdate(update as Parameters<typeof bot.handleUpdate>[0]),
    counts,
    caught,
  }
}

function counting13(store: AnySessionStore): Counter {
  type C = Context13 & { session: Counted }
  const bot = new Telegraf13<C>('1:x')
  const [counts, caught]: [number[], unknown[]] = [[], []]
  bot.botInfo = botInfo
  bot.catch((error) => void caught.push(error))
  bot.use(session13({ store, defaultSession: () => ({ n: 0 }) }))
  bot.on('message', (ctx) => void counts.push(++ctx.session.n))
  return {
    send: (update) => bot.handleUpdate(update as Parameters<typeof bot.handleUpdate>[0]),
    counts,
    caught,
  }
}

const VERSIONS = [
  ['4.11', counting11],
  ['4.13', counting13],
  ['4.16', counting],
] as const

const storeOf = (store: StorageAdapter, options: SentinelOptions = {}): AnySessionStore =>
  createSentinel({ store, ...options }).sessionStore()

afterEach(stopAll)

describe.each(VERSIONS)('telegraf %s', (version, make) => {
  const updates = createUpdates()
  const text = (from = 42): object => updates.text('hi', { from })

  test('counts, each user apart, over a restart', async () => {
    const store = new MapStore()
    const before = make(storeOf(store))
    for (const from of [42, 43, 42]) await before.send(text(from))
    expect(before.counts).toEqual([1, 1, 2])
    const after = make(storeOf(store))
    for (const from of [42, 43]) await after.send(text(from))
    expect(after.counts).toEqual([3, 2])
    expect(after.caught).toEqual([])
  })

  test('a reading that failed is an error, overwrites nothing, and the next update is well', async () => {
    const store = new Process()
    const bot = make(storeOf(store))
    await bot.send(text())
    store.before = async () => Promise.reject(new Error('the line is dead'))
    for (let n = 0; n < 3; n++) await bot.send(text())
    expect(bot.counts).toEqual([1])
    expect(bot.caught).toHaveLength(3)
    expect(bot.caught[0]).toBeInstanceOf(StoreError)
    store.before = async () => undefined
    await bot.send(text())
    await Promise.all([bot.send(text()), bot.send(text(43))])
    expect(bot.counts.sort()).toEqual([1, 1, 2, 3])
    expect(bot.caught).toHaveLength(3)
  })

  // In 4.11 each update has a session of its own.
  if (version === '4.11') return
  test('a hundred updates of one user at once, while earlier ones are written: none is lost', async () => {
    const store = new Process()
    store.before = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
    const bot = make(storeOf(store, { storeTimeout: '20s' }))
    const sent: Promise<unknown>[] = []
    for (let n = 0; n < 100; n++) {
      sent.push(bot.send(text()))
      if (n % 9 === 0) await new Promise((resolve) => setTimeout(resolve, 3))
    }
    await Promise.all(sent)
    await bot.send(text())
    expect(bot.caught).toEqual([])
    expect(bot.counts.at(-1)).toBe(101)
  })
})

test('a key of one’s own, a session set to null, and updates without one', async () => {
  interface Own extends Context {
    room?: { users: number[] } | null
  }
  const store = new MapStore()
  const rooms: unknown[] = []
  const { send, updates, caught } = await guarded<Own>(
    { store },
    {
      before: (bot, sentinel) => {
        bot.use(
          session({
            property: 'room',
            getSessionKey: (ctx) => ctx.chat && String(ctx.chat.id),
            store: sentinel.sessionStore({ name: 'rooms' }),
          }),
        )
        bot.use((ctx) => {
          rooms.push(ctx.room?.users.slice())
          if (ctx.inlineQuery) return
          ctx.room =
            ctx.room?.users.length === 2 ? null : { users: [...(ctx.room?.users ?? []), ctx.from?.id ?? 0] }
        })
      },
    },
  )
  for (const from of [1, 2, 3, 4]) await send(updates.text('hi', { from, chat: -7 }))
  await send(updates.inlineQuery('q'))
  expect(rooms).toEqual([undefined, [1], [1, 2], undefined, undefined])
  expect(caught).toEqual([])
  const { entries } = await store.scan('sentinel:main:session:', { limit: 10 })
  expect(entries.map(({ key }) => key)).toEqual(['sentinel:main:session:rooms:-7'])
})

test('a handler that throws keeps what it has written, as with any session store', async () => {
  const at = async (store: TelegrafSessionStore<Counted>): Promise<unknown[]> => {
    const bot = new Telegraf<Counting>('1:x')
    const seen: unknown[] = []
    bot.botInfo = botInfo
    bot.catch((error) => void seen.push(String(error)))
    bot.use(session({ store, defaultSession: () => ({ n: 0 }) }))
    bot.use((ctx) => {
      seen.push(++ctx.session.n)
      throw new Error('no')
    })
    const updates = createUpdates()
    for (let i = 0; i < 2; i++) await bot.handleUpdate(updates.text('hi') as Update)
    return seen
  }
  expect(await at(createSentinel().sessionStore())).toEqual(await at(new MemorySessionStore<Counted>()))
})

describe('a store that does not answer', () => {
  const never = (): Promise<never> => new Promise(() => undefined)

  test('rejects within storeTimeout, however many wait, tells of it, and recovers', async () => {
    const store = new Process()
    const sentinel = createSentinel({ store, storeTimeout: 60 })
    const errors: string[] = []
    sentinel.on('storeError', ({ source, error }) => errors.push(`${source}: ${error.message}`))
    const sessions = sentinel.sessionStore<number>()
    await sessions.set('1', 1)
    store.before = never
    const start = performance.now()
    const calls = Array.from({ length: 20 }, (_, n) =>
      n % 2 === 0 ? sessions.set('1', n) : sessions.get('1'),
    )
    const settled = await Promise.allSettled(calls)
    expect(performance.now() - start).toBeLessThan(1000)
    expect(new Set(settled.map(({ status }) => status))).toEqual(new Set(['rejected']))
    expect(errors).toEqual(Array(20).fill('session: no answer within storeTimeout (60 ms)'))
    store.before = async () => undefined
    await sessions.set('1', 99)
    expect(await sessions.get('1')).toBe(99)
  })

  test('what is too late is not written any more', async () => {
    const store = new Process()
    const sessions = createSentinel({ store, storeTimeout: 60 }).sessionStore<string>()
    const other = createSentinel({ store: store.shared }).sessionStore<string>()
    await sessions.set('1', 'first')
    let goOn = (): void => undefined
    store.before = () => new Promise((resolve) => (goOn = resolve))
    await other.set('1', 'second')
    const swaps = store.shared.calls.swap
    await expect(sessions.set('1', 'late')).rejects.toMatchObject({ code: 'SENTINEL_STORE_TIMEOUT' })
    store.before = async () => undefined
    goOn()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(store.shared.calls.swap).toBe(swaps + 1)
    expect(await other.get('1')).toBe('second')
  })

  test('beyond the bound nothing is begun', async () => {
    const store = new Process()
    store.before = never
    const sentinel = createSentinel({ store, storeTimeout: 100, backpressure: { decisions: 3 } })
    const dropped: number[] = []
    sentinel.on('overload', (event) => dropped.push(event.dropped))
    const sessions = sentinel.sessionStore<number>()
    const calls = ['1', '2', '3', '4'].map((key) =>
      sessions.get(key).then(undefined, (error: Error) => error.name),
    )
    expect(await Promise.all(calls)).toEqual([...Array<string>(3).fill('StoreTimeoutError'), 'OverloadError'])
    expect(dropped).toEqual([1])
  })

  test('a closed sentinel has no sessions', async () => {
    const sentinel = createSentinel()
    const sessions = sentinel.sessionStore<number>()
    await sessions.set('1', 1)
    await sentinel.close()
    await expect(sessions.get('1')).rejects.toThrow('the sentinel is closed')
    await expect(sessions.set('1', 2)).rejects.toThrow('the sentinel is closed')
  })
})

describe('failover()', () => {
  const broken = (): Promise<never> => Promise.reject(new Error('away'))

  test.each([
    ['by itself', (store: StorageAdapter) => store],
    ['behind layered()', (store: StorageAdapter) => layered('memory', store)],
  ])('%s: one failed call never passes for an empty session', async (_how, around) => {
    const first = new Process()
    const sentinel = createSentinel({ store: around(failover([first, 'memory'])) })
    const sessions = sentinel.sessionStore<string>()
    await sessions.set('1', 'real')
    first.interfere('get', 'session', broken)
    expect(await sessions.get('1')).toBe('real')
    first.interfere('delete', 'session', broken)
    await expect(sessions.delete('1')).rejects.toThrow('another store')
    expect(await sessions.get('1')).toBe('real')
    await sentinel.close()
  })

  test('an outage has sessions of its own; when it is over the real ones are back, none is overwritten', async () => {
    const first = new Process()
    const store = failover([first, new MemoryStore()], {
      failures: 1,
      successes: 1,
      settle: 1,
      probeEvery: 20,
    })
    const sentinel = createSentinel({ store })
    const told: string[] = []
    for (const name of ['degraded', 'recovered'] as const) sentinel.on(name, () => told.push(name))
    const back = new Promise((resolve) => sentinel.on('recovered', resolve))
    const sessions = sentinel.sessionStore<string>()
    await sessions.set('1', 'real')
    await sessions.set('2', 'read before')
    expect(await sessions.get('2')).toBe('read before')
    first.before = broken
    while (told.length === 0) await sentinel.blocks.get(1)
    expect(await sessions.get('1')).toBeUndefined()
    await sessions.set('1', 'of the outage')
    expect(await sessions.get('1')).toBe('of the outage')
    expect(await sessions.get('3')).toBeUndefined()
    await expect(sessions.set('2', 'written meanwhile')).rejects.toThrow('another store')
    first.before = async () => undefined
    await back
    await expect(sessions.set('1', 'written after')).rejects.toThrow('another store')
    // Nobody has lost anything by this one: there was none.
    await sessions.set('3', 'new')
    expect(await Promise.all(['1', '2', '3'].map((key) => sessions.get(key)))).toEqual([
      'real',
      'read before',
      'new',
    ])
    await sessions.set('1', 'and on')
    expect(await sessions.get('1')).toBe('and on')
    await sentinel.close()
  })
})

/** `sentinel.sessionStore()` on every store: what comes back, when it is over, and what becomes of it when many write at once. */
import { createSentinel, layered, MemoryStore, type Sentinel, type StorageAdapter } from 'telegraf-sentinel'
import { ManualClock } from 'telegraf-sentinel/testing'
import { MapStore } from '../support/map-store'
import { storesUnderTest } from '../support/stores'

const DAY = 86_400_000

interface Made {
  readonly bot?: string
  readonly clock?: ManualClock
  readonly storeTimeout?: number
  /** On a connection of its own, as another process is. */
  readonly isApart?: boolean
}

/** The first answer that is none of an error. */
async function until<T>(ask: () => Promise<T>): Promise<T> {
  for (let left = 50; ; left--) {
    try {
      return await ask()
    } catch (error) {
      if (left === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

const awkward = {
  b: 1,
  a: { '': null, 'x\0y': '\0', half: '\ud800', é: '💛' },
  list: [[], {}, 0.1, -0, 1e300, 'NaN'],
  __proto__x: { constructor: 'x' },
}

describe.each(storesUnderTest().map((under) => [under.name, under] as const))('on %s', (_name, under) => {
  const open: StorageAdapter[] = []

  beforeAll(() => under.start())
  afterAll(async () => {
    for (const store of open.splice(0)) await store.close()
    await under.stop()
  })

  async function make({ isApart = false, ...options }: Made = {}): Promise<Sentinel> {
    if (isApart || open.length === 0) open.push(await under.make())
    return createSentinel({ store: open[open.length - 1], storeTimeout: '10s', ...options })
  }

  test('a session comes back as JSON keeps it, as a copy', async () => {
    const sentinel = await make()
    const sessions = sentinel.sessionStore<typeof awkward>()
    expect(await sessions.get('1:1')).toBeUndefined()
    await sessions.set('1:1', awkward)
    const first = await sessions.get('1:1')
    expect(JSON.stringify(first)).toBe(JSON.stringify(awkward))
    first?.list.push('changed')
    expect(JSON.stringify(await sessions.get('1:1'))).toBe(JSON.stringify(awkward))
    await sessions.delete('1:1')
    await sessions.delete('1:1')
    expect(await sessions.get('1:1')).toBeUndefined()
  })

  test('any text is a key, and no two meet', async () => {
    const sessions = (await make()).sessionStore<string>()
    const keys = ['a:b', 'a%003ab', 'a', '', '*', '../x', 'ü\0', '\ud800', 'k'.repeat(5000), 'k'.repeat(5001)]
    await Promise.all(keys.map((key) => sessions.set(key, `of ${key.length} ${key.slice(0, 9)}`)))
    for (const key of keys) expect(await sessions.get(key)).toBe(`of ${key.length} ${key.slice(0, 9)}`)
  })

  test('bots, and kinds of sessions, are apart; two sentinels of one bot are not', async () => {
    const sessions = (await make()).sessionStore<number>()
    const others = [
      (await make({ bot: 'other' })).sessionStore<number>(),
      (await make()).sessionStore<number>({ name: 'cart' }),
    ]
    await sessions.set('7:7', 1)
    for (const other of others) expect(await other.get('7:7')).toBeUndefined()
    const again = (await make()).sessionStore<number>()
    expect(await again.get('7:7')).toBe(1)
    await again.set('7:7', 2)
    await sessions.set('7:7', 3)
    expect(await again.get('7:7')).toBe(3)
  })

  test("it is over `ttl` after it was written last, by the sentinel's clock", async () => {
    const clock = new ManualClock()
    const sentinel = await make({ clock })
    const sessions = sentinel.sessionStore<number>({ ttl: '1h' })
    await sessions.set('t', 1)
    clock.advance(3_599_999)
    expect(await sessions.get('t')).toBe(1)
    await sessions.set('t', 2)
    clock.advance(3_599_999)
    expect(await sessions.get('t')).toBe(2)
    clock.advance(1)
    expect(await sessions.get('t')).toBeUndefined()
    await sessions.set('t', 3)
    expect(await sessions.get('t')).toBe(3)
    const lasting = sentinel.sessionStore<number>({ ttl: Infinity, name: 'lasting' })
    const usual = sentinel.sessionStore<number>({ name: 'usual' })
    await Promise.all([lasting.set('t', 4), usual.set('t', 5)])
    clock.advance(30 * DAY - 1)
    expect(await usual.get('t')).toBe(5)
    clock.advance(1)
    expect(await usual.get('t')).toBeUndefined()
    clock.advance(36_500 * DAY)
    expect(await lasting.get('t')).toBe(4)
  })

  const whileItHangs = under.hangs ? test : () => undefined
  whileItHangs('a server that stands still: an error in time, and nothing is lost', async () => {
    const sessions = (await make({ isApart: true, storeTimeout: 200 })).sessionStore<string>()
    await sessions.set('h', 'real')
    under.pause()
    try {
      await expect(sessions.get('h')).rejects.toMatchObject({ code: 'SENTINEL_STORE_TIMEOUT' })
      await expect(sessions.set('h', 'late')).rejects.toThrow()
    } finally {
      under.resume()
    }
    // What was sent while it stood still may have been taken all the same.
    const back = await until(() => sessions.get('h'))
    expect(['real', 'late']).toContain(back)
    await sessions.set('h', 'new')
    expect(await sessions.get('h')).toBe('new')
  })

  test('it is there after a restart, where the store lasts', async () => {
    await (await make()).sessionStore<number>().set('r', 1)
    for (const store of open.splice(0)) await store.close()
    const lasts = !['memory', 'map'].includes(under.address().kind)
    expect(await (await make()).sessionStore<number>().get('r')).toBe(lasts ? 1 : undefined)
  })

  test('what is asked for first is done first, whoever waits', async () => {
    const sessions = (await make()).sessionStore<number>()
    const seen: Promise<number | undefined>[] = []
    const writes: Promise<void>[] = []
    for (let n = 0; n < 20; n++) {
      writes.push(n % 7 === 6 ? sessions.delete('o') : sessions.set('o', n))
      seen.push(sessions.get('o'))
    }
    await Promise.all(writes)
    expect(await Promise.all(seen)).toEqual(
      Array.from({ length: 20 }, (_, n) => (n % 7 === 6 ? undefined : n)),
    )
  })

  test('of two sentinels that write at once each has its say, and one of the last stays', async () => {
    const isShared = ['redis', 'cluster', 'postgres'].includes(under.address().kind)
    const both = [
      (await make()).sessionStore<string>(),
      (await make({ isApart: isShared })).sessionStore<string>(),
    ]
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => Promise.all(both.map((one, i) => one.set('w', `${i}.${n}`)))),
    )
    expect(['0.9', '1.9']).toContain(await both[0].get('w'))
    expect(await both[1].get('w')).toBe(await both[0].get('w'))
  })
})

test('a store of one’s own, behind layered() too: two trips for an update, one more where another has written', async () => {
  const store = new MapStore()
  const sessions = createSentinel({ store: layered('memory', store) }).sessionStore<number>()
  const other = createSentinel({ store }).sessionStore<number>()
  const trips = async (work: () => Promise<unknown>): Promise<object> => {
    Object.assign(store.calls, { get: 0, swap: 0, delete: 0 })
    await work()
    return { ...store.calls }
  }
  expect(await trips(() => sessions.set('1', 1))).toEqual({ get: 1, swap: 1, delete: 0 })
  expect(await trips(() => sessions.get('1'))).toEqual({ get: 1, swap: 0, delete: 0 })
  expect(await trips(() => sessions.set('1', 2))).toEqual({ get: 0, swap: 1, delete: 0 })
  expect(await trips(() => sessions.set('1', 3))).toEqual({ get: 0, swap: 1, delete: 0 })
  await other.set('1', 4)
  expect(await trips(() => sessions.set('1', 5))).toEqual({ get: 1, swap: 2, delete: 0 })
  expect(await trips(() => sessions.delete('1'))).toEqual({ get: 0, swap: 0, delete: 1 })
  expect(await trips(() => sessions.set('1', 6))).toEqual({ get: 0, swap: 1, delete: 0 })
  expect(await other.get('1')).toBe(6)
})

test('undefined, and what JSON makes null of, delete; what is no JSON is a mistake that names the session', async () => {
  const sessions = createSentinel().sessionStore<unknown>()
  for (const nothing of [undefined, null, NaN, { toJSON: () => null }]) {
    await sessions.set('1:2', { n: 1 })
    await sessions.set('1:2', nothing)
    expect(await sessions.get('1:2')).toBeUndefined()
  }
  await sessions.set('1:2', { n: 1 })
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  for (const wrong of [cycle, { n: 1n }, () => 1, Symbol('x'), { toJSON: () => undefined }]) {
    await expect(sessions.set('1:2', wrong)).rejects.toMatchObject({
      code: 'SENTINEL_USAGE',
      message: expect.stringMatching(/^the session '1:2' is no JSON: .+$/) as string,
    })
  }
  await expect(sessions.set('1:2', () => 1)).rejects.toThrow('is no JSON: it is a function')
  await expect(sessions.set('1:2', { toJSON: () => undefined })).rejects.toThrow(
    'its toJSON() returns no JSON',
  )
  await expect(sessions.get(42 as unknown as string)).rejects.toThrow("a session's key is a text, not 42")
  expect(await sessions.get('1:2')).toEqual({ n: 1 })
})

test('every mistake in the options at once', () => {
  const sentinel = createSentinel()
  const wrong = { ttl: '3 parsecs', name: '', tll: 1 } as object
  expect(() => sentinel.sessionStore(wrong)).toThrow(
    expect.objectContaining({
      code: 'SENTINEL_OPTIONS',
      problems: [
        { path: 'sessionStore.ttl', message: expect.stringContaining('or Infinity, not') as string },
        { path: 'sessionStore.name', message: "must be a non-empty string, not ''" },
        { path: 'sessionStore.tll', message: "is not an option; did you mean 'ttl'?" },
      ],
    }),
  )
  expect(() => sentinel.sessionStore('30d' as unknown as object)).toThrow(
    'sessionStore: must be an object { ttl, name }',
  )
})

test('a record that somebody else has written is an error, not an empty session', async () => {
  const store = new MemoryStore()
  const sentinel = createSentinel({ store })
  const sessions = sentinel.sessionStore<number>()
  for (const value of ['text', null, { session: 7 }, { session: '{' }]) {
    await sessions.set('1', 1)
    const [{ key, version }] = (await store.scan('sentinel:main:session:', { limit: 2 })).entries
    await store.swap(key, version, value)
    await expect(sessions.get('1')).rejects.toMatchObject({ code: 'SENTINEL_STORE' })
  }
  await sessions.delete('1')
})

test('the key is in the sentinel’s own space, and maxKeys forgets counters, not sessions', async () => {
  const store = new MemoryStore({ maxKeys: 1 })
  const sentinel = createSentinel({ store, prefix: 'p:q', bot: 'b', rateLimit: { limit: 1, window: '1h' } })
  const sessions = sentinel.sessionStore<number>()
  for (let n = 0; n < 300; n++) {
    await sessions.set(`${n}:${n}`, n)
    await sentinel.limits.consume('bot', { userId: n })
  }
  const { entries } = await store.scan('p%003aq:b:session:main:', { limit: 1000 })
  expect(entries).toHaveLength(300)
  expect(entries[0].key).toBe('p%003aq:b:session:main:0%003a0')
})

import { createSentinel, MemoryStore, type SentinelOptions, type StorageAdapter } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'
import { MapStore } from '../support/map-store'

afterEach(stopAll)

const OPTIONS: SentinelOptions = {
  rateLimit: [
    { limit: 1, window: '1m' },
    { name: 'all', limit: 100, window: '1m', scope: 'global' },
  ],
  debounce: '1s',
  deduplicate: '1h',
}

describe.each<[string, () => StorageAdapter]>([
  ['memory', () => new MemoryStore()],
  ['map', () => new MapStore()],
])('two bots on one %s store', (_name, makeStore) => {
  async function pair(one: SentinelOptions, two: SentinelOptions) {
    const store = makeStore()
    const first = await guarded({ ...OPTIONS, store, ...one })
    const second = await guarded({ ...OPTIONS, store, ...two })
    const say = async (bot: typeof first, update_id: number) => {
      await bot.send(bot.updates.text(`hi ${update_id}`, { update_id }))
      return bot.types().at(-1)
    }
    return { first, second, say }
  }

  test.each<[string, SentinelOptions, SentinelOptions]>([
    ['another bot', { bot: 'a' }, { bot: 'b' }],
    ['another prefix', { prefix: 'a' }, { prefix: 'b' }],
    ['a named one and the default', {}, { bot: 'b' }],
    ['names that meet where they are joined', { prefix: 'a', bot: 'b:c' }, { prefix: 'a:b', bot: 'c' }],
  ])('%s: nothing is shared', async (_what, one, two) => {
    const { first, second, say } = await pair(one, two)
    expect(await say(first, 1)).toBe('allowed')
    expect(await say(second, 1)).toBe('allowed')
    expect(await say(first, 2)).toBe('limited')
    expect(await say(second, 2)).toBe('limited')
    await first.sentinel.blocks.add(42)
    await first.sentinel.registrations.add(42)
    await first.send(first.updates.myChatMember('kicked'))
    expect(await second.sentinel.blocks.get(42)).toBeUndefined()
    expect(await second.sentinel.registrations.list()).toEqual({ entries: [] })
    expect(await second.sentinel.members.get(42)).toBeUndefined()
    expect(await second.sentinel.limits.peek('all', {})).toMatchObject({ remaining: 99 })
  })

  test('the same prefix and bot share everything, across processes', async () => {
    const { first, second, say } = await pair({}, {})
    expect(await say(first, 1)).toBe('allowed')
    expect(await say(second, 1)).toBe('duplicate')
    expect(await say(second, 2)).toBe('limited')
    await first.sentinel.blocks.add(42)
    expect(await second.sentinel.blocks.get(42)).toMatchObject({ userId: 42 })
    expect(await say(second, 3)).toBe('blocked')
    expect(await second.sentinel.limits.peek('all', {})).toMatchObject({ remaining: 99 })
  })

  test('together they admit exactly the limit', async () => {
    const { first, second } = await pair(
      { rateLimit: { limit: 7, window: '1m' }, debounce: false },
      {
        rateLimit: { limit: 7, window: '1m' },
        debounce: false,
      },
    )
    await Promise.all(
      Array.from({ length: 60 }, (_, i) => {
        const { send, updates } = i % 2 === 0 ? first : second
        return send(updates.text('hi', { update_id: 1000 + i }))
      }),
    )
    expect(first.passed.length + second.passed.length).toBe(7)
  })
})

test("'memory' is one store per sentinel", async () => {
  const first = await guarded({ ...OPTIONS, store: 'memory' })
  const second = await guarded({ ...OPTIONS })
  for (const { send, updates, types } of [first, second]) {
    await send(updates.text('hi'))
    expect(types()).toEqual(['allowed'])
  }
})

test('two sentinels on one bot keep their own accounts', async () => {
  const other = createSentinel({ rateLimit: { limit: 3, window: '1m' } })
  const { send, updates, passed, types } = await guarded(
    { rateLimit: { limit: 2, window: '1m' } },
    { before: (bot) => bot.use(other) },
  )
  for (let i = 0; i < 4; i++) await send(updates.text('hi'))
  expect(passed).toHaveLength(2)
  expect(types()).toEqual(['allowed', 'allowed', 'limited'])
})

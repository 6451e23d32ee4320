import { MemoryStore, type StorageAdapter } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'
import { MapStore } from '../support/map-store'

afterEach(stopAll)

const OLD = -42
const NEW = -1001000000042
const LIMITS = [
  { name: 'chat', scope: 'chat' as const, limit: 5, window: '1m' },
  { name: 'gcra', scope: 'chat' as const, limit: 5, window: '1m', algorithm: 'gcra' as const },
  { name: 'member', scope: 'member' as const, limit: 5, window: '1m' },
  { name: 'actor', scope: 'actor' as const, limit: 50, window: '1m' },
  { name: 'global', scope: 'global' as const, limit: 50, window: '1m' },
  { name: 'own', scope: () => String(OLD), limit: 50, window: '1m' },
]
const WHOM: Record<string, object> = {
  chat: {},
  gcra: {},
  member: { userId: 42 },
  actor: { userId: 42 },
  global: {},
  own: { key: String(OLD) },
}

describe.each<[string, () => StorageAdapter]>([
  ['memory', () => new MemoryStore()],
  ['map', () => new MapStore()],
])('a group that becomes a supergroup, on the %s store', (_name, makeStore) => {
  async function group() {
    const bot = await guarded({ store: makeStore(), rateLimit: LIMITS })
    const say = (chat: number, from = 42) => bot.send(bot.updates.text('hi', { chat, from }))
    const left = async (chatId: number) => {
      const states = LIMITS.map(({ name }) => bot.sentinel.limits.peek(name, { chatId, ...WHOM[name] }))
      return Object.fromEntries((await Promise.all(states)).map(({ name, remaining }) => [name, remaining]))
    }
    return { ...bot, say, left }
  }

  test('keeps what was counted for chat and members', async () => {
    const { send, updates, say, left, types } = await group()
    for (let i = 0; i < 3; i++) await say(OLD)
    await send(updates.migrateToChatId(NEW, { chat: OLD, from: 42 }))
    expect(await left(NEW)).toEqual({ chat: 2, gcra: 2, member: 2, actor: 46, global: 46, own: 46 })
    await say(NEW)
    await say(NEW)
    await say(NEW)
    expect(types().slice(-3)).toEqual(['allowed', 'allowed', 'limited'])
  })

  test('members who said nothing start afresh, and others keep theirs', async () => {
    const { send, updates, say, sentinel } = await group()
    await say(OLD, 1)
    await say(OLD, 2)
    await say(OLD, 2)
    await send(updates.migrateToChatId(NEW, { chat: OLD, from: 42 }))
    const remaining = async (userId: number) =>
      (await sentinel.limits.peek('member', { chatId: NEW, userId })).remaining
    expect(await Promise.all([1, 2, 3].map(remaining))).toEqual([4, 3, 5])
  })

  test('what the new chat has counted already stays', async () => {
    const { send, updates, say, left } = await group()
    for (let i = 0; i < 3; i++) await say(OLD)
    await say(NEW)
    await send(updates.migrateToChatId(NEW, { chat: OLD, from: 42 }))
    expect(await left(NEW)).toMatchObject({ chat: 4, member: 4 })
  })

  test('the windows go on where they were', async () => {
    const { send, updates, say, sentinel, clock } = await group()
    await say(OLD)
    clock.advance('40s')
    await send(updates.migrateToChatId(NEW, { chat: OLD, from: 42 }))
    expect(await sentinel.limits.peek('chat', { chatId: NEW })).toMatchObject({
      remaining: 4,
      resetAfter: 20_000,
    })
    clock.advance('20s')
    expect(await sentinel.limits.peek('chat', { chatId: NEW })).toMatchObject({ remaining: 5 })
  })

  test('twice is as once', async () => {
    const { send, updates, say, left } = await group()
    await say(OLD)
    const update = updates.migrateToChatId(NEW, { chat: OLD, from: 42 })
    await send(update)
    const before = await left(NEW)
    await send(update)
    expect(await left(NEW)).toMatchObject({ chat: before.chat, gcra: before.gcra, member: before.member })
  })
})

test('a migration to nowhere is a message like any other', async () => {
  const { send, updates, types, caught } = await guarded({ rateLimit: LIMITS })
  for (const to of [null, 'x', 1.5, {}]) await send(updates.migrateToChatId(to as number, { chat: OLD }))
  expect(types()).toEqual(['allowed', 'allowed', 'allowed', 'allowed'])
  expect(caught).toEqual([])
})

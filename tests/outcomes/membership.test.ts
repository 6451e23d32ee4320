import { MemoryStore, type StorageAdapter } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'
import { MapStore } from '../support/map-store'

afterEach(stopAll)

const DATE = Date.UTC(2026, 0, 1) / 1000

describe.each<[string, () => StorageAdapter]>([
  ['memory', () => new MemoryStore()],
  ['map', () => new MapStore()],
])('membership on the %s store', (_name, makeStore) => {
  test('a user who blocks the bot is unreachable, and reachable after unblocking it', async () => {
    const { send, updates, sentinel, events } = await guarded({ store: makeStore() })
    expect(await sentinel.members.get(42)).toBeUndefined()
    await send(updates.myChatMember('kicked', { date: DATE }))
    expect(await sentinel.members.get(42)).toEqual({ userId: 42, reachable: false, since: DATE * 1000 })
    await send(updates.myChatMember('member', { date: DATE + 5 }))
    expect(await sentinel.members.get(42)).toEqual({ userId: 42, reachable: true, since: (DATE + 5) * 1000 })
    expect(events.flatMap((event) => (event.type === 'membership' ? [event.reachable] : []))).toEqual([
      false,
      true,
    ])
  })

  test.each([
    ['the later date', { date: DATE + 1, update_id: 1 }, { date: DATE, update_id: 2 }],
    ['in one second, the later update', { date: DATE, update_id: 2 }, { date: DATE, update_id: 1 }],
  ])('%s wins, in whatever order they arrive', async (_what, winner, loser) => {
    for (const order of ['winner first', 'loser first']) {
      const { send, updates, sentinel, types } = await guarded({ store: makeStore() })
      const last = updates.myChatMember('kicked', winner)
      const first = updates.myChatMember('member', loser)
      const pair = order === 'winner first' ? [last, first] : [first, last]
      for (const update of pair)
        await send({ ...update, update_id: update === last ? winner.update_id : loser.update_id })
      expect(await sentinel.members.get(42)).toMatchObject({ reachable: false, since: winner.date * 1000 })
      const told = types().filter((type) => type === 'membership')
      expect(told).toHaveLength(order === 'winner first' ? 1 : 2)
    }
  })

  test('a race of many ends with the last', async () => {
    const { send, updates, sentinel } = await guarded({ store: makeStore() })
    const all = Array.from({ length: 20 }, (_, i) =>
      updates.myChatMember(i % 2 === 0 ? 'member' : 'kicked', { date: DATE + i }),
    )
    await Promise.all(all.reverse().map((update) => send(update)))
    expect(await sentinel.members.get(42)).toEqual({
      userId: 42,
      reachable: false,
      since: (DATE + 19) * 1000,
    })
  })

  test('a ban of ours survives a stop and a start', async () => {
    const { send, updates, sentinel, types, events } = await guarded({ store: makeStore() })
    await sentinel.blocks.add(42)
    await send(updates.myChatMember('kicked', { date: DATE }))
    await send(updates.myChatMember('member', { date: DATE + 1 }))
    events.length = 0
    await send(updates.text('/start'))
    expect(types()).toEqual(['blocked'])
    expect(await sentinel.members.get(42)).toMatchObject({ reachable: true })
  })
})

test('stopping the bot is no block of ours', async () => {
  const { send, updates, sentinel, types } = await guarded()
  await send(updates.myChatMember('kicked'))
  expect(await sentinel.blocks.get(42)).toBeUndefined()
  await send(updates.text('hi'))
  expect(types().at(-1)).toBe('allowed')
})

test.each([-100, -1001000000042, { id: -1001000000077, type: 'channel' as const }])(
  'what happens in %p says nothing of a user',
  async (chat) => {
    const { send, updates, sentinel, types } = await guarded()
    await send(updates.myChatMember('kicked', { chat }))
    expect(await sentinel.members.get(42)).toBeUndefined()
    expect(types()).toEqual(['allowed'])
  },
)

test('membership: false follows nothing', async () => {
  const { send, updates, sentinel, types } = await guarded({ membership: false })
  await send(updates.myChatMember('kicked'))
  expect(await sentinel.members.get(42)).toBeUndefined()
  expect(types()).toEqual(['allowed'])
})

test('it is written down before the handler runs', async () => {
  const seen: unknown[] = []
  const { send, updates } = await guarded(
    {},
    {
      after: (bot, sentinel) =>
        bot.on('my_chat_member', async (ctx) => void seen.push(await sentinel.members.get(ctx.from.id))),
    },
  )
  await send(updates.myChatMember('kicked'))
  expect(seen).toMatchObject([{ userId: 42, reachable: false }])
})

test('members.get asks for a user id', async () => {
  const { sentinel } = await guarded()
  await expect(sentinel.members.get('42' as unknown as number)).rejects.toMatchObject({
    code: 'SENTINEL_USAGE',
  })
})

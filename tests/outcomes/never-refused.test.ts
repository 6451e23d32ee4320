import type { SentinelOptions } from 'telegraf-sentinel'
import { createUpdates, updateKinds } from 'telegraf-sentinel/testing'
import { guarded, stopAll } from '../support/guarded'
import { FaultyStore } from './faulty-store'

afterEach(stopAll)

const free = updateKinds.filter(({ name }) =>
  ['preCheckoutQuery', 'shippingQuery', 'successfulPayment', 'myChatMember'].includes(name),
)

/** Nothing passes here but what is never refused. */
const STRICT: SentinelOptions = {
  rateLimit: { limit: () => 0, window: '1m', blockFor: '1h' },
  debounce: '1m',
  requireRegistered: true,
  deduplicate: '1h',
}

describe.each(free)('$name', ({ build }) => {
  test('skips limits, debounce, registration, duplicates and blocks', async () => {
    const { send, types, sentinel, passed, telegram } = await guarded({ ...STRICT, membership: false })
    await sentinel.blocks.add(42)
    const update = build(createUpdates())
    for (let i = 0; i < 3; i++) await send({ ...update })
    expect(types()).toEqual(['blockAdded', 'allowed', 'allowed', 'allowed'])
    expect(passed).toHaveLength(3)
    expect(telegram.calls).toEqual([])
  })

  test('costs nothing', async () => {
    const { send, sentinel, updates, types } = await guarded({ rateLimit: { limit: 1, window: '1m' } })
    await send(build(updates))
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 1 })
    await send(updates.text('hi'))
    expect(types().at(-1)).toBe('allowed')
  })

  test.each(['allow', 'refuse', 'throw'] as const)(
    'passes while the store fails (%s)',
    async (onStoreError) => {
      const store = new FaultyStore()
      store.fault = 'reject'
      const { send, passed, caught, updates, types } = await guarded({ ...STRICT, store, onStoreError })
      await send(build(updates))
      expect(passed).toHaveLength(1)
      expect(caught).toEqual([])
      expect(types()).toContain('allowed')
    },
  )

  test('passes guard() too', async () => {
    const { send, passed } = await guarded(
      { membership: false },
      {
        after: (bot, sentinel) =>
          bot.use(
            sentinel.guard({
              name: 'g',
              rateLimit: { limit: () => 0, window: '1m' },
              requireRegistered: true,
            }),
          ),
      },
    )
    await send(build(createUpdates()))
    expect(passed).toHaveLength(1)
  })
})

test('a paid order in a business chat passes too', async () => {
  const { send, passed, updates } = await guarded(STRICT)
  const { message } = updates.successfulPayment()
  await send({ update_id: 77, business_message: message })
  expect(passed).toHaveLength(1)
})

test('other people’s membership is judged', async () => {
  const { send, types, updates } = await guarded(STRICT)
  await send(updates.chatMember())
  expect(types()).toContain('unregistered')
})

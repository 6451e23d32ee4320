/** However the store fails, and whatever it is asked for: an update is answered within `storeTimeout` and a little. */
import {
  Command,
  Controller,
  type Limiter,
  type SentinelOptions,
  type StorageAdapter,
} from 'telegraf-sentinel'
import type { Updates } from 'telegraf-sentinel/testing'
import { guarded, stopAll } from '../support/guarded'
import { SlowStore } from '../support/slow-store'
import { FaultyStore, type Fault } from '../outcomes/faulty-store'

afterEach(stopAll)

const TIMEOUT = 300
/** 50 ms is what is promised; a busy machine gets some more, and yet less than a second wait would take. */
const SLACK = 120

@Controller()
class Shop {
  @Command('buy')
  buy() {}
}

const EVERYTHING: SentinelOptions = {
  controllers: [Shop],
  storeTimeout: TIMEOUT,
  rateLimit: [
    { name: 'actor', limit: 5, window: '1m' },
    { name: 'chat', limit: 5, window: '1m', scope: 'chat' },
    { name: 'member', limit: 5, window: '1m', scope: 'member' },
  ],
  debounce: { window: '1m', fingerprint: () => undefined },
  deduplicate: '1h',
  requireRegistered: true,
  registration: { resolve: () => new Promise((resolve) => setTimeout(resolve, 200, {}).unref()) },
  hooks: { before: async () => undefined },
}

const kinds = (updates: Updates): object[] => [
  updates.text('/buy'),
  updates.callbackQuery('x'),
  updates.migrateToChatId(),
  updates.myChatMember('kicked'),
  updates.chatMember(),
]

async function timed(work: Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work
  return performance.now() - start
}

/** A method that never answers. */
const hang = (): Promise<never> => new Promise(() => undefined)
const METHODS = [
  'connect',
  'decide',
  'migrateChat',
  'putRecords',
  'findRecord',
  'now',
  'get',
  'swap',
] as const

describe.each(['allow', 'refuse', 'throw'] as const)('%s', (onStoreError) => {
  test.each(METHODS)('%s never answers', async (method) => {
    const store: StorageAdapter = new FaultyStore()
    Object.assign(store, { [method]: hang })
    const { send, updates } = await guarded({ ...EVERYTHING, store, onStoreError, reply: false })
    const times = await Promise.all(kinds(updates).map((update) => timed(send(update))))
    expect(Math.max(...times)).toBeLessThan(TIMEOUT + SLACK)
  })

  test.each<Fault>(['hang', 'late', 'reject', 'throw'])('primitives that %s', async (fault) => {
    const store = new FaultyStore()
    store.fault = fault
    const { send, updates } = await guarded({ ...EVERYTHING, store, onStoreError, reply: false })
    const times = await Promise.all(kinds(updates).map((update) => timed(send(update))))
    expect(Math.max(...times)).toBeLessThan(TIMEOUT + SLACK)
  })
})

test.each([20, 60, 200])('a store that takes %i ms for each trip', async (latency) => {
  const { send, updates } = await guarded({ ...EVERYTHING, store: new SlowStore(latency), reply: false })
  for (let round = 0; round < 2; round++) {
    const times = await Promise.all(kinds(updates).map((update) => timed(send(update))))
    expect(Math.max(...times)).toBeLessThan(TIMEOUT + SLACK)
  }
})

test('limiters of their own that fail one after the other share the time', async () => {
  const broken = (name: string): Limiter => ({
    name,
    hit: () => {
      throw new Error(name)
    },
  })
  const { send, updates, types } = await guarded({
    store: new SlowStore(TIMEOUT * 0.6),
    storeTimeout: TIMEOUT,
    rateLimit: ['a', 'b', 'c', 'd'].map((name) => ({
      name,
      limit: 1,
      window: '1m',
      algorithm: broken(name),
    })),
  })
  expect(await timed(send(updates.text('x')))).toBeLessThan(TIMEOUT + SLACK)
  expect(types()).toContain('storeError')
  expect(types().at(-1)).toBe('allowed')
})

test('a migration that hangs leaves half the time to the decision', async () => {
  const store = new SlowStore(30)
  store.migrateChat = hang
  const { send, updates, types, events } = await guarded({
    store,
    storeTimeout: TIMEOUT,
    rateLimit: { limit: 5, window: '1m', scope: 'chat' },
  })
  await send(updates.migrateToChatId())
  expect(types()).toEqual(['storeError', 'allowed'])
  expect(events[0]).toMatchObject({
    source: 'migrateChat',
    error: { message: `migrateChat: no answer within ${TIMEOUT / 2} ms` },
  })
})

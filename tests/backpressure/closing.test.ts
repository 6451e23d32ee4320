/** close() lets end what is under way, in bounded time. */
import { MemoryStore, type Decision, type StoreListener } from 'telegraf-sentinel'
import { FaultyStore } from '../outcomes/faulty-store'
import { guarded, stopAll } from '../support/guarded'
import { SlowStore } from '../support/slow-store'

afterEach(stopAll)

const LIMIT = { rateLimit: { limit: 1, window: '1m' } } as const

/** Whoever awaits `opened` waits for `open()`. */
function gate() {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open: () => open() }
}

test('decisions that are under way are taken, their hooks run and their answers given', async () => {
  const order: string[] = []
  const text = gate()
  const hook = gate()
  const { send, updates, sentinel, telegram, passed, types } = await guarded({
    ...LIMIT,
    store: new SlowStore(40),
    reply: (async () => {
      await text.opened
      order.push('text')
      return 'No.'
      // Its type asks for a text; where nobody checks types it may be asynchronous.
    }) as unknown as () => string,
    hooks: {
      refused: async () => {
        text.open()
        await hook.opened
        order.push('hook')
      },
    },
  })
  telegram.delay('sendMessage', '50ms')
  const both = ['a', 'b'].map((text) => send(updates.text(text)))
  await new Promise((resolve) => setTimeout(resolve, 10))
  const closed = sentinel.close().then(() => order.push('closed'))
  await telegram.waitForCall('sendMessage')
  expect(order).toEqual(['text'])
  hook.open()
  await closed
  expect(types()).toEqual(['allowed', 'limited'])
  expect(passed).toHaveLength(1)
  expect(order).toEqual(['text', 'hook', 'closed'])
  expect(telegram.texts()).toEqual(['No.'])
  await Promise.all(both)
})

test('what comes while it closes is a store error', async () => {
  const { send, updates, sentinel, types } = await guarded({ ...LIMIT, store: new SlowStore(40) })
  const first = send(updates.text('a'))
  await new Promise((resolve) => setTimeout(resolve, 10))
  const closed = sentinel.close()
  await send(updates.text('b'))
  expect(types()).toEqual(['storeError', 'allowed'])
  await Promise.all([first, closed])
  expect(types()).toEqual(['storeError', 'allowed', 'allowed'])
})

test('a store that hangs is waited for no longer than `storeTimeout`', async () => {
  const store = new FaultyStore()
  const { send, updates, sentinel } = await guarded({ ...LIMIT, store, storeTimeout: 100 })
  await sentinel.ready()
  store.fault = 'hang'
  void send(updates.text('a'))
  await new Promise((resolve) => setImmediate(resolve))
  const start = performance.now()
  await sentinel.close()
  expect(performance.now() - start).toBeLessThan(400)
})

test('hooks that hang are waited for as long as they may take', async () => {
  const { send, updates, sentinel } = await guarded({
    hooks: { before: () => new Promise(() => undefined), timeout: 100 },
  })
  void send(updates.text('a'))
  await new Promise((resolve) => setImmediate(resolve))
  const start = performance.now()
  await sentinel.close()
  expect(performance.now() - start).toBeLessThan(400)
})

test('replies that wait for their turn are dropped, and told of', async () => {
  const { send, updates, sentinel, telegram, events } = await guarded({
    rateLimit: { limit: () => 0, window: '1m' },
  })
  for (let from = 1; from <= 5; from++) await send(updates.text('hi', { from, chat: -5 }))
  expect(telegram.texts()).toHaveLength(1)
  await sentinel.close()
  expect((await sentinel.health()).waiting).toEqual({ decisions: 0, hooks: 0, replies: 0 })
  expect(events.filter(({ type }) => type === 'overload')).toMatchObject([
    { what: 'replies', dropped: 1 },
    { what: 'replies', dropped: 3 },
  ])
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  expect(telegram.texts()).toHaveLength(1)
})

test('asked twice, it is one and the same', async () => {
  const close = jest.spyOn(MemoryStore.prototype, 'close')
  const { sentinel } = await guarded({ store: 'memory' })
  await Promise.all([sentinel.close(), sentinel.close()])
  await sentinel.close()
  expect(close).toHaveBeenCalledTimes(1)
  close.mockRestore()
})

describe('the store', () => {
  /** Tells what it is told to. */
  class Telling extends MemoryStore {
    ended = 0

    override observe(listener: StoreListener): () => void {
      const end = super.observe(listener)
      return () => {
        this.ended++
        end()
      }
    }

    tell(): void {
      this.report({ type: 'storeError', source: 'journal', error: new Error('the disk is full'), at: 1 })
    }
  }

  test('is observed until then', async () => {
    const store = new Telling()
    const { sentinel, types } = await guarded({ store })
    store.tell()
    await sentinel.close()
    store.tell()
    expect(types()).toEqual(['storeError'])
    expect(store.ended).toBe(1)
  })

  test('may know nothing of observers', async () => {
    const store = new MemoryStore()
    Object.assign(store, { observe: undefined })
    const { sentinel, send, updates, types } = await guarded({ store })
    await send(updates.text('hi'))
    await sentinel.close()
    expect(types()).toEqual(['allowed'])
  })

  test('is closed after the last decision', async () => {
    const order: string[] = []
    const { decide } = MemoryStore.prototype
    const close = jest.spyOn(MemoryStore.prototype, 'close').mockImplementation(async () => {
      order.push('closed')
    })
    const slow = jest.spyOn(MemoryStore.prototype, 'decide').mockImplementation(function (
      this: MemoryStore,
      request,
    ) {
      const later = new Promise((resolve) => setTimeout(resolve, 50)).then(() => {
        order.push('decided')
        return decide.call(this, request)
      })
      return later as unknown as Decision
    })
    const { sentinel, send, updates } = await guarded({ store: 'memory' })
    const sent = send(updates.text('hi'))
    await new Promise((resolve) => setImmediate(resolve))
    await sentinel.close()
    await sent
    expect(order).toEqual(['decided', 'closed'])
    slow.mockRestore()
    close.mockRestore()
  })
})

/** Calls on one session: what waits for what, what takes the place of what, and what becomes of those that are late. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createSentinel, type SentinelOptions, type SessionStore } from 'telegraf-sentinel'
import { Emitter } from '../../lib/events'
import { Process } from '../support/faulty-store'
import type { MapStore } from '../support/map-store'

interface Made {
  readonly sentinel: ReturnType<typeof createSentinel>
  readonly store: Process
  readonly sessions: SessionStore<string>
}

function make(options: SentinelOptions = {}): Made {
  const store = new Process()
  const sentinel = createSentinel({ store, ...options })
  return { sentinel, store, sessions: sentinel.sessionStore<string>() }
}

/** Holds the next trip until it is let go. */
function hold(store: Process): () => void {
  let letGo = (): void => undefined
  const gate = new Promise<void>((resolve) => (letGo = resolve))
  store.before = async () => {
    store.before = async () => undefined
    await gate
  }
  return letGo
}

const read = (shared: MapStore): Promise<unknown> => createSentinel({ store: shared }).sessionStore().get('1')

test('a sentinel that closes carries out what was asked before, and refuses what is asked after', async () => {
  const { sentinel, store, sessions } = make()
  await sessions.set('2', 'there')
  const letGo = hold(store)
  const before = [
    sessions.get('1'),
    sessions.set('1', 'written'),
    sessions.get('1'),
    sessions.set('1', 'last'),
    sessions.delete('2'),
  ]
  const closing = sentinel.close()
  // It takes the place of nothing that was asked before.
  const after = Promise.allSettled([sessions.set('1', 'too late'), sessions.get('1'), sessions.delete('1')])
  letGo()
  expect(await Promise.all(before)).toEqual([undefined, undefined, 'written', undefined, undefined])
  for (const refused of await after) {
    expect(refused).toMatchObject({ status: 'rejected', reason: { message: 'the sentinel is closed' } })
  }
  await closing
  expect(await read(store.shared)).toBe('last')
})

describe('writes that wait', () => {
  test('only the last of them is written, and all settle with it', async () => {
    const { store, sessions } = make()
    const letGo = hold(store)
    const first = sessions.get('1')
    const writes = Array.from({ length: 100 }, (_, n) =>
      n % 10 === 5 ? sessions.delete('1') : sessions.set('1', String(n)),
    )
    const other = sessions.set('2', 'apart')
    letGo()
    await Promise.all([first, other, ...writes])
    expect(store.shared.calls).toEqual({ get: 2, swap: 2, delete: 0 })
    expect(await read(store.shared)).toBe('99')
  })

  test('a reading between them finds what was written before it', async () => {
    const { store, sessions } = make()
    const letGo = hold(store)
    const first = sessions.get('1')
    const calls = [sessions.set('1', 'a'), sessions.set('1', 'b'), sessions.get('1'), sessions.set('1', 'c')]
    letGo()
    await first
    expect(await Promise.all(calls)).toEqual([undefined, undefined, 'b', undefined])
    expect(store.shared.calls.swap).toBe(2)
    expect(await read(store.shared)).toBe('c')
  })

  test('what is under way is not replaced', async () => {
    const { store, sessions } = make()
    await sessions.get('1')
    const letGo = hold(store)
    const first = sessions.set('1', 'under way')
    await sleep(1)
    const second = sessions.set('1', 'next')
    letGo()
    await Promise.all([first, second])
    expect(store.shared.calls.swap).toBe(2)
  })

  test('they fail together', async () => {
    const { store, sessions } = make()
    const letGo = hold(store)
    const first = sessions.get('1')
    const calls = Promise.allSettled([sessions.set('1', 'a'), sessions.set('1', 'b')])
    await sleep(1)
    store.before = () => Promise.reject(new Error('the line is dead'))
    letGo()
    await first
    expect((await calls).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    store.before = async () => undefined
    await sessions.set('1', 'c')
    expect(await sessions.get('1')).toBe('c')
  })
})

describe('a delete', () => {
  test('that is late takes nothing with it that was written since', async () => {
    const { store, sessions } = make({ storeTimeout: 60 })
    await sessions.set('1', 'old')
    const letGo = hold(store)
    await expect(sessions.delete('1')).rejects.toMatchObject({ code: 'SENTINEL_STORE_TIMEOUT' })
    await sessions.set('1', 'new')
    letGo()
    await sleep(20)
    expect(await sessions.get('1')).toBe('new')
  })

  test('finds what another process has written since', async () => {
    const { store, sessions } = make()
    const other = createSentinel({ store: store.shared }).sessionStore<string>()
    await sessions.get('1')
    await other.set('1', 'theirs')
    await sessions.delete('1')
    expect(await other.get('1')).toBeUndefined()
    await sessions.set('1', 'mine')
    await other.set('1', 'theirs')
    await sessions.delete('1')
    expect(await other.get('1')).toBeUndefined()
    await other.delete('1')
  })
})

test('a call keeps its place for as long as `storeTimeout` is', async () => {
  jest.useFakeTimers()
  try {
    const { store, sessions } = make({ storeTimeout: '10s' })
    await sessions.get('1')
    let letGo = (): void => undefined
    store.before = () => new Promise((resolve) => (letGo = resolve))
    const first = sessions.set('1', 'first')
    await jest.advanceTimersByTimeAsync(5_100)
    store.before = async () => undefined
    const second = sessions.set('1', 'second')
    await jest.advanceTimersByTimeAsync(4_000)
    letGo()
    await Promise.all([first, second])
    expect(await sessions.get('1')).toBe('second')
  } finally {
    jest.useRealTimers()
  }
})

test('a session store leaves nothing behind on the sentinel', () => {
  const listens = jest.spyOn(Emitter.prototype, 'on')
  const sentinel = createSentinel()
  for (let n = 0; n < 5; n++) sentinel.sessionStore()
  expect(listens.mock.calls.map(([name]) => name)).toEqual(['degraded', 'recovered'])
  listens.mockRestore()
})

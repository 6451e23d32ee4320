import { createSentinel, type SentinelEvent } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

describe('on, once, off', () => {
  test('listeners are called in order, each time, until they are taken off', async () => {
    const { sentinel, send, updates } = await guarded()
    const calls: string[] = []
    const first = () => void calls.push('first')
    sentinel.on('allowed', first).on('allowed', () => void calls.push('second'))
    await send(updates.text('hi'))
    sentinel.off('allowed', first)
    await send(updates.text('hi'))
    expect(calls).toEqual(['first', 'second', 'second'])
  })

  test('once is once, even if the event comes again meanwhile', async () => {
    const { sentinel, send, updates } = await guarded()
    let calls = 0
    sentinel.once('allowed', async () => {
      calls++
      await send(updates.text('again'))
    })
    await send(updates.text('hi'))
    await send(updates.text('hi'))
    expect(calls).toBe(1)
  })

  test('a once that has not fired can be taken off', async () => {
    const { sentinel, send, updates } = await guarded()
    let calls = 0
    const listener = () => void calls++
    sentinel.once('allowed', listener).off('allowed', listener)
    await send(updates.text('hi'))
    expect(calls).toBe(0)
  })

  test('taking off what was never on does no harm', async () => {
    const { sentinel, send, updates, types } = await guarded()
    sentinel.off('allowed', () => undefined).off('limited', () => undefined)
    await send(updates.text('hi'))
    expect(types()).toEqual(['allowed'])
  })

  test('a listener gets only its own events', async () => {
    const { sentinel, send, updates } = await guarded({ rateLimit: { limit: 1, window: '1m' } })
    const limited: SentinelEvent[] = []
    sentinel.on('limited', (event) => void limited.push(event))
    for (let i = 0; i < 3; i++) await send(updates.text('hi'))
    expect(limited.map(({ type }) => type)).toEqual(['limited', 'limited'])
  })
})

describe('a listener that fails', () => {
  const broken: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('listener')
      },
    ],
    ['rejects', () => Promise.reject(new Error('listener'))],
    [
      'rejects a thenable of its own',
      () => ({ then: (_ok: unknown, no: (reason: Error) => void) => no(new Error('listener')) }),
    ],
  ]

  test.each(broken)('%s: a hookError, and nothing else changes', async (_how, listener) => {
    const { sentinel, send, updates, events, caught, passed } = await guarded()
    const after: string[] = []
    sentinel.on('allowed', listener).on('allowed', () => void after.push('next listener'))
    await send(updates.text('hi'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(after).toEqual(['next listener'])
    expect(events.map(({ type }) => type)).toEqual(['allowed', 'hookError'])
    expect(events[1]).toMatchObject({
      error: new Error('listener'),
      subject: { actor: 42 },
      verdict: { allowed: true },
    })
    expect(caught).toEqual([])
    expect(passed).toHaveLength(1)
  })

  test.each(broken)('%s on hookError: no recursion, and nothing else changes', async (_how, listener) => {
    const { sentinel, send, updates, caught, passed, types } = await guarded()
    sentinel.on('allowed', () => {
      throw new Error('first')
    })
    let calls = 0
    sentinel.on('hookError', () => {
      calls++
      return listener()
    })
    await send(updates.text('hi'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(calls).toBe(1)
    expect(types()).toEqual(['allowed', 'hookError'])
    expect(caught).toEqual([])
    expect(passed).toHaveLength(1)
  })

  test.each(broken)('%s on storeError, replyError, blockAdded: a hookError', async (_how, listener) => {
    const { sentinel, types } = await guarded()
    sentinel.on('blockAdded', listener)
    await sentinel.blocks.add(7)
    await new Promise((resolve) => setImmediate(resolve))
    expect(types()).toEqual(['blockAdded', 'hookError'])
  })
})

test('an event that does not exist: the nearest is named', () => {
  const sentinel = createSentinel()
  expect(() => sentinel.on('limitted' as never, () => undefined)).toThrow("did you mean 'limited'?")
  expect(() => sentinel.once('zzz' as never, () => undefined)).toThrow('the events are allowed, ')
  for (const add of ['on', 'once'] as const) {
    expect(() => sentinel[add]('limited', undefined as never)).toThrow('must be a function, not undefined')
  }
})

/** Hooks that have not ended are bounded, those that nobody waits for any more included. */
import { OverloadError, type SentinelOptions } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

const BOUND = 3
const REFUSE_ALL: SentinelOptions = { rateLimit: { limit: () => 0, window: '1m' } }

/** Hooks that end when they are told to. */
function hanging() {
  const waiting: (() => void)[] = []
  let calls = 0
  const hook = (): Promise<void> => {
    calls++
    return new Promise((resolve) => waiting.push(resolve))
  }
  return { hook, waiting, calls: () => calls, end: () => waiting.splice(0).forEach((end) => end()) }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A bot whose `before` hook hangs, as often as it may. */
async function stuck(options: SentinelOptions = {}) {
  const { hook, waiting, calls, end } = hanging()
  const others: string[] = []
  const bot = await guarded({
    backpressure: { hooks: BOUND },
    ...options,
    hooks: {
      before: [hook, () => void others.push('before')],
      refused: () => void others.push('refused'),
      after: () => void others.push('after'),
      timeout: '10s',
      ...options.hooks,
    },
  })
  const underWay = Array.from({ length: BOUND }, (_, i) => bot.send(bot.updates.text('hi', { from: 1 + i })))
  while (waiting.length < BOUND) await turn()
  return { ...bot, hook, calls, end, underWay, others }
}

describe('beyond the bound, a `before` hook', () => {
  test("is skipped ('allow'); those that answer at once are run", async () => {
    const { send, updates, types, events, passed, caught, calls, others, end, underWay } = await stuck()
    await send(updates.text('hi', { from: 9 }))
    expect(types()).toEqual(['overload', 'allowed'])
    expect(events[0]).toMatchObject({ what: 'hooks', bound: BOUND, dropped: 1 })
    expect([calls(), others, passed.length, caught]).toEqual([BOUND, ['before', 'after'], 1, []])
    end()
    await Promise.all(underWay)
  })

  test("makes it a store error ('refuse'), and the handler is not run", async () => {
    const { refused, send, updates, types, passed, others, telegram, end, underWay } = await stuck({
      onStoreError: 'refuse',
    })
    expect(await refused(updates.text('hi', { from: 8 }))).toEqual({
      allowed: false,
      reason: 'store-error',
      limits: [],
    })
    await send(updates.callbackQuery('x', { from: 9 }))
    expect(types()).toEqual(['overload'])
    expect(passed).toEqual([])
    expect(others).toEqual(['before', 'refused', 'after', 'before', 'refused', 'after'])
    expect(telegram.calls.map(({ method }) => method)).toEqual(['sendMessage', 'answerCallbackQuery'])
    end()
    await Promise.all(underWay)
    expect(passed).toHaveLength(BOUND)
  })

  test("throws ('throw'), and `after` is run", async () => {
    const { send, updates, types, caught, passed, others, end, underWay } = await stuck({
      onStoreError: 'throw',
    })
    await send(updates.text('hi', { from: 9 }))
    expect(types()).toEqual(['overload'])
    expect(caught).toEqual([expect.any(OverloadError)])
    expect(caught).toMatchObject([{ bound: BOUND }])
    expect([passed, others]).toEqual([[], ['before', 'after']])
    end()
    await Promise.all(underWay)
  })

  test.each(['refuse', 'throw'] as const)("never costs a payment ('%s')", async (onStoreError) => {
    const { send, updates, passed, caught, end, underWay } = await stuck({ onStoreError })
    await send(updates.preCheckoutQuery())
    await send(updates.successfulPayment())
    expect([passed.length, caught]).toEqual([2, []])
    end()
    await Promise.all(underWay)
  })

  test('is run again when one has ended', async () => {
    const { send, updates, calls, end, underWay, passed } = await stuck()
    end()
    await Promise.all(underWay)
    const next = send(updates.text('hi', { from: 9 }))
    while (calls() === BOUND) await turn()
    end()
    await next
    expect(passed).toHaveLength(BOUND + 1)
  })
})

describe.each(['allow', 'refuse', 'throw'] as const)('later stages, %s', (onStoreError) => {
  test('an `allowed` and an `after` hook is skipped, and the update stays allowed', async () => {
    const { hook, waiting, end } = hanging()
    const { send, updates, passed, caught, types, sentinel } = await guarded({
      onStoreError,
      backpressure: { hooks: 1 },
      hooks: { allowed: hook, after: hook, timeout: 10 },
    })
    await send(updates.text('hi', { from: 1 }))
    await send(updates.text('hi', { from: 2 }))
    expect(waiting).toHaveLength(1)
    expect([passed.length, caught]).toEqual([2, []])
    expect(types()).toEqual(['allowed', 'hookError', 'overload', 'allowed'])
    // The one that took too long is under way all the same.
    expect((await sentinel.health()).waiting.hooks).toBe(1)
    end()
    await turn()
    expect((await sentinel.health()).waiting.hooks).toBe(0)
  })

  test('a `refused` hook is skipped, and the update stays refused and is answered', async () => {
    const { hook, waiting } = hanging()
    const { send, updates, passed, caught, types, telegram } = await guarded({
      ...REFUSE_ALL,
      onStoreError,
      backpressure: { hooks: 1 },
      hooks: { refused: hook, timeout: 10 },
    })
    for (let i = 0; i < 3; i++) await send(updates.callbackQuery('x'))
    expect(waiting).toHaveLength(1)
    expect([passed, caught]).toEqual([[], []])
    expect(types()).toEqual(['limited', 'hookError', 'limited', 'overload', 'limited'])
    expect(telegram.callsTo('answerCallbackQuery')).toHaveLength(3)
  })
})

test('hooks that hang for ever do not pile up', async () => {
  const { hook, calls } = hanging()
  const { send, updates, passed } = await guarded({
    backpressure: { hooks: 20 },
    hooks: { before: hook, allowed: hook, after: hook, timeout: 1 },
  })
  await Promise.all(Array.from({ length: 200 }, (_, i) => send(updates.text('hi', { from: 1 + i }))))
  expect(calls()).toBe(20)
  expect(passed).toHaveLength(200)
})

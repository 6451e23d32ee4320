/** The outbox alone, on fake time: who is sent when, and what is dropped. */
import { Backlog } from '../../lib/backlog'
import { Outbox } from '../../lib/outbox'
import { Lanes } from '../../lib/pace'

beforeEach(() => jest.useFakeTimers())
afterEach(() => jest.useRealTimers())

interface Sent {
  readonly name: string
  readonly chat: number | undefined
  /** ms since the start. */
  readonly at: number
}

/** How Telegram answers: after some ms, with an error where there is one. */
type Answer = { readonly after?: number; readonly error?: unknown }

function outboxOf({ bound = 1_000, latency = 0 }: { bound?: number; latency?: number } = {}) {
  const start = performance.now()
  const sent: Sent[] = []
  const failures: string[] = []
  const signals: AbortSignal[] = []
  let dropped = 0
  const backlog = new Backlog(bound, (count) => (dropped += count))
  const outbox = new Outbox(backlog)
  const answers: Answer[] = []
  const failed = (error: Error): void => void failures.push(error.message)

  /** Posts one; resolves as the outbox lets the update's handling go on. */
  const post = async (name: string, chat: number | undefined, useful = 10_000): Promise<string> => {
    if (!outbox.enter()) return 'full'
    const send = async (signal: AbortSignal): Promise<void> => {
      signals.push(signal)
      sent.push({ name, chat, at: performance.now() - start })
      const { after = latency, error } = answers.shift() ?? {}
      if (after > 0) await new Promise((resolve) => setTimeout(resolve, after))
      if (error !== undefined) throw error
    }
    await outbox.post({ chat, until: performance.now() + useful, send, failed })
    return sent.some((one) => one.name === name) ? 'sent' : 'waits'
  }
  return {
    outbox,
    backlog,
    sent,
    failures,
    signals,
    answers,
    post,
    /** Replies that were turned away or dropped. */
    dropped: () => {
      backlog.settleUp()
      return dropped
    },
  }
}

function tooMany(seconds?: number): Error {
  const response = { error_code: 429, description: 'Too Many Requests', parameters: { retry_after: seconds } }
  return Object.assign(new Error('429'), { response })
}

/** The most calls that fall in any window of so many ms. */
function mostIn(window: number, sent: readonly Sent[]): number {
  return Math.max(
    0,
    ...sent.map(({ at }) => sent.filter((other) => other.at >= at && other.at < at + window).length),
  )
}

describe("Telegram's limits", () => {
  test('30 go at once, the rest as the seconds pass, in order', async () => {
    const { post, sent, backlog } = outboxOf()
    const outcomes = await Promise.all(Array.from({ length: 70 }, (_, i) => post(`${i}`, 1 + i)))
    expect(outcomes.filter((outcome) => outcome === 'sent')).toHaveLength(30)
    expect(outcomes.slice(0, 30)).not.toContain('waits')
    await jest.advanceTimersByTimeAsync(990)
    expect(sent).toHaveLength(30)
    await jest.advanceTimersByTimeAsync(20)
    expect(sent).toHaveLength(60)
    await jest.advanceTimersByTimeAsync(1_010)
    expect(sent.map(({ name }) => name)).toEqual(Array.from({ length: 70 }, (_, i) => `${i}`))
    expect(mostIn(1_000, sent)).toBe(30)
    expect([backlog.size, jest.getTimerCount()]).toEqual([0, 0])
  })

  test('one a second goes to a chat; others are not held up by it', async () => {
    const { post, sent } = outboxOf()
    expect(await post('a1', 1)).toBe('sent')
    expect(await post('a2', 1)).toBe('waits')
    expect(await post('a3', 1)).toBe('waits')
    expect(await post('b1', 2)).toBe('sent')
    await jest.advanceTimersByTimeAsync(2_100)
    expect(sent.map(({ name }) => name)).toEqual(['a1', 'b1', 'a2', 'a3'])
    expect(
      mostIn(
        1_000,
        sent.filter(({ chat }) => chat === 1),
      ),
    ).toBe(1)
  })

  test('20 a minute go to a group', async () => {
    const { post, sent, dropped } = outboxOf()
    for (let i = 0; i < 54; i++) {
      await post(`${i}`, -100, 500)
      await jest.advanceTimersByTimeAsync(1_100)
    }
    expect(sent).toHaveLength(20)
    expect(dropped()).toBe(34)
    await jest.advanceTimersByTimeAsync(1_000)
    expect(await post('later', -100)).toBe('sent')
    expect(mostIn(60_000, sent)).toBe(20)
  })

  test('a call counts from its start until a second after its end: when Telegram saw it, nobody knows', async () => {
    const { post, sent } = outboxOf({ latency: 400 })
    for (let i = 0; i < 40; i++) void post(`${i}`, 1 + i)
    void post('again', 1)
    await jest.advanceTimersByTimeAsync(1_390)
    expect(sent).toHaveLength(30)
    await jest.advanceTimersByTimeAsync(20)
    expect(sent).toHaveLength(41)
  })

  test.each([1, 2, 3, 4, 5])('hold for any traffic (seed %i)', async (seed) => {
    let state = seed
    const random = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647
      return state % below
    }
    const { post, sent, backlog, dropped, answers } = outboxOf({ latency: 30 })
    let posted = 0
    for (let i = 0; i < 600; i++) {
      if (random(40) === 0) answers.push({ after: random(2_000) })
      const chat = [undefined, -1 - random(3), 1 + random(100)][random(3)]
      void post(`${posted++}`, chat, 1_000 + random(9_000))
      await jest.advanceTimersByTimeAsync(random(25))
    }
    await jest.advanceTimersByTimeAsync(12_000)
    expect(mostIn(1_000, sent)).toBeLessThanOrEqual(30)
    const chats = new Set(sent.flatMap(({ chat }) => chat ?? []))
    for (const chat of chats) {
      const own = sent.filter((one) => one.chat === chat)
      expect(mostIn(1_000, own)).toBe(1)
      if (chat < 0) expect(mostIn(60_000, own)).toBeLessThanOrEqual(20)
      const order = own.map(({ name }) => Number(name))
      expect(order).toEqual([...order].sort((a, b) => a - b))
    }
    expect(sent.length + dropped()).toBe(posted)
    expect(backlog.size).toBe(0)
  })
})

describe('answers to queries', () => {
  test('go before messages, and count with them', async () => {
    const { post, sent } = outboxOf()
    for (let i = 0; i < 30; i++) await post(`m${i}`, 1 + i)
    for (let i = 30; i < 60; i++) void post(`m${i}`, 1 + i)
    for (let i = 0; i < 20; i++) void post(`q${i}`, undefined)
    await jest.advanceTimersByTimeAsync(1_010)
    expect(sent.slice(30).map(({ name }) => name)).toEqual([
      ...Array.from({ length: 20 }, (_, i) => `q${i}`),
      ...Array.from({ length: 10 }, (_, i) => `m${30 + i}`),
    ])
  })

  test('keep their order', async () => {
    const { post, sent } = outboxOf()
    for (let i = 0; i < 100; i++) void post(`${i}`, undefined)
    await jest.advanceTimersByTimeAsync(5_000)
    expect(sent.map(({ name }) => name)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
  })
})

describe('what comes too late', () => {
  test('is dropped, and not sent', async () => {
    const { post, sent, dropped, backlog } = outboxOf()
    for (let i = 0; i < 90; i++) void post(`${i}`, 1 + i, 1_500)
    await jest.advanceTimersByTimeAsync(5_000)
    expect(sent).toHaveLength(60)
    expect(dropped()).toBe(30)
    expect(backlog.size).toBe(0)
  })

  test('is dropped at once where it is sure', async () => {
    const { post, backlog, dropped } = outboxOf()
    await post('a', 1)
    expect(backlog.size).toBe(0)
    await post('b', 1, 800)
    expect([backlog.size, dropped()]).toEqual([0, 1])
    await post('c', 1, 1_500)
    await post('d', 1, 1_500)
    expect([backlog.size, dropped()]).toEqual([1, 2])
  })

  test('one busy chat does not take the room of the others', async () => {
    const { post, backlog } = outboxOf({ bound: 20 })
    for (let i = 0; i < 500; i++) await post(`${i}`, -7)
    expect(backlog.size).toBeLessThanOrEqual(10)
    expect(await post('other', 8)).toBe('sent')
  })
})

describe('the bound', () => {
  test('is exact, counts what waits and what is being sent, and frees what ends', async () => {
    const { post, dropped, backlog } = outboxOf({ bound: 35, latency: 100 })
    const outcomes = Promise.all(Array.from({ length: 40 }, (_, i) => post(`${i}`, 1 + i)))
    expect(backlog.size).toBe(35)
    expect(dropped()).toBe(5)
    await jest.advanceTimersByTimeAsync(100)
    expect((await outcomes).slice(35)).toEqual(Array(5).fill('full'))
    expect(backlog.size).toBe(5)
    expect(await post('next', 100)).toBe('waits')
  })

  test('holds for calls that Telegram never answers: they are given up, and others have their places', async () => {
    const { post, backlog, sent, answers, signals } = outboxOf({ bound: 50 })
    for (let i = 0; i < 60; i++) answers.push({ after: 1e9 })
    const outcomes = Array.from({ length: 60 }, (_, i) => post(`${i}`, 1 + i).catch(String))
    await jest.advanceTimersByTimeAsync(9_990)
    expect([sent.length, signals.some(({ aborted }) => aborted)]).toEqual([30, false])
    await jest.advanceTimersByTimeAsync(10)
    expect(
      (await Promise.all(outcomes)).filter((outcome) => /no answer within 10000 ms/.test(outcome)),
    ).toHaveLength(30)
    expect([sent.length, signals.every(({ aborted }) => aborted), backlog.size]).toEqual([30, true, 0])
    answers.length = 0
    await jest.advanceTimersByTimeAsync(1_000)
    expect(await post('next', 100)).toBe('sent')
  })
})

describe('a pause that Telegram asks for', () => {
  test('holds for everything, and what ran into it is said first after it', async () => {
    const { post, sent, answers, failures } = outboxOf()
    answers.push({ error: tooMany(3) })
    expect(await post('a', 1)).toBe('sent')
    expect(await post('b', 2)).toBe('waits')
    expect(await post('c', undefined)).toBe('waits')
    await jest.advanceTimersByTimeAsync(2_990)
    expect(sent).toHaveLength(1)
    await jest.advanceTimersByTimeAsync(20)
    expect(sent.map(({ name }) => name)).toEqual(['a', 'c', 'a', 'b'])
    expect(failures).toEqual([])
  })

  test('leaves the order in a chat as it was', async () => {
    const { post, sent, answers } = outboxOf()
    answers.push({ after: 100, error: tooMany(2) })
    for (const name of ['a', 'b', 'c']) void post(name, 1)
    await jest.advanceTimersByTimeAsync(6_000)
    expect(sent.map(({ name }) => name)).toEqual(['a', 'a', 'b', 'c'])
  })

  test('may be asked for again and again', async () => {
    const { post, sent, answers, backlog } = outboxOf()
    answers.push({ error: tooMany(2) }, { error: tooMany(2) }, { error: tooMany() })
    await post('a', 1)
    await jest.advanceTimersByTimeAsync(9_000)
    expect(sent.map(({ at }) => Math.round(at / 100) / 10)).toEqual([0, 2, 4, 5])
    expect(backlog.size).toBe(0)
  })

  test.each([Infinity, 1e300, 10 ** 9])('of %d seconds is one of an hour', async (seconds) => {
    const { post, answers } = outboxOf()
    answers.push({ error: tooMany(seconds) })
    await post('a', 1)
    await jest.advanceTimersByTimeAsync(3_590_000)
    expect(await post('b', 2)).toBe('waits')
    await jest.advanceTimersByTimeAsync(10_010)
    expect(await post('c', 3)).toBe('sent')
  })

  test.each([NaN, -5, 0, -Infinity, '7', null])('of %p is one of a second', async (seconds) => {
    const { post, sent, answers } = outboxOf()
    answers.push({ error: tooMany(seconds as number) })
    await post('a', 1)
    await jest.advanceTimersByTimeAsync(1_010)
    expect(sent.map(({ at }) => Math.round(at / 100))).toEqual([0, 10])
  })

  test('that is too long for it drops a letter, and whatever comes meanwhile', async () => {
    const { post, sent, answers, dropped, failures, backlog } = outboxOf()
    answers.push({ error: tooMany(30) })
    await post('a', 1)
    await post('b', 2)
    await jest.advanceTimersByTimeAsync(29_000)
    await post('c', 3)
    expect([dropped(), backlog.size, failures]).toEqual([2, 1, []])
    await jest.advanceTimersByTimeAsync(2_000)
    expect(sent.map(({ name }) => name)).toEqual(['a', 'c'])
  })
})

describe('failures', () => {
  test('reject where somebody waits, and are told of where nobody does', async () => {
    const { post, failures, answers, backlog } = outboxOf()
    answers.push({ error: new Error('blocked') }, { error: 'gone' })
    await expect(post('a', 1)).rejects.toThrow('blocked')
    expect(await post('b', 1)).toBe('waits')
    await jest.advanceTimersByTimeAsync(1_010)
    expect(failures).toEqual(['gone'])
    expect(backlog.size).toBe(0)
  })

  test('a call that throws at once, too', async () => {
    const { outbox, backlog } = outboxOf()
    outbox.enter()
    const send = (): never => {
      throw new Error('no road')
    }
    const letter = { chat: 1, until: performance.now() + 1_000, send, failed: () => undefined }
    await expect(outbox.post(letter)).rejects.toThrow('no road')
    expect(backlog.size).toBe(0)
  })
})

describe('closing', () => {
  test('drops what waits, waits for what is being sent, and still sends what may go at once', async () => {
    const { post, outbox, sent, dropped, backlog } = outboxOf({ latency: 300 })
    void post('a1', 1)
    void post('a2', 1)
    const closed = outbox.close().then(() => performance.now())
    expect([dropped(), backlog.size]).toEqual([1, 1])
    const before = performance.now()
    await jest.advanceTimersByTimeAsync(1_000)
    expect((await closed) - before).toBe(300)
    void post('b1', 2)
    void post('b2', 2)
    await jest.advanceTimersByTimeAsync(5_000)
    expect(sent.map(({ name }) => name)).toEqual(['a1', 'b1'])
    expect([dropped(), backlog.size]).toEqual([2, 0])
  })

  test('waits two seconds at most, and gives up what takes longer', async () => {
    const { post, outbox, answers, dropped, backlog, signals } = outboxOf()
    answers.push({ after: 5_000, error: tooMany(1) })
    const outcome = post('a', 1).catch(String)
    const before = performance.now()
    const closed = outbox.close().then(() => performance.now())
    await jest.advanceTimersByTimeAsync(6_000)
    expect((await closed) - before).toBe(2_000)
    expect(await outcome).toBe('Error: no answer within 2000 ms of closing')
    expect([dropped(), backlog.size, signals[0].aborted]).toEqual([0, 0, true])
  })
})

test('chats are forgotten when they are idle', () => {
  const lanes = new Lanes()
  let now = performance.now()
  for (let chat = 1; chat <= 100_000; chat++) {
    const lane = lanes.of(chat, now)
    lane.begin()
    lane.end(now)
    now += 33
  }
  expect(lanes.size).toBeLessThanOrEqual(128)
  const busy = lanes.of(-5, now)
  busy.begin()
  for (let chat = 1; chat <= 1_000; chat++) lanes.of(chat, (now += 60_000))
  expect(lanes.of(-5, now)).toBe(busy)
})

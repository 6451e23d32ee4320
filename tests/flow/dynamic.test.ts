/** Limits, costs and scopes that are functions of the update; whose bucket a scope means. */
import type { Context } from 'telegraf'
import { sentinelOf, type RateLimitOptions } from 'telegraf-sentinel'
import { guarded, stopAll, stores } from '../support/guarded'

afterEach(stopAll)

const times = (outcome: string, count: number): string[] => Array<string>(count).fill(outcome)

describe.each(stores)('on %s', (_name, store) => {
  describe.each<[string, (limit: number) => number | Promise<number>]>([
    ['at once', (limit) => limit],
    ['in a promise', async (limit) => limit],
  ])('a limit given %s', (_how, give) => {
    const perUser = (limits: Record<number, number>): RateLimitOptions => ({
      limit: (ctx: Context) => give(limits[ctx.from?.id ?? 0]),
      window: '10s',
    })

    test('each user has their own, 0 refuses all, Infinity none', async () => {
      const { sentinel, updates, outcomes } = await guarded({
        store: store(),
        reply: false,
        rateLimit: perUser({ 1: 1, 3: 3, 10: 0, 11: Infinity }),
      })
      const six = (from: number) => outcomes(...Array.from({ length: 6 }, () => updates.text('x', { from })))
      expect(await six(1)).toEqual([...times('allowed', 1), ...times('limited', 5)])
      expect(await six(3)).toEqual([...times('allowed', 3), ...times('limited', 3)])
      expect(await six(10)).toEqual(times('limited', 6))
      expect(await six(11)).toEqual(times('allowed', 6))
      expect(await sentinel.limits.peek('bot', { userId: 3 })).toMatchObject({ limit: 3, remaining: 0 })
      expect(await sentinel.limits.peek('bot', { userId: 11 })).toMatchObject({ limit: Infinity })
    })

    test('it may change from one update to the next, and what was used still counts', async () => {
      const limits = { 42: 2 }
      const { updates, judge, outcomes } = await guarded({ store: store(), rateLimit: perUser(limits) })
      const hello = () => updates.text('hello')
      expect(await outcomes(hello(), hello(), hello())).toEqual(['allowed', 'allowed', 'limited'])
      limits[42] = 4
      expect(await outcomes(hello(), hello(), hello())).toEqual(['allowed', 'allowed', 'limited'])
      limits[42] = 1
      expect(await judge(hello())).toMatchObject({ retryAfter: 10_000, limits: [{ limit: 1, remaining: 0 }] })
    })

    test('a limit of Infinity is not sent: it is no limit of the verdict, and it charges nothing', async () => {
      const limits = { 42: Infinity }
      const { updates, judge } = await guarded({ store: store(), rateLimit: perUser(limits) })
      expect((await judge(updates.text('hello'))).limits).toEqual([])
      limits[42] = 5
      expect((await judge(updates.text('hello'))).limits).toMatchObject([{ limit: 5, remaining: 4 }])
    })
  })

  test('limits stay in order, whichever function answers first', async () => {
    let release = (): void => undefined
    const slow = new Promise<void>((resolve) => (release = resolve))
    const { updates, judge } = await guarded({
      store: store(),
      rateLimit: [
        { limit: () => slow.then(() => 1), window: '1m', name: 'first' },
        {
          limit: async () => {
            release()
            return 1
          },
          window: '1m',
          name: 'second',
        },
        { limit: 1, window: '1m', name: 'third' },
      ],
    })
    expect((await judge(updates.text('x'))).limits.map(({ name }) => name)).toEqual([
      'first',
      'second',
      'third',
    ])
    expect(await judge(updates.text('x'))).toMatchObject({ name: 'first' })
  })

  test('a dynamic limit knows who is judged', async () => {
    const { updates, judge } = await guarded({
      store: store(),
      rateLimit: { limit: (ctx) => (sentinelOf(ctx).subject.action === 'command' ? 1 : 9), window: '1m' },
    })
    expect((await judge(updates.text('/x'))).limits).toMatchObject([{ limit: 1 }])
    expect((await judge(updates.text('x'))).limits).toMatchObject([{ limit: 9 }])
  })

  test('a cost of the update is charged; 0 passes a full bucket', async () => {
    const { updates, judge, refused, outcomes } = await guarded({
      store: store(),
      rateLimit: { limit: 10, window: '1m', cost: (ctx) => Number(ctx.text) },
    })
    expect(await judge(updates.text('7'))).toMatchObject({ limits: [{ remaining: 3 }] })
    expect(await refused(updates.text('4'))).toMatchObject({ limits: [{ remaining: 3 }] })
    expect(await outcomes(updates.text('3'), updates.text('1'), updates.text('0'))).toEqual([
      'allowed',
      'limited',
      'allowed',
    ])
  })

  describe('scope', () => {
    const scoped = (scope: RateLimitOptions['scope']) =>
      guarded({ store: store(), reply: false, rateLimit: { limit: 1, window: '1h', scope } })

    /** The senders and chats of six messages. */
    const places: readonly (readonly [from: number, chat: number])[] = [
      [1, -100],
      [1, -100],
      [1, -200],
      [2, -100],
      [2, -200],
      [3, -300],
    ]

    test.each<[RateLimitOptions['scope'], readonly number[]]>([
      ['actor', [0, 3, 5]],
      ['chat', [0, 2, 5]],
      ['member', [0, 2, 3, 4, 5]],
      ['global', [0]],
      [(ctx: Context) => String((ctx.from?.id ?? 0) % 2), [0, 3]],
    ])('%s', async (scope, allowed) => {
      const { updates, outcomes } = await scoped(scope)
      const sent = places.map(([from, chat]) => updates.text('x', { from, chat }))
      const expected = places.map((_place, i) => (allowed.includes(i) ? 'allowed' : 'limited'))
      expect(await outcomes(...sent)).toEqual(expected)
    })

    test('the actor of an anonymous admin, a channel, a vote and a reaction is the chat', async () => {
      const { updates, outcomes } = await scoped('actor')
      const admin = (chat: number) => updates.anonymousAdmin('x', { chat })
      expect(await outcomes(admin(-1001), admin(-1002), admin(-1001))).toEqual([
        'allowed',
        'allowed',
        'limited',
      ])
      const channel = (id: number) => updates.asChannel('x', { sender_chat: { id, type: 'channel' } })
      expect(await outcomes(channel(-1003), channel(-1004), channel(-1003))).toEqual([
        'allowed',
        'allowed',
        'limited',
      ])
    })

    test('an inline query has no chat: the private chat of its user stands for it', async () => {
      const { updates, outcomes } = await scoped('chat')
      const query = (from: number) => updates.inlineQuery('x', { from })
      expect(await outcomes(query(1), query(2), query(1), updates.text('x', { from: 1 }))).toEqual([
        'allowed',
        'allowed',
        'limited',
        'limited',
      ])
    })

    test('without an actor, actor-scoped checks are skipped and global ones apply', async () => {
      const { updates, judge } = await guarded({
        store: store(),
        debounce: '1h',
        requireRegistered: true,
        rateLimit: [
          { limit: 1, window: '1h', name: 'each' },
          { limit: 2, window: '1h', name: 'all', scope: 'global' },
        ],
      })
      const { limits } = await judge(updates.poll())
      expect(limits.map(({ name }) => name)).toEqual(['all'])
      expect(await judge(updates.poll())).toMatchObject({ allowed: true })
      expect(await judge(updates.poll())).toMatchObject({ reason: 'limited', name: 'all' })
    })

    test('a debounce has scopes too', async () => {
      const { updates, outcomes } = await guarded({
        store: store(),
        debounce: { window: '1h', scope: 'chat' },
      })
      const hello = (from: number, chat: number) => updates.text('hello', { from, chat })
      expect(await outcomes(hello(1, -1), hello(2, -1), hello(1, -2))).toEqual([
        'allowed',
        'debounced',
        'allowed',
      ])
    })

    test('no key of an own scope reaches another bucket, whatever is in it', async () => {
      const { updates, outcomes } = await scoped((ctx) => ctx.text ?? '')
      const keys = ['a', 'a:b', 'a%003a', '', '*', '__proto__', '\u0000', '\ud800', 'x'.repeat(4000), '42']
      const messages = () => keys.map((key) => updates.message({ text: key }))
      expect(await outcomes(...messages())).toEqual(times('allowed', keys.length))
      expect(await outcomes(...messages())).toEqual(times('limited', keys.length))
    })
  })
})

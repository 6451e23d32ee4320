import {
  Command,
  Controller,
  createSentinel,
  Debounce,
  RateLimit,
  SentinelOptionsError,
} from 'telegraf-sentinel'
import { mistakes } from './mistakes'

class Nothing {}

@Controller()
class Unrouted {
  @RateLimit(1, '1m')
  buy() {}

  @Debounce('1s')
  sell() {}
}

@Controller()
class One {
  @Command('one')
  @RateLimit({ limit: 1, window: '1m', name: 'shared' })
  one() {}
}

@Controller()
class Two {
  @Command('two')
  @RateLimit({ limit: 2, window: '1m', name: 'shared' })
  two() {}
}

describe('all at once', () => {
  test('every mistake in the options', () => {
    const found = mistakes({
      rateLimit: [
        { limit: -1, window: 'x' },
        { limt: 5, window: '1m' },
      ],
      debounce: 'x',
      hooks: { befor: 1, timeout: 'x' },
      reply: { limitd: 'x' },
      plugins: [{ name: '', policy: { rateLimit: {} } }],
      clock: {},
      stor: 'memory',
    })
    expect(Object.keys(found).sort()).toEqual(
      [
        'clock',
        'debounce',
        'hooks.befor',
        'hooks.timeout',
        'plugins[0].name',
        'plugins[0].policy.rateLimit.limit',
        'plugins[0].policy.rateLimit.window',
        'rateLimit[0].limit',
        'rateLimit[0].window',
        'rateLimit[1].limit',
        'rateLimit[1].limt',
        'reply.limitd',
        'stor',
      ].sort(),
    )
  })

  test('every impossible controller', () => {
    const found = mistakes({ controllers: [Unrouted, Nothing, One, Two, undefined, 5] })
    expect(Object.keys(found)).toEqual(
      expect.arrayContaining([
        'Unrouted.buy',
        'Unrouted.sell',
        'Nothing',
        'controllers[4]',
        'controllers[5]',
      ]),
    )
    expect(found['Unrouted.buy']).toMatch(/no route/)
    expect(found['Nothing']).toMatch(/@Controller/)
    expect(Object.values(found).filter((message) => message.includes("'shared'"))).toHaveLength(1)
  })

  test('options and controllers together', () => {
    const made: string[] = []
    @Controller()
    class Sound {
      constructor() {
        made.push('Sound')
      }
      @Command('x')
      x() {}
    }
    const found = mistakes({ prefix: '', controllers: [Sound, Unrouted, Nothing] })
    expect(Object.keys(found)).toEqual(['prefix', 'Unrouted.buy', 'Unrouted.sell', 'Nothing'])
    expect(made).toEqual([])
  })
})

describe('two buckets of one name', () => {
  test.each([
    ['limit', { limit: 2 }],
    ['window', { window: '2m' }],
    ['algorithm', { algorithm: 'gcra' }],
    ['scope', { scope: 'chat' }],
    ['limit', { limit: () => 1 }],
  ])('with another %s: %p', (rule, over) => {
    const rateLimit = { name: 'x', limit: 1, window: '1m' }
    const found = mistakes({ rateLimit: [rateLimit, { ...rateLimit, ...over }] })
    const [message] = Object.values(found)
    expect(message).toContain("'x'")
    expect(message).toContain(rule)
  })

  test('cost, reply and the rest may differ', () => {
    const rateLimit = { name: 'x', limit: 3, window: '1m' }
    const other = {
      ...rateLimit,
      window: 60_000,
      cost: 2,
      reply: 'x',
      blockFor: '1h',
      shadow: true,
      countRefused: true,
    }
    expect(mistakes({ rateLimit: [rateLimit, other] })).toEqual({})
  })

  test('bot-wide, of a plugin and of a controller', () => {
    const found = mistakes({
      rateLimit: { name: 'shared', limit: 9, window: '1m' },
      plugins: [{ name: 'p', policy: { rateLimit: { name: 'shared', limit: 8, window: '1m' } } }],
      controllers: [One],
    })
    expect(Object.keys(found)).toEqual(['p', 'One.one'])
  })

  test('of guard() and scan()', () => {
    const sentinel = createSentinel({ rateLimit: { name: 'shared', limit: 9, window: '1m' } })
    expect(() => sentinel.scan(One)).toThrow(/'shared'/)
    expect(() => sentinel.guard({ name: 'shared', rateLimit: { limit: 8, window: '1m' } })).toThrow(
      /'shared'/,
    )
    expect(() => sentinel.guard({ name: 'other', rateLimit: { limit: 8, window: '1m' } })).not.toThrow()
  })
})

describe('guard', () => {
  const guard = (policy: unknown) => () => createSentinel().guard(policy as never)

  test.each<[unknown, RegExp]>([
    [undefined, /guard: must be an object/],
    [{ rateLimit: { limit: 1, window: 1 } }, /guard\.name: is required/],
    [{ debounce: '1s' }, /guard\.name: is required/],
    [{ name: '', requireRegistered: true }, /guard\.name/],
    [{ name: 'x', rateLimt: {} }, /did you mean 'rateLimit'/],
    [
      { name: 'x', rateLimit: { limit: 'x', window: 'y' } },
      /guard\.rateLimit\.limit[^]*guard\.rateLimit\.window/,
    ],
  ])('%p', (policy, message) => {
    expect(guard(policy)).toThrow(message)
    expect(guard(policy)).toThrow(SentinelOptionsError)
  })

  test('needs no name for a registration alone', () => {
    expect(guard({ requireRegistered: true })).not.toThrow()
  })
})

test('a URL in a message has no password', () => {
  const store = 'radish://bot:secret@localhost:6379'
  expect(() => createSentinel({ store })).toThrow("not 'radish://…@localhost:6379'")
})

test('bot.use(createSentinel), without the call: the context is no options', () => {
  const context = { update: {}, telegram: {}, botInfo: {} }
  expect(() => createSentinel(context as never)).toThrow('it is bot.use(createSentinel({ … }))')
})

function limited(name: string) {
  @Controller(name)
  @RateLimit(9, '1m')
  class Limited {
    @Command('y')
    y() {}
  }
  return Limited
}

test('two classes of one name do not share their buckets unawares', () => {
  const shop = (name?: string) => {
    @Controller(name)
    class Shop {
      @Command('x')
      @RateLimit(1, '1m')
      buy() {}
    }
    return Shop
  }
  expect(() => createSentinel({ controllers: [shop(), shop()] })).toThrow(
    /^Shop\.buy: two places would share the buckets named 'Shop\.buy'\. Name the classes/,
  )
  expect(() =>
    createSentinel({ rateLimit: { limit: 9, window: '1m' }, controllers: [limited('bot')] }),
  ).toThrow("bot: two places would share the buckets named 'bot'")
  const One = shop()
  expect(() => createSentinel({ controllers: [One, new One(), shop('another')] })).not.toThrow()
})

import {
  Command,
  Controller,
  sentinelOf,
  type HooksOption,
  type SentinelOptions,
  type Verdict,
} from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

const REFUSE_ALL: SentinelOptions = { rateLimit: { limit: () => 0, window: '1m' } }

@Controller()
class Shop {
  static order: string[] = []
  @Command('buy')
  async buy() {
    Shop.order.push('handler')
    await new Promise((resolve) => setImmediate(resolve))
    Shop.order.push('handler done')
  }
}

beforeEach(() => {
  Shop.order = []
})

function recording(order: string[]): HooksOption {
  const note = (name: string) => async (_ctx: unknown, verdict?: Verdict) => {
    await undefined
    order.push(`${name} ${verdict === undefined ? '-' : verdict.allowed}`)
  }
  return { before: note('before'), allowed: note('allowed'), refused: note('refused'), after: note('after') }
}

describe('order', () => {
  test('before, allowed, the handler, after', async () => {
    const { send, updates } = await guarded({ controllers: [Shop], hooks: recording(Shop.order) })
    await send(updates.text('/buy'))
    expect(Shop.order).toEqual(['before -', 'allowed true', 'handler', 'handler done', 'after true'])
  })

  test('before, refused, after', async () => {
    const { send, updates } = await guarded({
      controllers: [Shop],
      ...REFUSE_ALL,
      hooks: recording(Shop.order),
    })
    await send(updates.text('/buy'))
    expect(Shop.order).toEqual(['before -', 'refused false', 'after false'])
  })

  test('the same around what follows the sentinel, and around guard() without it', async () => {
    const order: string[] = []
    const { send, updates } = await guarded(
      { hooks: recording(order) },
      { after: (bot) => bot.use(() => void order.push('handler')) },
    )
    await send(updates.text('hi'))
    expect(order).toEqual(['before -', 'allowed true', 'handler', 'after true'])
  })

  test('arrays run in order, one after another', async () => {
    const order: number[] = []
    const slowly = (n: number) => async () => {
      await new Promise((resolve) => setImmediate(resolve))
      order.push(n)
    }
    const { send, updates } = await guarded({
      hooks: {
        before: [slowly(1), slowly(2)],
        allowed: [slowly(3), slowly(4)],
        after: [slowly(5), slowly(6)],
      },
    })
    await send(updates.text('hi'))
    expect(order).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('`before` gets only the context; the others its verdict', async () => {
    const calls: unknown[][] = []
    const note = (...args: unknown[]) => void calls.push(args)
    const { send, updates, passed } = await guarded({ hooks: { before: note, allowed: note, after: note } })
    await send(updates.text('hi'))
    const [ctx] = passed
    const { verdict } = sentinelOf(ctx)
    expect(calls.map((args) => args.map((arg) => arg === ctx || arg))).toEqual([
      [true],
      [true, verdict],
      [true, verdict],
    ])
  })

  test('exempt and free updates count as allowed; a shadow limit calls no hook of its own', async () => {
    const order: string[] = []
    const { send, updates } = await guarded({ ...REFUSE_ALL, exempt: [7], hooks: recording(order) })
    await send(updates.text('hi', { from: 7 }))
    await send(updates.preCheckoutQuery())
    const whole = ['before -', 'allowed true', 'after true']
    expect(order).toEqual([...whole, ...whole])
  })

  test('once each, though the update passes several guards', async () => {
    const order: string[] = []
    const { send, updates } = await guarded(
      { hooks: recording(order) },
      {
        after: (bot, sentinel) => {
          bot.use(sentinel)
          bot.use(sentinel.guard({ name: 'a', rateLimit: { limit: 5, window: '1m' } }))
          bot.use(sentinel.scan(Shop))
        },
      },
    )
    await send(updates.text('hi'))
    expect(order).toEqual(['before -', 'allowed true', 'after true'])
  })
})

describe('a hook that fails', () => {
  const failures: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('hook')
      },
    ],
    ['rejects', () => Promise.reject(new Error('hook'))],
    ['hangs', () => new Promise(() => undefined)],
    ['rejects too late', () => new Promise((_ok, no) => setTimeout(no, 60, new Error('late')).unref())],
  ]

  describe.each(failures)('%s', (_how, hook) => {
    test.each(['before', 'allowed', 'after'] as const)(
      'as `%s`: a hookError, the update goes on',
      async (stage) => {
        const others: string[] = []
        const { send, updates, types, caught, passed } = await guarded({
          hooks: {
            ...recording(others),
            [stage]: [hook, () => void others.push(`${stage} next`)],
            timeout: 20,
          },
        })
        await send(updates.text('hi'))
        expect(types().sort()).toEqual(['allowed', 'hookError'])
        expect(others).toHaveLength(3)
        expect(others).toContain(`${stage} next`)
        expect(caught).toEqual([])
        expect(passed).toHaveLength(1)
      },
    )

    test('as `refused`: a hookError, the update stays refused and is answered', async () => {
      const { send, updates, types, caught, passed, telegram } = await guarded({
        ...REFUSE_ALL,
        hooks: { refused: hook, timeout: 20 },
      })
      await send(updates.callbackQuery('x'))
      expect(types()).toEqual(['limited', 'hookError'])
      expect(telegram.callsTo('answerCallbackQuery')).toHaveLength(1)
      expect(caught).toEqual([])
      expect(passed).toEqual([])
    })
  })

  test('the timeout is for each', async () => {
    const slow = () => new Promise((resolve) => setTimeout(resolve, 15).unref())
    const keepAlive = setInterval(() => undefined, 1000)
    const { send, updates, types } = await guarded({
      hooks: { before: [slow, slow, slow, slow], timeout: 40 },
    })
    await send(updates.text('hi'))
    clearInterval(keepAlive)
    expect(types()).toEqual(['allowed'])
  })
})

describe('errors of a handler', () => {
  test.each([
    ['an Error', new Error('handler')],
    ['anything else', { not: 'an error' }],
  ])('%s reaches bot.catch untouched, and `after` still runs', async (_what, thrown) => {
    const order: string[] = []
    const { send, updates, caught, types } = await guarded(
      { hooks: recording(order) },
      {
        after: (bot) =>
          bot.use(() => {
            throw thrown
          }),
      },
    )
    await send(updates.text('hi'))
    expect(caught).toHaveLength(1)
    expect(caught[0]).toBe(thrown)
    expect(order).toEqual(['before -', 'allowed true', 'after true'])
    expect(types()).toEqual(['allowed'])
  })

  test('of a controller’s method too', async () => {
    const error = new Error('method')
    @Controller()
    class Broken {
      @Command('x')
      async x() {
        throw error
      }
    }
    const { send, updates, caught } = await guarded({ controllers: [Broken] })
    await send(updates.text('/x'))
    expect(caught).toHaveLength(1)
    expect(caught[0]).toBe(error)
  })
})

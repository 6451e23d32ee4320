import { toError } from '../../lib/errors'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

const hostile: readonly unknown[] = [
  Object.create(null),
  { toString: () => ({}), valueOf: () => ({}) },
  new Proxy(
    {},
    {
      get: () => {
        throw new Error('no')
      },
    },
  ),
  Symbol('s'),
  undefined,
]

test.each(hostile.map((thrown) => [thrown]))('whatever is thrown is an error with a text', (thrown) => {
  expect(typeof toError(thrown).message).toBe('string')
})

test('hooks, listeners and option functions that throw such things change nothing for the bot', async () => {
  for (const thrown of hostile.slice(0, 3)) {
    const fail = (): never => {
      throw thrown
    }
    const bot = await guarded({
      hooks: { before: fail },
      exempt: fail,
      rateLimit: { limit: fail, window: 1 },
    })
    bot.sentinel.on('allowed', async () => fail())
    await bot.send(bot.updates.text('hi'))
    expect(bot.passed).toHaveLength(1)
    expect(bot.caught).toEqual([])
    expect(bot.types().filter((type) => type === 'hookError').length).toBeGreaterThanOrEqual(3)
  }
})

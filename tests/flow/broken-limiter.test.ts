import type { Limiter } from 'telegraf-sentinel'
import { guarded, stopAll, stores } from '../support/guarded'

afterEach(stopAll)

const broken: Limiter = {
  name: 'broken',
  hit() {
    throw new Error('no idea')
  },
}
const rateLimit = [
  { limit: 5, window: '1m', algorithm: broken, name: 'own' },
  { limit: 1, window: '1m', name: 'ours' },
]

describe.each(stores)('an own limiter that throws, %s', (_name, makeStore) => {
  test('costs its own check only: blocks and other limits still decide', async () => {
    const bot = await guarded({ store: makeStore(), rateLimit })
    await bot.sentinel.blocks.add(2)
    for (const from of [1, 1, 2]) await bot.send(bot.updates.text('hi', { from }))
    expect(bot.types()).toEqual([
      'blockAdded',
      'hookError',
      'allowed',
      'hookError',
      'limited',
      'hookError',
      'blocked',
    ])
    expect(bot.events[1]).toMatchObject({
      error: { message: expect.stringContaining("'own' threw: no idea") },
    })
  })

  test("refuses with onStoreError: 'refuse', and nothing is consumed", async () => {
    const bot = await guarded({ store: makeStore(), rateLimit, onStoreError: 'refuse' })
    await bot.send(bot.updates.text('hi', { from: 1 }))
    expect(bot.passed).toEqual([])
    expect(await bot.sentinel.limits.peek('ours', { userId: 1 })).toMatchObject({ remaining: 1 })
  })
})

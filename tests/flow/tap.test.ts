import { Composer } from 'telegraf'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

test('a refusal that something goes on after is answered once', async () => {
  const bot = await guarded(
    { requireRegistered: true },
    {
      before: (telegraf, sentinel) => {
        telegraf.use(Composer.tap(sentinel.guard({})))
        telegraf.use(Composer.tap(sentinel.guard({ name: 'b', rateLimit: { limit: 1, window: '1m' } })))
      },
    },
  )
  await bot.send(bot.updates.callbackQuery('x', { from: 1 }))
  expect(bot.telegram.callsTo('answerCallbackQuery')).toHaveLength(1)
  await bot.send(bot.updates.text('x', { from: 1 }))
  expect(bot.telegram.callsTo('sendMessage')).toHaveLength(1)
  expect(bot.passed).toEqual([])
})

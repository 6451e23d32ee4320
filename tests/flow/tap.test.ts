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

test.each(['tap', 'fork'] as const)(
  'a second mount does not let pass what the first has refused: %s',
  async (how) => {
    const bot = await guarded(
      {},
      { before: (telegram, sentinel) => void telegram.use(Composer[how](sentinel.middleware())) },
    )
    await bot.sentinel.blocks.add(1)
    for (const from of [1, 2]) await bot.send(bot.updates.text('x', { from }))
    expect(bot.passed.map(({ from }) => from?.id)).toEqual([2])
  },
)

test('editing a photo of an album is an act of its own', async () => {
  const bot = await guarded({ rateLimit: { limit: 2, window: '1h' } })
  const [photo] = bot.updates.album(1, { from: 1 })
  await bot.send(photo)
  for (const caption of ['a', 'b', 'c']) {
    const { message } = photo as unknown as { message: object }
    await bot.send(bot.updates.unknownUpdate('edited_message', { ...message, caption }))
  }
  expect(bot.passed).toHaveLength(2)
})

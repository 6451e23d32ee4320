import { FakeTelegram } from 'telegraf-sentinel/testing'
import { createBot } from '../../samples/plain/bot'

test('plain Telegraf: limits, a double tap, and help for everybody', async () => {
  const telegram = await FakeTelegram.start()
  const { bot } = createBot(telegram.token, { telegram: { apiRoot: telegram.apiRoot } })
  void bot.launch()
  await telegram.polled()
  const ann = telegram.user()
  for (let i = 0; i < 25; i++) ann.command('help')
  for (let i = 0; i < 5; i++) ann.command(`buy pen ${i}`)
  await telegram.idle()
  ann.tap('like')
  ann.tap('like')
  await telegram.idle()
  const heard = ann.heard()
  expect(heard.filter((text) => text === '/buy something')).toHaveLength(25)
  expect(heard.filter((text) => text.startsWith('Bought'))).toEqual([
    'Bought: pen 0. That makes 1.',
    'Bought: pen 1. That makes 2.',
    'Bought: pen 2. That makes 3.',
  ])
  const answers = telegram.callsTo('answerCallbackQuery').map(({ params }) => params['text'])
  expect(answers.sort()).toEqual(['Thanks!', undefined])
  bot.stop()
  await telegram.stop()
})

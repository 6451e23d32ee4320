import { FakeTelegram } from 'telegraf-sentinel/testing'
import { createBot } from '../../samples/scenes/bot'

test('scenes: a form, back, cancelled, refused where it stands', async () => {
  const telegram = await FakeTelegram.start()
  const bot = createBot(telegram.token, { telegram: { apiRoot: telegram.apiRoot } })
  void bot.launch()
  await telegram.polled()
  const ann = telegram.user()
  const says = async (...texts: string[]): Promise<string[]> => {
    for (const text of texts) {
      ann.say(text)
      await telegram.idle()
    }
    return ann.heard().splice(-texts.length)
  }
  const [name, where] = ['What is your name?', 'Where shall we send it? (Or "back".)']
  expect(await says('/order', 'Ann', 'back', 'Anna', 'Rome')).toEqual([
    name,
    where,
    name,
    where,
    'It goes to Anna, Rome.',
  ])
  expect(await says('/order', '/cancel')).toEqual([name, 'Cancelled.'])
  expect(await says('/order', 'A', 'back', 'B', 'back', 'C', 'back')).toEqual([
    name,
    where,
    name,
    where,
    name,
    where,
    name,
  ])
  ann.say('D')
  await telegram.waitForCall('sendMessage', ({ params }) => String(params['text']).startsWith('Too fast'))
  ann.say('/cancel')
  await telegram.waitForCall('sendMessage', ({ params }) => params['text'] === 'Cancelled.')
  ann.say('/order')
  await telegram.idle()
  expect(ann.heard().filter((text) => text === name)).toHaveLength(7)
  bot.stop()
  await telegram.stop()
})

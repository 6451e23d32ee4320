import { FakeTelegram } from 'telegraf-sentinel/testing'
import { createBot } from '../../samples/sessions/bot'
import { startRedis } from '../support/servers/redis'

test('sessions: who has paid may ask more, over a restart of the bot', async () => {
  const [telegram, redis] = await Promise.all([FakeTelegram.start(), startRedis()])
  const start = async () => {
    const started = createBot(telegram.token, redis.url, { telegram: { apiRoot: telegram.apiRoot } })
    void started.bot.launch()
    await telegram.polled()
    return started
  }
  const stop = async ({ bot, sentinel }: ReturnType<typeof createBot>): Promise<void> => {
    bot.stop()
    await sentinel.close()
  }
  const ann = telegram.user()
  const says = async (...texts: string[]): Promise<void> => {
    for (const text of texts) {
      ann.say(text)
      await telegram.idle()
    }
  }
  const before = await start()
  await says('/ask', '/ask', '/pay')
  await telegram.waitForCall('sendMessage', ({ params }) => params['text'] === 'Thank you.')
  await stop(before)
  const after = await start()
  await says('/ask', '/ask')
  expect(ann.heard().filter((text) => text.startsWith('Question'))).toEqual([
    'Question 1: let me think…',
    'Question 2: let me think…',
    'Question 3: let me think…',
  ])
  expect(ann.heard()).toContain('That was all for now. /pay?')
  await stop(after)
  await Promise.all([telegram.stop(), redis.stop()])
})

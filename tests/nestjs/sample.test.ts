import { start } from '../../samples/nestjs/app'
import { fakeTelegram, endAll } from './nest'

afterEach(endAll)

test('nestjs: registration, a limit, a wizard whose last message came twice', async () => {
  const telegram = await fakeTelegram()
  const app = await start(telegram.token, { telegram: { apiRoot: telegram.apiRoot } })
  try {
    const ann = telegram.user({ first_name: 'Ann' })
    const command = async (name: string): Promise<void> => {
      ann.command(name)
      await telegram.idle()
    }
    await command('start')
    await command('buy')
    await telegram.waitForCall('sendMessage', ({ params }) => params.text === 'Please /register first.')
    for (const name of ['register', 'buy', 'buy', 'buy', 'buy', 'help', 'checkout']) await command(name)
    await telegram.waitForCall('sendMessage', ({ params }) => String(params.text).startsWith('Too fast.'))
    ann.say('Lake Street 1')
    ann.say('Lake Street 1')
    await telegram.idle()
    const heard = ann.heard().filter((text) => !/^(Too fast|Please)/.test(text))
    expect(heard).toEqual([
      'Welcome! /register, then /buy.',
      'You are registered.',
      'Bought, Ann.',
      'Bought, Ann.',
      'Bought, Ann.',
      '/buy something, then /checkout.',
      'Where to?',
      'On its way to Lake Street 1.',
    ])
  } finally {
    await app.close()
  }
})

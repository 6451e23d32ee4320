import { ManualClock, type FakeTelegram } from 'telegraf-sentinel/testing'
import { createBot } from './bots/aiogram-sentinel.after'
import { album, anonymousAdmins, Ending, says, town } from './town'

// The bot before the move is in Python; docs/moving-from-aiogram-sentinel.md tells what was seen of it in the same scenes.

jest.setTimeout(30_000)

const ending = new Ending()
let clock: ManualClock
let moved: FakeTelegram

beforeEach(async () => {
  clock = new ManualClock()
  moved = await town(ending, (telegram) => {
    const bot = createBot(telegram.token, { telegram: { apiRoot: telegram.apiRoot } }, clock)
    void bot.launch()
    return bot
  })
})
afterEach(() => ending.run())

test("a handler's own limit holds, and it does not hold for another handler", async () => {
  const heard = await says('/buy 1', '/buy 2', '/buy 3', '/buy 4', '/buy 5', 'hello')(moved)
  expect(heard).toEqual(['Bought.', 'Bought.', 'Bought.', expect.stringMatching(/^Too fast/), 'I see.'])
})

test('the bot-wide limit is shared by all handlers, and says nothing', async () => {
  expect(await says(...Array.from({ length: 15 }, (_, n) => `hello ${n}`))(moved)).toEqual(
    Array(10).fill('I see.'),
  )
})

test('the same text twice in a second is dropped, another one is not', async () => {
  expect(await says('a', 'a', 'b')(moved)).toEqual(['I see.', 'I see.'])
})

test('a second tap within two seconds is dropped, its spinner stops', async () => {
  const ann = moved.user()
  for (const wait of [1, 1_300, 1_000]) {
    clock.advance(wait)
    ann.tap('like')
    await moved.idle()
  }
  const answers = moved.callsTo('answerCallbackQuery').map(({ params }) => params['text'])
  expect(answers).toEqual(['Thanks!', undefined, 'Thanks!'])
})

test('a message that a limit refused is not dropped as a repeat when it is sent again', async () => {
  const ann = moved.user()
  for (const n of [1, 2, 3, 4]) {
    ann.command(`buy ${n}`)
    await moved.idle()
  }
  clock.advance('10s')
  ann.command('buy 4')
  await moved.idle()
  expect(ann.heard().filter((text) => text === 'Bought.')).toHaveLength(4)
})

test('anonymous admins count by group', async () => {
  expect(await anonymousAdmins(moved)).toEqual([2, 2])
})

test('photos reach no handler of texts', async () => {
  expect(await album(moved)).toBe(0)
})

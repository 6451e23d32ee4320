import { guarded, stopAll } from '../support/guarded'
import { FaultyStore } from './faulty-store'

afterEach(stopAll)

test('one notice per actor in the window of the limit that refuses', async () => {
  const { send, updates, telegram, clock, told } = await guarded({
    rateLimit: { limit: 1, window: '10s', algorithm: 'fixed-window' },
  })
  const say = (from: number) => send(updates.text('hi', { from }))
  for (const from of [1, 1, 1, 2, 2, 2]) await say(from)
  expect(telegram.calls.map(({ params }) => params.chat_id)).toEqual([1, 2])
  clock.advance('10s')
  for (const from of [1, 1, 1]) await say(from)
  await told()
  expect(telegram.calls.map(({ params }) => params.chat_id)).toEqual([1, 2, 1])
})

test('a hundred at once get one notice', async () => {
  const { send, updates, telegram } = await guarded({ rateLimit: { limit: 3, window: '1m' } })
  await Promise.all(Array.from({ length: 100 }, () => send(updates.text('hi'))))
  expect(telegram.callsTo('sendMessage')).toHaveLength(1)
})

test('one notice per bucket: two limits have one each', async () => {
  const { send, updates, told } = await guarded(
    {},
    {
      after: (bot, sentinel) => {
        bot.command(
          'a',
          sentinel.guard({ name: 'a', rateLimit: { limit: () => 0, window: '1m', reply: 'A' } }),
        )
        bot.command(
          'b',
          sentinel.guard({ name: 'b', rateLimit: { limit: () => 0, window: '1m', reply: 'B' } }),
        )
      },
    },
  )
  for (const text of ['/a', '/b', '/a', '/b']) await send(updates.text(text))
  expect(await told()).toEqual(['A', 'B'])
})

test('unregistered people are told once a minute', async () => {
  const { send, updates, told, clock } = await guarded({ requireRegistered: true })
  for (const wait of [59_999, 1, 60_000]) {
    await send(updates.text('hi'))
    clock.advance(wait)
  }
  expect(await told()).toHaveLength(2)
})

test('a failing store is told of once a minute, remembered in the process', async () => {
  const store = new FaultyStore()
  store.fault = 'reject'
  const { send, updates, telegram, clock, told } = await guarded({ store, onStoreError: 'refuse' })
  for (const from of [1, 1, 2, 2]) await send(updates.text('hi', { from }))
  expect(telegram.calls.map(({ params }) => params.chat_id)).toEqual([1, 2])
  clock.advance('1m')
  await send(updates.text('hi', { from: 1 }))
  await told()
  expect(telegram.calls.map(({ params }) => params.chat_id)).toEqual([1, 2, 1])
})

test('a callback query takes nobody’s notice', async () => {
  const { send, updates, telegram } = await guarded({ rateLimit: { limit: () => 0, window: '1m' } })
  await send(updates.callbackQuery('x'))
  await send(updates.text('hi'))
  expect(telegram.calls.map(({ method }) => method)).toEqual(['answerCallbackQuery', 'sendMessage'])
})

test('a limit with `reply: false` is silent, and leaves the notice to others', async () => {
  const { send, updates, telegram } = await guarded({
    rateLimit: { limit: 1, window: '1m', reply: false },
    reply: { limited: 'Slow.' },
  })
  for (let i = 0; i < 3; i++) await send(updates.text('hi'))
  expect(telegram.calls).toEqual([])
})

test('a shadow limit says nothing', async () => {
  const { send, updates, telegram, types } = await guarded({
    rateLimit: { limit: 1, window: '1m', shadow: true },
  })
  for (let i = 0; i < 2; i++) await send(updates.text('hi'))
  expect(types()).toEqual(['allowed', 'limited', 'allowed'])
  expect(telegram.calls).toEqual([])
})

test('an album is answered once', async () => {
  const { send, updates, telegram } = await guarded({ rateLimit: { limit: () => 0, window: '1m' } })
  for (const update of updates.album(5)) await send(update)
  expect(telegram.callsTo('sendMessage')).toHaveLength(1)
})

/** An `update_id` that was handled is dropped; the mark is a claim that only an allowed update makes. */
import { Command, Controller } from 'telegraf-sentinel'
import { guarded, stopAll, stores } from '../support/guarded'

afterEach(stopAll)

describe.each(stores)('on %s', (_name, store) => {
  test('the same update is handled once, within the time', async () => {
    const { clock, passed, updates, outcomes } = await guarded({ store: store(), deduplicate: '10m' })
    const update = () => updates.text('hello', { update_id: 5 })
    expect(await outcomes(update(), update())).toEqual(['allowed', 'duplicate'])
    clock.advance(599_999)
    expect(await outcomes(update())).toEqual(['duplicate'])
    clock.advance(1)
    expect(await outcomes(update())).toEqual(['allowed'])
    expect(passed).toHaveLength(2)
  })

  test('it is off unless asked for', async () => {
    const { updates, outcomes } = await guarded({ store: store() })
    const update = () => updates.text('hello', { update_id: 5 })
    expect(await outcomes(update(), update())).toEqual(['allowed', 'allowed'])
  })

  test('a duplicate gets no answer of any kind, whatever reply says', async () => {
    const { telegram, updates, outcomes } = await guarded({
      store: store(),
      deduplicate: '10m',
      reply: () => 'refused',
    })
    const tap = () => updates.callbackQuery('x', { update_id: 1 })
    const query = () => updates.inlineQuery('x', { update_id: 2 })
    const text = () => updates.text('x', { update_id: 3 })
    const sent = [tap(), tap(), query(), query(), text(), text()]
    expect((await outcomes(...sent)).filter((outcome) => outcome === 'duplicate')).toHaveLength(3)
    expect(telegram.calls).toEqual([])
  })

  test('a handler that throws keeps the claim', async () => {
    let runs = 0
    @Controller()
    class Shop {
      @Command('buy')
      async buy() {
        runs++
        throw new Error('out of stock')
      }
    }
    const { caught, updates, outcomes } = await guarded({
      store: store(),
      controllers: [Shop],
      deduplicate: '10m',
    })
    const buy = () => updates.text('/buy', { update_id: 5 })
    expect(await outcomes(buy(), buy())).toEqual(['allowed', 'duplicate'])
    expect(runs).toBe(1)
    expect(caught).toMatchObject([{ message: 'out of stock' }])
  })

  test('a refused update makes no claim', async () => {
    const { sentinel, clock, updates, outcomes } = await guarded({
      store: store(),
      deduplicate: '1h',
      requireRegistered: true,
      rateLimit: { limit: 1, window: '10s' },
    })
    const update = (id: number) => updates.text('hello', { update_id: id })
    expect(await outcomes(update(1), update(1))).toEqual(['unregistered', 'unregistered'])
    await sentinel.registrations.add(42)
    await sentinel.blocks.add(42)
    expect(await outcomes(update(1), update(1))).toEqual(['blocked', 'blocked'])
    await sentinel.blocks.remove(42)
    expect(await outcomes(update(1), update(2), update(2))).toEqual(['allowed', 'limited', 'limited'])
    clock.advance('10s')
    expect(await outcomes(update(2), update(2))).toEqual(['allowed', 'duplicate'])
  })

  test('each update is claimed once however many decisions are taken on it', async () => {
    const { updates, outcomes } = await guarded(
      { store: store(), deduplicate: '1h' },
      {
        after: (bot, sentinel) =>
          bot.use(sentinel.guard({ name: 'more', rateLimit: { limit: 9, window: '1h' } })),
      },
    )
    const update = () => updates.text('hello', { update_id: 5 })
    expect(await outcomes(update(), update())).toEqual(['allowed', 'duplicate'])
  })

  test('an update that names nobody is claimed too', async () => {
    const { updates, outcomes } = await guarded({ store: store(), deduplicate: '1h' })
    const [poll, again] = [updates.poll(), updates.poll()]
    expect(await outcomes(poll, { ...poll }, again)).toEqual(['allowed', 'duplicate', 'allowed'])
  })

  test('of the same update in many hands at once, one passes', async () => {
    const { bot, passed, types, updates } = await guarded({ store: store(), deduplicate: '1h' })
    const same = Array.from({ length: 100 }, () => updates.text('hello', { update_id: 5 }))
    await Promise.all(same.map((update) => bot.handleUpdate(update)))
    expect(passed).toHaveLength(1)
    expect(types().filter((type) => type === 'duplicate')).toHaveLength(99)
  })

  test('two processes that share a store handle it once, two bots in that store once each', async () => {
    const shared = store()
    const options = { store: shared, deduplicate: '1h' } as const
    const one = await guarded(options)
    const two = await guarded(options)
    const other = await guarded({ ...options, bot: 'other' })
    expect(await one.outcomes(one.updates.text('x', { update_id: 5 }))).toEqual(['allowed'])
    expect(await two.outcomes(two.updates.text('x', { update_id: 5 }))).toEqual(['duplicate'])
    expect(await other.outcomes(other.updates.text('x', { update_id: 5 }))).toEqual(['allowed'])
  })
})

/** The order of judgement: duplicate, block, registration, debounce, limits; the first that fails names the verdict. */
import type { SentinelOptions } from 'telegraf-sentinel'
import { Command, Controller, Debounce, RateLimit, RequireRegistered } from 'telegraf-sentinel'
import { guarded, stopAll, stores } from '../support/guarded'

afterEach(stopAll)

/** Guards in the reverse of the order of judgement. */
@Controller()
class Shop {
  @Command('buy')
  @RateLimit({ limit: 1, window: '1m', name: 'minute' })
  @RateLimit({ limit: 1, window: '1h', name: 'hour' })
  @Debounce('10s')
  @RequireRegistered()
  async buy() {}
}

/** The same guards the other way round. */
@Controller()
class Reversed {
  @RequireRegistered()
  @Debounce('10s')
  @RateLimit({ limit: 1, window: '1m', name: 'minute' })
  @RateLimit({ limit: 1, window: '1h', name: 'hour' })
  @Command('buy')
  async buy() {}
}

describe.each(stores)('on %s', (_name, store) => {
  describe.each([['Shop', Shop] as const, ['Reversed', Reversed] as const])('%s', (className, controller) => {
    const options = (): SentinelOptions => ({
      store: store(),
      controllers: [controller],
      deduplicate: '1h',
    })

    test('each check gives way to the one before it, and the first that fails names the verdict', async () => {
      const { sentinel, updates, judge } = await guarded(options())
      const buy = (id?: number) => updates.text('/buy', { from: 7, update_id: id })

      await sentinel.registrations.add(7)
      expect(await judge(buy(1000))).toMatchObject({ allowed: true })

      // Debounce and both limits fail: the debounce is first. With another text only the limits fail.
      expect(await judge(buy())).toMatchObject({ reason: 'debounced', name: `${className}.buy` })
      const other = await judge(updates.text('/buy two', { from: 7 }))
      expect(other).toMatchObject({ reason: 'limited', name: 'minute' })

      await sentinel.registrations.remove(7)
      const unregistered = await judge(buy())
      expect(unregistered).toMatchObject({ allowed: false, reason: 'unregistered' })
      expect(unregistered).not.toHaveProperty('name')

      await sentinel.blocks.add(7)
      const blocked = await judge(buy())
      expect(blocked).toMatchObject({ allowed: false, reason: 'blocked' })
      expect(blocked).not.toHaveProperty('name')

      expect(await judge(buy(1000))).toMatchObject({ allowed: false, reason: 'duplicate' })
    })

    test('limits are named in the order of the source', async () => {
      const { sentinel, clock, updates, judge } = await guarded(options())
      await sentinel.registrations.add(7)
      await judge(updates.text('/buy', { from: 7 }))
      clock.advance('1m')
      const verdict = await judge(updates.text('/buy', { from: 7 }))
      expect(verdict).toMatchObject({ reason: 'limited', name: 'hour', retryAfter: 3_540_000 })
      expect(verdict.limits.map(({ name }) => name)).toEqual(['minute', 'hour'])
    })
  })

  test('bot-wide limits are named before those of the class, and these before those of the method', async () => {
    @Controller()
    @RateLimit(1, '1s')
    class Levels {
      @Command('a')
      @RateLimit(1, '1s')
      async a() {}
    }
    const { updates, judge } = await guarded({
      store: store(),
      controllers: [Levels],
      rateLimit: { limit: 1, window: '1s' },
    })
    const allowed = await judge(updates.text('/a'))
    expect(allowed.limits.map(({ name }) => name)).toEqual(['bot', 'Levels', 'Levels.a'])
    expect(await judge(updates.text('/a'))).toMatchObject({ reason: 'limited', name: 'bot' })
  })

  test('every refusal is one event of its reason, an allowed update one allowed event', async () => {
    const { sentinel, events, updates, send, types } = await guarded({
      store: store(),
      controllers: [Shop],
      deduplicate: '1h',
    })
    await sentinel.registrations.add(7)
    await sentinel.blocks.add(8)
    events.length = 0
    await send(updates.text('/buy', { from: 7, update_id: 500 }))
    await send(updates.text('/buy', { from: 7, update_id: 500 }))
    await send(updates.text('/buy', { from: 8 }))
    await send(updates.text('/buy', { from: 9 }))
    await send(updates.text('/buy', { from: 7 }))
    await send(updates.text('/buy 2', { from: 7 }))
    expect(types()).toEqual(['allowed', 'duplicate', 'blocked', 'unregistered', 'debounced', 'limited'])
    expect(events.map((event) => 'subject' in event && event.subject?.actor)).toEqual([7, 7, 8, 9, 7, 7])
  })
})

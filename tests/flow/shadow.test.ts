/** A shadow limit judges and counts as always, and lets everything pass. */
import { guarded, stopAll, stores } from '../support/guarded'

afterEach(stopAll)

describe.each(stores)('on %s', (_name, store) => {
  test('an update above it gets its allowed event, and the limit its own limited event', async () => {
    const { telegram, clock, events, passed, types, updates, judge } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '1m', shadow: true, blockFor: '1h', reply: 'never said' },
    })
    await judge(updates.text('hello'))
    clock.advance('10s')
    const verdict = await judge(updates.text('hello'))
    expect(verdict).toMatchObject({ allowed: true })
    expect(passed).toHaveLength(2)
    expect(types().sort()).toEqual(['allowed', 'allowed', 'limited'])
    const limited = events.filter(({ type }) => type === 'limited')
    expect(limited).toMatchObject([
      {
        shadow: true,
        at: clock.now(),
        subject: { actor: 42 },
        verdict: { allowed: false, reason: 'limited', name: 'bot', retryAfter: 50_000 },
      },
    ])
    expect(events.filter(({ type }) => type === 'allowed').some((event) => 'shadow' in event)).toBe(false)
    expect(telegram.calls).toEqual([])
  })

  test('it blocks nobody, answers nobody and calls no refused hook', async () => {
    const called: string[] = []
    const { telegram, sentinel, updates, outcomes } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '1m', shadow: true, blockFor: '1h' },
      hooks: {
        allowed: () => void called.push('allowed'),
        refused: () => void called.push('refused'),
      },
    })
    const tap = () => updates.callbackQuery('x')
    expect(await outcomes(tap(), tap(), tap())).toEqual(['allowed', 'allowed', 'allowed'])
    expect(called).toEqual(['allowed', 'allowed', 'allowed'])
    expect(await sentinel.blocks.get(42)).toBeUndefined()
    expect(telegram.calls).toEqual([])
  })

  test('it counts what it would let pass, and nothing else, as if it were in force', async () => {
    const real = await guarded({ store: store(), reply: false, rateLimit: { limit: 3, window: '10s' } })
    const tried = await guarded({
      store: store(),
      reply: false,
      rateLimit: { limit: 3, window: '10s', shadow: true },
    })
    for (let i = 0; i < 30; i++) {
      for (const bot of [real, tried]) {
        await bot.send(bot.updates.text('hello'))
        bot.clock.advance('1s')
      }
      expect(await tried.sentinel.limits.peek('bot', { userId: 42 })).toEqual(
        await real.sentinel.limits.peek('bot', { userId: 42 }),
      )
    }
    const refusals = (types: string[]) => types.filter((type) => type === 'limited').length
    expect(refusals(tried.types())).toBe(refusals(real.types()))
    expect(refusals(real.types())).toBe(21)
  })

  test('with countRefused it counts its refusals as if it were in force', async () => {
    const { clock, sentinel, updates, send } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '10s', shadow: true, countRefused: true },
    })
    await send(updates.text('hello'))
    clock.advance('9s')
    await send(updates.text('hello'))
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ resetAfter: 10_000 })
  })

  test('it loses nothing to an update that a real limit refuses, and does not soften that one', async () => {
    const { events, sentinel, updates, outcomes } = await guarded({
      store: store(),
      rateLimit: [
        { limit: 5, window: '1m', shadow: true, name: 'tried' },
        { limit: 1, window: '1m', name: 'real' },
      ],
    })
    const hello = () => updates.text('hello')
    expect(await outcomes(hello(), hello(), hello())).toEqual(['allowed', 'limited', 'limited'])
    expect(await sentinel.limits.peek('tried', { userId: 42 })).toMatchObject({ remaining: 4 })
    expect(events.some((event) => 'shadow' in event)).toBe(false)
  })

  test('it blocks nobody when a real limit refuses beside it', async () => {
    const { sentinel, updates, outcomes } = await guarded({
      store: store(),
      rateLimit: [
        { limit: 1, window: '1m', shadow: true, blockFor: '1h', name: 'tried' },
        { limit: 1, window: '1m', name: 'real' },
      ],
    })
    expect(await outcomes(updates.text('hello'), updates.text('hello'))).toEqual(['allowed', 'limited'])
    expect(await sentinel.blocks.get(42)).toBeUndefined()
  })

  test('it is silent behind a block', async () => {
    const { events, sentinel, updates, outcomes } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '1m', shadow: true },
    })
    expect(await outcomes(updates.text('hello'))).toEqual(['allowed'])
    await sentinel.blocks.add(42, { for: '1s' })
    expect(await outcomes(updates.text('hello'))).toEqual(['blocked'])
    expect(events.some((event) => 'shadow' in event)).toBe(false)
  })
})

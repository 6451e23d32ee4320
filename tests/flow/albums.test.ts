/** An album is one message: it costs each bucket once, and each bucket lets all of it pass or none. */
import fc from 'fast-check'
import { Controller, Debounce, On, RateLimit } from 'telegraf-sentinel'
import { message } from 'telegraf/filters'
import { guarded, stopAll, stores } from '../support/guarded'
import { algorithm } from './traces'

afterEach(stopAll)

const all = (outcome: string, count: number): string[] => Array<string>(count).fill(outcome)

describe.each(stores)('on %s', (_name, store) => {
  test('ten photos cost each bucket once', async () => {
    @Controller()
    @RateLimit(5, '1h')
    class Gallery {
      @On(message('photo'))
      @RateLimit({ limit: 5, window: '1h', cost: 2 })
      async show() {}
    }
    const { sentinel, updates, outcomes } = await guarded({ store: store(), controllers: [Gallery] })
    expect(await outcomes(...updates.album(10))).toEqual(all('allowed', 10))
    expect(await sentinel.limits.peek('Gallery', { userId: 42 })).toMatchObject({ remaining: 4 })
    expect(await sentinel.limits.peek('Gallery.show', { userId: 42 })).toMatchObject({ remaining: 3 })
  })

  test('whatever the algorithm and however full the bucket is, all of an album pass or none', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc
        .asyncProperty(
          algorithm,
          fc.integer({ min: 1, max: 3 }),
          fc.array(fc.tuple(fc.integer({ min: 2, max: 10 }), fc.integer({ min: 1, max: 9000 })), {
            minLength: 1,
            maxLength: 6,
          }),
          fc.boolean(),
          async (name, limit, albums, countRefused) => {
            const { clock, updates, outcomes } = await guarded({
              store: store(),
              reply: false,
              rateLimit: { limit, window: '10s', algorithm: name, countRefused },
            })
            for (const [size, wait] of albums) {
              const [first, ...photos] = updates.album(size)
              const [outcome] = await outcomes(first)
              seen.add(outcome)
              // Photos that Telegram delivers late still belong to it.
              clock.advance(wait)
              expect(await outcomes(...photos)).toEqual(all(outcome, photos.length))
            }
          },
        )
        .afterEach(stopAll),
      { numRuns: 60 },
    )
    expect(seen).toEqual(new Set(['allowed', 'limited']))
  })

  test('all photos of one album at once, as one poll brings them', async () => {
    const { bot, passed, updates, types } = await guarded({
      store: store(),
      reply: false,
      rateLimit: { limit: 2, window: '1h' },
    })
    for (let i = 0; i < 3; i++) {
      await Promise.all(updates.album(10).map((update) => bot.handleUpdate(update)))
    }
    expect(passed).toHaveLength(20)
    expect(types().filter((type) => type === 'limited')).toHaveLength(10)
  })

  test('an outcome is remembered for a minute', async () => {
    const { clock, updates, outcomes } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '1h' },
    })
    const [first, second, third] = updates.album(3)
    expect(await outcomes(first)).toEqual(['allowed'])
    clock.advance(59_999)
    expect(await outcomes(second)).toEqual(['allowed'])
    clock.advance(1)
    expect(await outcomes(third)).toEqual(['limited'])
  })

  test('retryAfter of a refused photo is when the album is forgotten, or later if the limit says so', async () => {
    const { clock, updates, refused, judge } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '10s' },
    })
    await judge(updates.text('hello'))
    const photos = updates.album(5)
    // The limit alone would let it pass in ten seconds, but none of this album passes.
    expect(await refused(photos[0])).toMatchObject({ retryAfter: 60_000 })
    clock.advance('20s')
    expect(await refused(photos[1])).toMatchObject({ reason: 'limited', retryAfter: 40_000 })
    clock.advance(39_999)
    expect(await refused(photos[2])).toMatchObject({ retryAfter: 1 })
    clock.advance(1)
    expect(await judge(photos[3])).toMatchObject({ allowed: true })
    expect(await judge(photos[4])).toMatchObject({ allowed: true })
  })

  test('retryAfter of a limit that outlasts the memory', async () => {
    const { clock, updates, refused, judge } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '10m' },
    })
    await judge(updates.text('hello'))
    const photos = updates.album(3)
    expect(await refused(photos[0])).toMatchObject({ retryAfter: 600_000 })
    clock.advance('9m')
    expect(await refused(photos[1])).toMatchObject({ retryAfter: 60_000 })
    clock.advance('1m')
    expect(await judge(photos[2])).toMatchObject({ allowed: true })
  })

  test('a block leaves no memory of the album in any bucket', async () => {
    const { clock, sentinel, updates, judge, refused } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '10s' },
    })
    await judge(updates.text('hello'))
    await sentinel.blocks.add(42, { for: '5s' })
    const [first, second] = updates.album(2)
    expect(await refused(first)).toMatchObject({ reason: 'blocked', retryAfter: 10_000 })
    clock.advance('10s')
    expect(await judge(second)).toMatchObject({ allowed: true })
  })

  test('one refused by one bucket consumes nothing of another', async () => {
    const { sentinel, updates, outcomes } = await guarded({
      store: store(),
      rateLimit: [
        { limit: 5, window: '1h', name: 'wide' },
        { limit: 1, window: '1h', name: 'narrow' },
      ],
    })
    expect(await outcomes(updates.text('hello'), ...updates.album(4))).toEqual([
      'allowed',
      ...all('limited', 4),
    ])
    expect(await sentinel.limits.peek('wide', { userId: 42 })).toMatchObject({ remaining: 4 })
  })

  test('countRefused counts a refused album once', async () => {
    const { clock, sentinel, updates, outcomes } = await guarded({
      store: store(),
      rateLimit: { limit: 2, window: '10s', countRefused: true },
    })
    expect(await outcomes(updates.text('a'), updates.text('b'))).toEqual(['allowed', 'allowed'])
    clock.advance('9s')
    expect(await outcomes(...updates.album(4))).toEqual(all('limited', 4))
    clock.advance('1s')
    expect(await sentinel.limits.peek('bot', { userId: 42 })).toMatchObject({ remaining: 1 })
  })

  test('it is one message for a debounce too', async () => {
    @Controller()
    class Gallery {
      @On(message('photo'))
      @Debounce({ window: '10s', fingerprint: () => 'a photo' })
      async show() {}
    }
    const { clock, updates, outcomes, refused } = await guarded({ store: store(), controllers: [Gallery] })
    expect(await outcomes(...updates.album(4))).toEqual(all('allowed', 4))
    const repeat = updates.album(3)
    expect(await outcomes(repeat[0])).toEqual(['debounced'])
    clock.advance('10s')
    // The mark is gone, the rest of that album is still refused.
    expect(await refused(repeat[1])).toMatchObject({ reason: 'debounced', retryAfter: 50_000 })
    expect(await outcomes(...updates.album(2))).toEqual(all('allowed', 2))
  })

  test('an album of the same photos sent again is dropped whole', async () => {
    const { updates, outcomes } = await guarded({ store: store(), debounce: '10s' })
    const photos = updates.album(3)
    const copies = photos.map(({ message: { photo } }) => updates.message({ photo, media_group_id: 'again' }))
    expect(await outcomes(...photos, ...copies)).toEqual([...all('allowed', 3), ...all('debounced', 3)])
  })

  test('two actors with the same media group are two albums', async () => {
    const { updates, outcomes } = await guarded({ store: store(), rateLimit: { limit: 1, window: '1h' } })
    const photo = (from: number) => updates.message({ photo: [], media_group_id: 'same' }, { from })
    expect(await outcomes(photo(1), updates.text('x', { from: 2 }), photo(2), photo(1))).toEqual([
      'allowed',
      'allowed',
      'limited',
      'allowed',
    ])
  })

  test('one reply for a refused album', async () => {
    const { telegram, updates, outcomes } = await guarded({
      store: store(),
      rateLimit: { limit: 1, window: '10s' },
    })
    await outcomes(updates.text('hello'), ...updates.album(10))
    expect(telegram.texts(42)).toHaveLength(1)
  })
})

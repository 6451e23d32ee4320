import { Command, Controller, RateLimit, RequireRegistered, type SentinelOptions } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

const REFUSE_ALL: SentinelOptions = { rateLimit: { limit: () => 0, window: '1m' } }
const from = (language_code: string | undefined) => ({ id: 42, language_code })

/** What a refused message is told. */
async function told(options: SentinelOptions, language?: string): Promise<string[]> {
  const { send, updates, telegram } = await guarded({ ...REFUSE_ALL, ...options })
  await send(updates.text('hi', { from: from(language) }))
  return telegram.texts()
}

describe('by language', () => {
  const limited = { en: 'Slow', pt: 'Calma', 'pt-BR': 'Calma aí', de: 'Langsam' }

  test.each([
    ['de', 'Langsam'],
    ['pt-br', 'Calma aí'],
    ['PT-BR', 'Calma aí'],
    ['pt-pt', 'Calma'],
    ['de-at', 'Langsam'],
    ['fr', 'Slow'],
    [undefined, 'Slow'],
    ['__proto__', 'Slow'],
    ['constructor', 'Slow'],
    ['', 'Slow'],
  ])('%p hears %p', async (language, text) => {
    expect(await told({ reply: { limited } }, language)).toEqual([text])
  })

  test('without the language and without English, the default text', async () => {
    expect(await told({ reply: { limited: { de: 'Langsam' } } }, 'fr')).toEqual(await told({}, 'fr'))
  })

  test('a blocked user for whose language there is no text hears nothing', async () => {
    const { send, updates, telegram, sentinel } = await guarded({ reply: { blocked: { de: 'Gesperrt' } } })
    await sentinel.blocks.add(42)
    await send(updates.text('hi', { from: from('fr') }))
    expect(telegram.texts()).toEqual([])
  })

  test('callback queries speak it too', async () => {
    const { send, updates, telegram } = await guarded({ ...REFUSE_ALL, reply: { limited } })
    await send(updates.callbackQuery('x', { from: from('de') }))
    expect(telegram.calls[0].params.text).toBe('Langsam')
  })
})

describe('by reason', () => {
  test('a text for one reason leaves the others as they are', async () => {
    const { send, updates, telegram } = await guarded({
      requireRegistered: true,
      reply: { limited: 'Slow', unregistered: 'Who are you?' },
    })
    await send(updates.text('hi'))
    expect(telegram.texts()).toEqual(['Who are you?'])
    expect(await told({ reply: { unregistered: 'Who are you?' } })).toEqual(await told({}))
  })

  test('one reason may be silent', async () => {
    expect(await told({ reply: { limited: false } })).toEqual([])
  })

  test('one function for all reasons gets the context and the verdict', async () => {
    const { send, updates, told, sentinel } = await guarded({
      rateLimit: { limit: 1, window: '10s' },
      reply: (ctx, { reason, retryAfter, name }) => `${ctx.from?.id} ${reason} ${retryAfter} ${name}`,
    })
    await send(updates.text('a'))
    await send(updates.text('b'))
    await sentinel.blocks.add(42, { for: '1h' })
    await send(updates.text('c'))
    expect(await told()).toEqual(['42 limited 10000 bot', '42 blocked 3600000 undefined'])
  })

  test('a function that gives no text is silent', async () => {
    expect(await told({ reply: () => undefined })).toEqual([])
    expect(await told({ reply: { limited: () => undefined } })).toEqual([])
  })
})

describe('the default texts', () => {
  test('say how long to wait', async () => {
    const { send, updates, telegram } = await guarded({ rateLimit: { limit: 1, window: '90s' } })
    await send(updates.text('a'))
    await send(updates.text('b'))
    expect(telegram.texts()).toEqual([expect.stringMatching(/\b90 seconds\b/)])
  })

  test('promise nothing where no wait helps', async () => {
    const [text] = await told({})
    expect(text).toMatch(/\w/)
    expect(text).not.toMatch(/\d|undefined|NaN|Infinity/)
  })
})

describe('a reply of its own', () => {
  @Controller()
  class Shop {
    @Command('buy')
    @RateLimit({ limit: () => 0, window: '1m', reply: { en: 'One at a time', de: 'Eins nach dem anderen' } })
    buy() {}

    @Command('sell')
    @RateLimit({ limit: () => 0, window: '1m', reply: (_ctx, { name }) => `No ${name}` })
    sell() {}

    @Command('club')
    @RequireRegistered({ reply: 'Members only' })
    club() {}

    @Command('quiet')
    @RateLimit({ limit: () => 0, window: '1m', reply: false })
    quiet() {}

    @Command('plain')
    @RateLimit({ limit: () => 0, window: '1m' })
    plain() {}
  }

  test.each([
    ['/buy', 'en', ['One at a time']],
    ['/buy', 'de-ch', ['Eins nach dem anderen']],
    ['/sell', 'en', ['No Shop.sell']],
    ['/club', 'en', ['Members only']],
    ['/quiet', 'en', []],
    ['/plain', 'en', ['General']],
  ])('%s in %s', async (text, language, expected) => {
    const { send, updates, telegram } = await guarded({ controllers: [Shop], reply: () => 'General' })
    await send(updates.text(text, { from: from(language) }))
    expect(telegram.texts()).toEqual(expected)
  })

  test('wins over `reply: false`', async () => {
    const { send, updates, told } = await guarded({ controllers: [Shop], reply: false })
    for (const text of ['/plain', '/buy', '/club']) await send(updates.text(text))
    expect(await told()).toEqual(['One at a time', 'Members only'])
  })

  test('bot-wide too', async () => {
    const required = await guarded({ requireRegistered: { reply: 'Register!' } })
    await required.send(required.updates.text('hi'))
    expect(required.telegram.texts()).toEqual(['Register!'])
    expect(await told({ rateLimit: { limit: () => 0, window: '1m', reply: 'Own' } })).toEqual(['Own'])
  })

  test('the method’s @RequireRegistered answers before the bot’s', async () => {
    const { send, updates, telegram } = await guarded({
      controllers: [Shop],
      requireRegistered: { reply: 'Register!' },
    })
    await send(updates.text('/club'))
    expect(telegram.texts()).toEqual(['Members only'])
  })
})

test('a long text is cut to what a callback query can show', async () => {
  const { send, updates, telegram } = await guarded({ ...REFUSE_ALL, reply: () => 'x'.repeat(500) })
  await send(updates.callbackQuery('x'))
  expect(telegram.calls[0].params.text).toBe('x'.repeat(200))
})

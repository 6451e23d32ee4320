import fc from 'fast-check'
import { Action, Command, Controller, createSentinel, Hears, On, RateLimit, Use } from 'telegraf-sentinel'
import { ManualClock, createUpdates, updateKinds } from 'telegraf-sentinel/testing'
import { Telegraf } from 'telegraf'
import type { Update } from 'telegraf/types'
import { EVENT_NAMES } from '../../lib/events'
import { MapStore } from '../support/map-store'

const RUNS = 1_000

@Controller()
@RateLimit(5, '1m')
class Everything {
  @Use()
  async pass(_ctx: unknown, next: () => Promise<void>) {
    await next()
  }

  @Command(['buy', /^sell_(\d+)$/])
  @RateLimit({ limit: 3, window: '10s', scope: 'member' })
  async buy(_ctx: unknown, next: () => Promise<void>) {
    await next()
  }

  @Hears([/h(.)llo/, 'data'])
  @Action([/d(.*)a/, 'x'])
  async hears(_ctx: unknown, next: () => Promise<void>) {
    await next()
  }

  @On('message')
  async message(_ctx: unknown, next: () => Promise<void>) {
    await next()
  }
}

const NASTY = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'then',
  'toJSON',
  '',
  '\u0000',
  '💥\ud800',
]
const FIELDS = [
  'from user chat sender_chat actor_chat voter_chat message data query text caption entities photo sticker id',
  'media_group_id message_id date boost source migrate_to_chat_id new_chat_member successful_payment',
  'reply_to_message inline_message_id game_short_name poll_id language_code update_id',
]
  .join(' ')
  .split(' ')

const junk = fc.oneof(
  fc.constantFrom(null, undefined, NaN, Infinity, -0, 2 ** 60, 1.5, '', 'x'.repeat(100_000), true, []),
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.constantFrom(...NASTY),
)

/** Payloads as deep as Telegram's, with the right names and the wrong things under them. */
const { payload } = fc.letrec<{ payload: unknown; node: unknown }>((tie) => ({
  payload: fc.dictionary(fc.constantFrom(...FIELDS, ...NASTY), tie('node'), {
    maxKeys: 8,
    noNullPrototype: false,
  }),
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    junk,
    fc.array(tie('node'), { maxLength: 3 }),
    tie('payload'),
  ),
}))

const KINDS = [...new Set(updateKinds.map(({ type }) => type)), ...NASTY, 'future_thing']
const made: fc.Arbitrary<object> = fc
  .tuple(
    fc.dictionary(fc.constantFrom(...KINDS), fc.oneof(payload, junk), { maxKeys: 3, noNullPrototype: false }),
    fc.oneof(fc.record({ update_id: fc.nat() }), fc.record({ update_id: junk }), fc.constant({})),
  )
  .map(([kinds, id]) => ({ ...kinds, ...id }))

/** A right update with one thing in it replaced. */
const bent: fc.Arbitrary<object> = fc
  .tuple(fc.constantFrom(...updateKinds), fc.constantFrom(...FIELDS), fc.oneof(junk, payload))
  .map(([{ build }, field, value]) => {
    const update = build(createUpdates())
    return JSON.parse(JSON.stringify(update), function (this: object, key: string, kept: unknown) {
      return key === field ? value : kept
    }) as object
  })

/** Silent towards Telegram: nothing listens there. */
function botWith(store: MapStore | 'memory', caught: unknown[]) {
  const bot = new Telegraf('123456:TEST', { telegram: { apiRoot: 'http://127.0.0.1:9' } })
  bot.botInfo = { id: 123456, is_bot: true, first_name: 'Bot', username: 'test_bot' } as typeof bot.botInfo
  bot.catch((error) => void caught.push(error))
  const sentinel = createSentinel({
    store,
    clock: new ManualClock(),
    controllers: [Everything],
    rateLimit: [
      { limit: 10, window: '1m', reply: false },
      { name: 'chat', limit: 50, window: '1m', scope: 'chat', algorithm: 'gcra' },
      { name: 'all', limit: 900, window: '1h', scope: 'global', algorithm: 'fixed-window' },
    ],
    debounce: '1m',
    requireRegistered: true,
    registration: { resolve: async () => ({ known: true }) },
    deduplicate: '1h',
    exempt: [99],
    reply: false,
  })
  bot.use(sentinel)
  return { bot, sentinel }
}

describe.each(['memory', 'map'] as const)('on the %s store', (kind) => {
  test(`${RUNS} random and malformed updates disturb nothing`, async () => {
    const caught: unknown[] = []
    const { bot, sentinel } = botWith(kind === 'memory' ? 'memory' : new MapStore(), caught)
    const broken: unknown[] = []
    for (const name of ['hookError', 'storeError'] as const)
      sentinel.on(name, (event) => void broken.push(event.error))
    let told = 0
    for (const name of EVENT_NAMES.slice(0, 7)) sentinel.on(name, () => void told++)
    await fc.assert(
      fc.asyncProperty(fc.oneof(made, bent), async (update) => {
        told = caught.length = broken.length = 0
        await bot.handleUpdate(update as Update)
        // Every update has exactly one outcome, and none is anybody's fault.
        expect({ caught, broken, told }).toEqual({ caught: [], broken: [], told: 1 })
      }),
      { numRuns: RUNS },
    )
  })
})

test('a sender is found behind whatever else is wrong with the update', async () => {
  const caught: unknown[] = []
  const { bot, sentinel } = botWith('memory', caught)
  await sentinel.blocks.add(7)
  const reasons: string[] = []
  for (const name of EVENT_NAMES) sentinel.on(name, (event) => void reasons.push(event.type))
  const from = { id: 7 }
  const bad = [
    { message: { from } },
    { update_id: 'x', message: { from, chat: null, entities: 'no', text: 5 } },
    { update_id: {}, message: { from, sender_chat: null } },
    { update_id: [], callback_query: { from, message: 3 } },
    { update_id: 1, extra: null, inline_query: { from, query: {} } },
    { update_id: 2, __proto__: null, future_thing: { from, chat: [] } },
  ]
  for (const update of bad) await bot.handleUpdate(update as unknown as Update)
  expect(reasons.filter((reason) => reason !== 'replyError')).toEqual(bad.map(() => 'blocked'))
  expect(caught).toEqual([])
})

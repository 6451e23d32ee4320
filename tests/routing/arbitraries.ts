/** Random routes and random updates, few enough words that they often meet. */
import fc from 'fast-check'
import { allOf, anyOf, callbackQuery, channelPost, message } from 'telegraf/filters'
import type { Filter, Listener, ReactionTrigger, Trigger } from '../../lib/routing/route'

const WORDS = ['buy', 'sell', 'start', 'help', 'settings', 'a.b', 'x+(y)', '', 'Buy', 'buy now', 'é\n$']
const EMOJI = ['👍', '👎', '🔥']

const word = fc.constantFrom(...WORDS)
const name = fc.constantFrom(...WORDS.filter((text) => text !== ''))

/** Every trigger function here takes any value: what a trigger makes of nonsense is its own business. */
const trigger: fc.Arbitrary<Trigger> = fc.oneof(
  { weight: 4, arbitrary: name },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Trigger>(
      /^b/,
      /(u)(?<rest>.*)/,
      /s/g,
      /./y,
      /^$/,
      (value) => /^(s.*)$/.exec(value),
      (value, ctx) => (ctx.update.update_id % 2 === 0 ? [value] : null),
      () => null,
    ),
  },
)

const triggers = fc.array(trigger, { minLength: 1, maxLength: 3 })

const filter = fc.constantFrom<Filter>(
  'message',
  'callback_query',
  'text',
  'sticker',
  'edited_message',
  'message_reaction',
  message('text'),
  message('sticker', 'photo'),
  callbackQuery('data'),
  channelPost(),
  anyOf(message('photo'), callbackQuery('game_short_name')),
  allOf(message('text'), message('entities')),
  (update) => update.update_id > 1,
)

const reaction = fc.constantFrom<ReactionTrigger>(
  ...(EMOJI as ReactionTrigger[]),
  '-👍',
  '-👎',
  '55',
  '-55',
  { type: 'emoji', emoji: '👍' },
  { type: 'custom_emoji', custom_emoji_id: '55' },
)

export const listener: fc.Arbitrary<Listener> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('command' as const), triggers }) },
  fc.constant<Listener>({ kind: 'start', triggers: ['start'] }),
  fc.record({ kind: fc.constantFrom('hears' as const, 'action' as const, 'inlineQuery' as const), triggers }),
  fc.record({ kind: fc.constantFrom('hears' as const, 'action' as const), triggers }),
  fc.record({ kind: fc.constant('on' as const), filters: fc.array(filter, { minLength: 1, maxLength: 2 }) }),
  fc.record({
    kind: fc.constant('reaction' as const),
    reactions: fc.array(reaction, { minLength: 1, maxLength: 2 }),
  }),
  fc.constantFrom<Listener>({ kind: 'gameQuery' }, { kind: 'use' }),
)

const payload = fc
  .array(fc.constantFrom('a', 'b c', ' ', '"', "'", '\\', '\n', 'wörd', '🔥'), { maxLength: 6 })
  .map((parts) => parts.join(''))

const link = fc.record({
  type: fc.constantFrom('text_link', 'text_mention', 'bold'),
  offset: fc.nat(14),
  length: fc.nat(4),
})

const command = fc
  .record({
    slash: fc.constantFrom('/', '/', '/', ''),
    word,
    at: fc.constantFrom('', '', '@MyBot', '@mybot', '@other', '@', '@mybot@x'),
    payload,
    links: fc.array(link, { maxLength: 2 }),
    wrong: fc.constantFrom(0, 0, 0, 1, -1),
  })
  .map(({ slash, word: text, at, payload: rest, links, wrong }) => ({
    text: `${slash}${text}${at}${rest === '' ? '' : ` ${rest}`}`,
    entities: [{ type: 'bot_command', offset: 0, length: 1 + text.length + at.length + wrong }, ...links],
  }))

const chat = { id: 5, type: 'private' }
const body = fc.oneof(
  { weight: 3, arbitrary: command },
  word.map((text) => ({ text })),
  word.map((text) => ({ text, entities: [{ type: 'bold', offset: 0, length: 1 }] })),
  word.map((caption) => ({ caption, photo: [] })),
  fc.constantFrom({ sticker: { file_id: 's' } }, { caption: undefined, text: 'buy' }, {}),
)
const anyMessage = body.map((content) => ({ message_id: 1, date: 1, chat, ...content }))

const given = fc.array(
  fc.oneof(
    fc.constantFrom(...EMOJI).map((emoji) => ({ type: 'emoji', emoji })),
    fc.constantFrom({ type: 'custom_emoji', custom_emoji_id: '55' }, { type: 'paid' }),
  ),
  { maxLength: 3 },
)

const content: fc.Arbitrary<object> = fc.oneof(
  { weight: 4, arbitrary: anyMessage.map((value) => ({ message: value })) },
  anyMessage.map((value) => ({ channel_post: value })),
  anyMessage.map((value) => ({ edited_message: value })),
  fc.record({ data: word }).map((query) => ({ callback_query: { id: 'q', ...query } })),
  fc.constant({ callback_query: { id: 'q', game_short_name: 'buy' } }),
  word.map((query) => ({ inline_query: { id: 'i', query } })),
  fc.record({ old_reaction: given, new_reaction: given }).map((change) => ({ message_reaction: change })),
  fc.constantFrom({ poll: { id: 'p' } }, {}),
)

export const plausible: fc.Arbitrary<object> = fc
  .tuple(fc.nat(3), content)
  .map(([update_id, rest]) => ({ update_id, ...rest }))

const junk = fc.constantFrom<unknown>(null, undefined, 7, 'buy', '', true, [], {}, ['buy'], { 0: null }, [
  null,
])

/** An update of which some parts are not what Telegram would send. */
export const malformed: fc.Arbitrary<object> = fc
  .tuple(plausible, plausible, fc.array(fc.tuple(fc.nat(40), junk), { minLength: 1, maxLength: 3 }))
  .map(([one, other, wounds]) => {
    const update = structuredClone({ ...other, ...one }) as Record<string, unknown>
    for (const [where, value] of wounds) {
      const slots = slotsOf(update)
      const [holder, key] = slots[where % slots.length]
      holder[key] = structuredClone(value)
    }
    return update
  })

function slotsOf(holder: Record<string, unknown>): [Record<string, unknown>, string][] {
  return Object.keys(holder).flatMap((key) => {
    const value = holder[key]
    const inner = typeof value === 'object' && value !== null ? slotsOf(value as Record<string, unknown>) : []
    return [[holder, key] as [Record<string, unknown>, string], ...inner]
  })
}

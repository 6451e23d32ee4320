/** Listeners of controllers against the Composer of this run's Telegraf: the same handlers, the same things on ctx. */
import 'reflect-metadata'
import type { Composer, Context } from 'telegraf'
import { createSentinel } from 'telegraf-sentinel'
import { createUpdates, updateKinds } from 'telegraf-sentinel/testing'
import { cleanUp, DELIVERIES, driven, type Delivery } from './driven'
import { telegrafSince } from './loaded'
import { COMPARED, controllerOf, TWINS, visitOf, type Handler, type Twin, type Visit } from './twins'

afterEach(cleanUp)

type HandlerOf = (twin: Twin) => Handler

/** Where commands of an older Telegraf are another matter: a name in a private chat, or in other letters. */
const NAMED = ['/buy@test_bot 3', '/buy@TEST_bot', '/start@test_bot x']

const TEXTS = [
  ...[
    '/start',
    '/start deep-link',
    '/help',
    '/settings',
    '/buy',
    '/buy 3 "two words" it\\ \'s',
    '/sell',
    '/Buy',
    '/buy@other',
  ],
  ...['hello', 'hello world', 'Hello', 'say /buy', '/bay', '', ...(telegrafSince(12) ? NAMED : [])],
]

function updates(): object[] {
  const set = createUpdates({ startId: 1 })
  const group = { id: -100, type: 'supergroup', title: 'Group' } as const
  return [
    ...updateKinds.map(({ build }) => build(set)),
    ...TEXTS.map((text) => set.text(text)),
    ...['/buy@test_bot 3', '/buy', '/start@test_bot x'].map((text) => set.text(text, { chat: group })),
    ...['buy', 'buy:12', 'buy:x', ''].map((data) => set.callbackQuery(data)),
    ...['cats', 'dogs', ''].map((query) => set.inlineQuery(query)),
    ...['hello', '/buy'].flatMap((text) => [set.photo(text), set.channelPost(text), set.editedMessage(text)]),
    set.gameCallbackQuery('buy'),
    set.messageReaction('👍'),
    set.messageReaction('🔥'),
  ]
}

async function visitsTo(
  delivery: Delivery,
  build: (bot: Composer<Context>, handlerOf: HandlerOf) => void,
): Promise<Map<number, Partial<Visit>[]>> {
  const visits = new Map<number, Partial<Visit>[]>()
  const { telegram } = await driven<Context>(delivery, (bot) => {
    bot.use((ctx, next) => {
      visits.set(ctx.update.update_id, [])
      return next()
    })
    build(bot, ({ name }) => (ctx, next) => {
      visits.get(ctx.update.update_id)?.push(visitOf(name, ctx))
      return next()
    })
  })
  const sent = updates()
  for (const update of sent) telegram.send(update as never)
  await telegram.idle()
  expect(visits.size).toBe(sent.length)
  return visits
}

test.each(DELIVERIES)('by %s, controllers match what Composer matches', async (delivery) => {
  const theirs = await visitsTo(delivery, (bot, handlerOf) => {
    for (const twin of COMPARED) twin.theirs(bot, handlerOf(twin))
  })
  const ours = await visitsTo(delivery, (bot, handlerOf) => {
    bot.use(createSentinel({ controllers: [controllerOf(COMPARED, handlerOf)] }))
  })
  expect(ours).toEqual(theirs)
  const met = new Set([...theirs.values()].flat().map(({ listener }) => listener))
  expect([...met].sort()).toEqual(COMPARED.map(({ name }) => name).sort())
})

test('listeners that only a newer Telegraf has match all the same', async () => {
  const visits = await visitsTo('polling', (bot, handlerOf) => {
    bot.use(createSentinel({ controllers: [controllerOf(TWINS, handlerOf)] }))
  })
  const times = (name: string) =>
    [...visits.values()].flat().filter(({ listener }) => listener === name).length
  expect(times('command by pattern')).toBeGreaterThan(0)
  expect(times('reaction')).toBeGreaterThan(0)
})

test('payload, args and match are there for commands, also where Telegraf has none', async () => {
  const seen: object[] = []
  const twin = TWINS.filter(({ name }) => name === 'command')
  const { send } = await driven<Context>('polling', (bot) => {
    const note: Handler = (ctx) => {
      const { match, command, payload, args } = ctx as Context & Record<string, unknown>
      seen.push({ match: [...(match as string[])], command, payload, args })
    }
    bot.use(createSentinel({ controllers: [controllerOf(twin, () => note)] }))
  })
  const set = createUpdates()
  const named = ['/buy 3 "two words"', ...NAMED.slice(0, 2)]
  await send(...named.map((text) => set.text(text)))
  const empty = { match: ['buy'], command: 'buy', payload: '', args: [] }
  expect(seen).toEqual([
    { ...empty, payload: '3 "two words"', args: ['3', 'two words'] },
    { ...empty, payload: '3', args: ['3'] },
    empty,
  ])
})

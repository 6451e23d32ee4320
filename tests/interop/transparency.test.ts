/**
 * A sentinel that allows everything changes nothing that a bot can observe: the same random bots, with and without it,
 * do the same with the same updates.
 */
import 'reflect-metadata'
import fc from 'fast-check'
import { Composer, type Context, type Middleware, type MiddlewareFn } from 'telegraf'
import { createSentinel, type SentinelOptions } from 'telegraf-sentinel'
import { createUpdates, updateKinds, type Updates } from 'telegraf-sentinel/testing'
import { telegrafSince } from './loaded'
import { bot, handler, hanging, listener, type Bot, type Handler, type Node } from './random-bots'
import { Stand, type How, type Variant } from './random-runs'
import { controllerOf, twinOf, visitOf, type Twin } from './twins'

jest.setTimeout(120_000)

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
const RUNS = Number(process.env['RUNS'] ?? 60)

let stand: Stand
beforeAll(async () => {
  stand = await Stand.start()
})
afterAll(() => stand.stop())

/** In a private chat a command with the bot's name is none to Telegraf 4.11. */
const NAMED = telegrafSince(12) ? ['/buy@test_bot'] : []
const TEXTS = [
  ...['/start', '/start x', '/buy', '/buy 3 "a b"', '/sell@other', '/help', 'hello', 'hello you'],
  ...NAMED,
]

const SAMPLES: readonly ((updates: Updates) => object)[] = [
  ...TEXTS.map((text) => (updates: Updates) => updates.text(text)),
  ...['/buy@test_bot', 'hello'].map((text) => (updates: Updates) => updates.text(text, { chat: -100 })),
  ...['buy', 'buy:12', 'x'].map((data) => (updates: Updates) => updates.callbackQuery(data)),
  ...['cats', ''].map((query) => (updates: Updates) => updates.inlineQuery(query)),
  ...updateKinds.map(({ build }) => build),
  (updates) => updates.unknownUpdate('of_tomorrow', { from: { id: 7 } }),
]

const updates = fc.array(fc.nat(SAMPLES.length - 1), { minLength: 1, maxLength: 4 }).map((chosen) => {
  const set = createUpdates()
  return chosen.map((i) => SAMPLES[i](set))
})

const pass: MiddlewareFn<Context> = (_ctx, next) => next()

/** The bot without a sentinel; what it has in place of one lets everything pass. */
const PLAIN: Variant = {
  guard: () => pass,
  mount: (nodes, builder) => nodes.map((node) => builder.middleware(node)),
}

/** Asks everything that a sentinel can ask. */
const GENEROUS: SentinelOptions<Context> = {
  rateLimit: { limit: 1e6, window: '1h' },
  debounce: { window: '1ms', fingerprint: () => undefined },
  exempt: () => false,
  registration: { resolve: async () => ({}) },
  hooks: { before: () => undefined, after: async () => undefined },
}

/** `middleware` among those of the bot, at a place of any number. */
function among(place: number, middleware: Middleware<Context>): Variant['mount'] {
  return (nodes, builder) => PLAIN.mount(nodes, builder).toSpliced(place % nodes.length, 0, middleware)
}

/** A sentinel at this place, and its guards in front of some branches. */
function guarding(place: number): Variant {
  const sentinel = createSentinel(GENEROUS)
  let guards = 0
  const guard = (): MiddlewareFn<Context> =>
    sentinel.guard({
      name: `guard ${guards++}`,
      rateLimit: { limit: 1e6, window: '1h' },
      debounce: { window: '1ms', fingerprint: () => undefined },
      requireRegistered: true,
    })
  return { guard, mount: among(place, sentinel) }
}

type Varied = (place: number) => Variant

/** Ways to have a sentinel that allows everything, and the same bot without. */
const VARIANTS: readonly (readonly [name: string, sentinel: Varied, plain: Varied])[] = [
  ['in front', () => ({ ...PLAIN, mount: among(0, createSentinel()) }), () => PLAIN],
  ['in front, with limits and guards', () => guarding(0), () => PLAIN],
  ['in the middle', guarding, (place) => ({ ...PLAIN, mount: among(place, pass) })],
]

let compared = 0

/** Drives a bot both ways, and says what it has observed. */
async function compare(
  given: Bot,
  sentinel: Variant,
  plain: Variant,
  sent: object[],
  how: How,
): Promise<void> {
  const expected = await stand.observe(given, plain, sent, how)
  expect(await stand.observe(given, sentinel, sent, how)).toEqual(expected)
  compared += expected.flatMap(({ log }) => log).length
}

/** Finds the same bots again where it is given the seed that a failure prints. */
const runs = (numRuns = RUNS): { numRuns: number; seed: number } => ({ numRuns, seed })

beforeEach(() => {
  compared = 0
})
afterEach(() => {
  // Bots of which no handler ran would show nothing.
  expect(compared).toBeGreaterThan(5)
})

describe.each(VARIANTS)('%s', (_name, sentinel, plain) => {
  test.each<How>(['webhook', 'direct'])('handlers see, do, say and throw the same: %s', (how) =>
    fc.assert(
      fc.asyncProperty(bot, updates, fc.nat(4), (given, sent, place) =>
        compare(given, sentinel(place), plain(place), sent, how),
      ),
      runs(),
    ),
  )

  test('what waits for ever is ended by handlerTimeout, in the same way', () =>
    fc.assert(
      fc.asyncProperty(
        bot,
        fc.array(fc.boolean(), { minLength: 1 }),
        updates,
        fc.nat(4),
        (given, hangs, sent, place) =>
          compare(hanging(given, hangs), sentinel(place), plain(place), sent.slice(0, 2), 'webhook'),
      ),
      runs(RUNS / 4),
    ))
})

/** Without looks after `next`: triggers run before any `@Use`, so what was matched behind one that ends it all is there. */
const early: fc.Arbitrary<Handler> = handler.map((one) => {
  const next = one.steps.findIndex((step) => step.startsWith('next'))
  return { ...one, steps: one.steps.filter((step, i) => step !== 'look' || next === -1 || i < next) }
})

/** One listener with one handler, each. */
const listeners: fc.Arbitrary<Bot> = fc.record({
  nodes: fc.array(
    fc.record({
      kind: fc.constant('listener' as const),
      listener,
      children: fc.tuple(early),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  onError: fc.constantFrom('note' as const, 'rethrow' as const),
})

const sees: Variant['sees'] = (ctx, listener) => ({ ...visitOf(listener, ctx), state: { ...ctx.state } })

const COMPOSER: Variant = {
  ...PLAIN,
  sees,
  mount: (nodes, builder) => {
    const composer = new Composer<Context>()
    for (const { twin, handler: one } of listenersIn(nodes))
      twin.theirs(composer, builder.handler(one, twin.name))
    return [composer, builder.handler(LAST)]
  },
}

const CONTROLLERS: Variant = {
  ...PLAIN,
  sees,
  mount: (nodes, builder) => {
    const routes = listenersIn(nodes)
    const Listeners = controllerOf(
      routes.map(({ twin }) => twin),
      (twin, i) => builder.handler(routes[i].handler, twin.name),
    )
    return [createSentinel({ ...GENEROUS, controllers: [Listeners] }), builder.handler(LAST)]
  },
}

const LAST: Handler = { kind: 'handler', steps: ['look'], synchronous: false }

function listenersIn(nodes: readonly Node[]): { twin: Twin; handler: Handler }[] {
  return nodes.flatMap((node) =>
    node.kind === 'listener' && node.children[0].kind === 'handler'
      ? [{ twin: twinOf(node.listener), handler: node.children[0] }]
      : [],
  )
}

test.each<How>(['webhook', 'direct'])('handlers in a controller do what they do on a Composer: %s', (how) =>
  fc.assert(
    fc.asyncProperty(listeners, updates, (given, sent) => compare(given, CONTROLLERS, COMPOSER, sent, how)),
    runs(RUNS * 2),
  ),
)

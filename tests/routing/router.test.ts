import 'reflect-metadata'
import fc from 'fast-check'
import { Composer, Context, type Telegram } from 'telegraf'
import type { Update } from 'telegraf/types'
import type { Listener, Route } from '../../lib/routing/route'
import { Router } from '../../lib/routing/router'
import { NO_GUARDS } from '../../lib/schema'
import { listener, malformed, plausible } from './arbitraries'

interface Visit {
  position: number
  match: unknown
  command: unknown
  payload: unknown
  startPayload: unknown
  args: unknown
}

const ME = { id: 1, is_bot: true, first_name: 'Bot', username: 'MyBot' }

function contextOf(update: unknown, me: object | undefined = ME): Context {
  return new Context(update as Update, {} as Telegram, me as Context['botInfo'])
}

function routeOf(from: Listener, i = 0): Route {
  const levels = { classes: [], method: { name: `Class.method${i}`, guards: NO_GUARDS } }
  return { ...from, handler: () => undefined, label: `Class.method${i}`, levels }
}

function routerOf(listeners: readonly Listener[]): Router {
  return new Router(listeners.map(routeOf))
}

/** What a handler sees, spelled out so that an array's own properties count too. */
function visit(position: number, ctx: Context): Visit {
  const seen = ctx as Context & Partial<Visit>
  const { match } = seen
  return {
    position,
    match: Array.isArray(match) ? Object.entries(Object.getOwnPropertyDescriptors(match)) : match,
    command: seen.command,
    payload: seen.payload,
    startPayload: seen.startPayload,
    args: argsIn(seen),
  }
}

function argsIn(ctx: Partial<Visit>): unknown {
  try {
    return ctx.args
  } catch {
    return 'unreadable'
  }
}

/** The same listeners in a chain of real Composers. */
async function byComposer(listeners: readonly Listener[], ctx: Context): Promise<Visit[]> {
  const composer = new Composer<Context>()
  const visits: Visit[] = []
  listeners.forEach((one, position) => {
    const handler = (at: Context, next: () => Promise<void>): Promise<void> => {
      visits.push(visit(position, at))
      return next()
    }
    register(composer, one, handler)
  })
  await composer.middleware()(ctx, () => Promise.resolve())
  return visits
}

type Handler = (ctx: Context, next: () => Promise<void>) => Promise<void>

type TelegrafTrigger = string | RegExp | ((value: string) => RegExpExecArray | null)

function register(composer: Composer<Context>, one: Listener, handler: Handler): void {
  if (one.kind === 'start') composer.start(handler)
  else if (one.kind === 'gameQuery') composer.gameQuery(handler)
  else if (one.kind === 'on') composer.on(one.filters as Parameters<typeof composer.on>[0], handler)
  else if (one.kind === 'reaction') {
    composer.reaction(one.reactions as Parameters<typeof composer.reaction>[0], handler)
  } else if (one.kind !== 'use') {
    const triggers = [...one.triggers] as TelegrafTrigger[]
    if (one.kind === 'command') composer.command(triggers, handler)
    else if (one.kind === 'hears') composer.hears(triggers, handler)
    else if (one.kind === 'action') composer.action(triggers, handler)
    else composer.inlineQuery(triggers, handler)
  }
}

function byRouter(listeners: readonly Listener[], ctx: Context): Visit[] {
  const router = routerOf(listeners)
  const visits: Visit[] = []
  for (let at = router.next(ctx, 0); at !== -1; at = router.next(ctx, at + 1)) visits.push(visit(at, ctx))
  return visits
}

const twoLinksAtOnePlace = {
  update_id: 0,
  message: {
    message_id: 1,
    date: 1,
    chat: { id: 5, type: 'private' },
    text: '/start wörd',
    entities: [
      { type: 'bot_command', offset: 0, length: 6 },
      { type: 'text_link', offset: 10, length: 1 },
      { type: 'text_link', offset: 10, length: 0 },
    ],
  },
}

describe('Router', () => {
  test('visits what a chain of Composers visits, with the same things on the context', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(listener, { maxLength: 12 }), plausible, async (listeners, update) => {
        const theirs = contextOf(update)
        const ours = contextOf(structuredClone(update))
        expect(byRouter(listeners, ours)).toEqual(await byComposer(listeners, theirs))
        expect(new Set(Object.keys(ours))).toEqual(new Set(Object.keys(theirs)))
      }),
      { numRuns: 4000, examples: [[[{ kind: 'command', triggers: ['start'] }], twoLinksAtOnePlace]] },
    )
  })

  test('never throws on a malformed update, and matches what Composers match where they do not throw', async () => {
    let survived = 0
    let threw = 0
    await fc.assert(
      fc.asyncProperty(fc.array(listener, { maxLength: 6 }), malformed, async (listeners, update) => {
        const ours = byRouter(listeners, contextOf(structuredClone(update))).map(withoutArgs)
        try {
          const theirs = await byComposer(listeners, contextOf(update))
          survived++
          expect(ours).toEqual(theirs.map(withoutArgs))
        } catch (error) {
          if (!(error instanceof TypeError)) throw error
          threw++
        }
      }),
      { numRuns: 4000 },
    )
    // Both halves of the property have been looked at.
    expect(survived).toBeGreaterThan(1000)
    expect(threw).toBeGreaterThan(100)
  })

  test.each([null, undefined, 7, 'x', []])('an update that is %p matches nothing', (update) => {
    const router = routerOf([{ kind: 'on', filters: ['message', () => true] }])
    expect(router.next(contextOf(update), 0)).toBe(Array.isArray(update) ? 0 : -1)
  })

  test('a command for a named bot does not match as long as the own name is not known', () => {
    const router = routerOf([{ kind: 'command', triggers: ['buy'] }])
    const message = { text: '/buy@MyBot', entities: [{ type: 'bot_command', offset: 0, length: 10 }] }
    expect(router.next(contextOf({ update_id: 1, message }), 0)).toBe(0)
    const stranger = new Context(
      { update_id: 1, message } as unknown as Update,
      {} as Telegram,
      {} as typeof ME & Context['botInfo'],
    )
    expect(router.next(stranger, 0)).toBe(-1)
  })

  test('what a trigger function or a filter throws goes to the caller', () => {
    const thrown = new Error('mine')
    const fail = (): never => {
      throw thrown
    }
    const update = { update_id: 1, message: { text: 'buy' } }
    expect(() => routerOf([{ kind: 'hears', triggers: [fail] }]).next(contextOf(update), 0)).toThrow(thrown)
    expect(() => routerOf([{ kind: 'on', filters: [fail] }]).next(contextOf(update), 0)).toThrow(thrown)
  })

  test('args are parsed when asked for, kept, and fresh for the next command that matches', () => {
    const router = routerOf([
      { kind: 'command', triggers: ['buy'] },
      { kind: 'command', triggers: [/^b/] },
    ])
    const message = { text: '/buy a "b c"', entities: [{ type: 'bot_command', offset: 0, length: 4 }] }
    const ctx = contextOf({ update_id: 1, message }) as Context & { args: string[] }
    router.next(ctx, 0)
    expect(ctx.args).toEqual(['a', 'b c'])
    expect(ctx.args).toBe(ctx.args)
    ctx.args = ['mine']
    expect(ctx.args).toEqual(['mine'])
    router.next(ctx, 1)
    expect(ctx.args).toEqual(['a', 'b c'])
  })

  test('looks texts up: one route of two thousand is touched', () => {
    const kinds = ['command', 'hears', 'action', 'inlineQuery'] as const
    let touched = new Set<number>()
    const routes = Array.from({ length: 2000 }, (_, i) => {
      const route = routeOf({ kind: kinds[i % 4], triggers: [`t${i}`, `/t${i}`] }, i)
      return new Proxy(route, {
        get(target, key, receiver) {
          touched.add(i)
          return Reflect.get(target, key, receiver)
        },
        has(target, key) {
          touched.add(i)
          return Reflect.has(target, key)
        },
      })
    })
    const router = new Router(routes)
    const command = { text: '/t1600 x', entities: [{ type: 'bot_command', offset: 0, length: 6 }] }
    const updates: [object, number][] = [
      [{ message: command }, 1600],
      [{ message: { text: 't1601' } }, 1601],
      [{ callback_query: { data: 't1602' } }, 1602],
      [{ inline_query: { query: 't1603' } }, 1603],
      [{ message: { text: 'nothing' } }, -1],
    ]
    for (const [update, position] of updates) {
      touched = new Set()
      expect(router.next(contextOf(update), 0)).toBe(position)
      expect(touched.size).toBeLessThanOrEqual(1)
    }
  })

  test('a @Use matches everything, so it is asked for on its own', () => {
    const router = routerOf([
      { kind: 'use' },
      { kind: 'command', triggers: ['buy'] },
      { kind: 'use' },
      { kind: 'gameQuery' },
    ])
    expect([0, 1, 2, 3, 4].map((from) => router.nextUse(from))).toEqual([0, 2, 2, -1, -1])
    expect(router.next(contextOf({ update_id: 1, message: { text: 'x' } }), 0)).toBe(-1)
  })
})

function withoutArgs({ args: _args, ...rest }: Visit): Omit<Visit, 'args'> {
  return rest
}

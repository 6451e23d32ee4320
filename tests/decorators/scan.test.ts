import type { Context } from 'telegraf'
import { scanController, scanControllers, type Resolve } from '../../lib/decorators/scan'
import type { Route } from '../../lib/routing/route'
import { NO_GUARDS } from '../../lib/schema'
import { FLAVOURS, load } from './flavours'
import type * as Fixtures from './fixtures'

const create: Resolve = (Class) => new Class()
const CTX = {} as Context
const next = (): Promise<void> => Promise.resolve()

function run({ handler }: Route): unknown {
  return handler(CTX, next)
}

/** `kind trigger → method [bucket names and limits]`, a line per route. */
function outline(routes: readonly Route[]): string[] {
  return routes.map((route) => {
    const what = 'triggers' in route ? route.triggers.join(',') : ''
    return `${route.kind} ${what} → ${String(run(route))}`
  })
}

function guardsOf({ levels: { classes, method } }: Route): string {
  return [...classes, method]
    .map(({ name, guards }) => {
      const parts = [
        ...guards.rateLimits.map(({ limit }) => String(limit)),
        ...guards.debounces.map(({ window }) => `debounce ${window}`),
        ...(guards.exempt ? ['exempt'] : []),
      ]
      return `${name}(${parts.join(', ')})`
    })
    .join(' ')
}

describe.each(FLAVOURS)('scan under %s decorators', (flavour) => {
  const f = load<typeof Fixtures>('fixtures.ts', flavour)

  test('gives a route per listener, methods as declared and listeners from top to bottom', () => {
    const { routes, problems } = scanController(f.AllListeners, create)
    expect(problems).toEqual([])
    const listeners = routes.map(
      ({ handler: _handler, label: _label, levels: _levels, ...listener }) => listener,
    )
    expect(listeners).toEqual([
      { kind: 'use' },
      { kind: 'start', triggers: ['start'] },
      { kind: 'command', triggers: ['help'] },
      { kind: 'command', triggers: ['settings'] },
      { kind: 'command', triggers: ['buy'] },
      { kind: 'command', triggers: ['sell', /^s/] },
      { kind: 'hears', triggers: [/buy/] },
      { kind: 'action', triggers: ['buy'] },
      { kind: 'inlineQuery', triggers: ['q'] },
      { kind: 'on', filters: [f.filter] },
      { kind: 'on', filters: ['message', 'sticker'] },
      { kind: 'gameQuery' },
      { kind: 'reaction', reactions: ['👍', '-👎'] },
      { kind: 'reaction', reactions: ['🔥'] },
      { kind: 'hears', triggers: ['symbol'] },
    ])
    expect(routes.map(({ label }) => label)).toEqual([
      ...['use', 'start', 'help', 'settings', 'several', 'several', 'several', 'several'].map(
        (m) => `AllListeners.${m}`,
      ),
      ...['query', 'on', 'on', 'game', 'liked', 'liked', 'tag'].map((m) => `AllListeners.${m}`),
    ])
  })

  test('binds a handler to its instance and hands it context and next', () => {
    const { routes } = scanController(f.AllListeners, create)
    expect(run(routes[4])).toEqual(['all', CTX, next])
  })

  test('keeps stacked limits in the order of the source, wherever the listener stands', () => {
    const [a, help] = scanController(f.Guarded, create).routes
    expect(guardsOf(a)).toBe('Guarded(30, 300, debounce 1) Guarded.a(1, 2, 3, debounce 2s)')
    expect(a.levels.method.guards.rateLimits[1]).toEqual({ limit: 2, window: '2s', name: 'two' })
    expect(a.levels.method.guards.requireRegistered).toEqual({ reply: 'no' })
    expect(help.levels.method.guards).toEqual({ ...NO_GUARDS, exempt: true, requireRegistered: {} })
  })

  test('listeners of one method share its level', () => {
    const { routes } = scanController(f.AllListeners, create)
    expect(routes[5].levels).toBe(routes[4].levels)
    expect(routes[4].levels).toEqual({
      classes: [],
      method: { name: 'AllListeners.several', guards: NO_GUARDS },
    })
  })

  test("another decorator's wrapper runs, and loses neither listener nor guards", () => {
    const { routes } = scanController(f.WithWrapper, create)
    expect(routes.map(run)).toEqual([
      ['wrapped', 'own'],
      ['wrapped', 'own'],
    ])
    expect(routes.map(guardsOf)).toEqual(['WithWrapper.outer(1)', 'WithWrapper.inner(2)'])
  })

  test('a subclass has its parents’ routes first; new listeners replace listeners, new guards the guards', () => {
    const { routes, problems } = scanController(f.Child, create)
    expect(problems).toEqual([])
    expect(outline(routes)).toEqual([
      'command first → Child.first',
      'hears second → Child.second',
      'command third → Child.third',
      'action fourth → Child.fourth',
      'command own → Child.own',
    ])
    const both = 'Base(10) Child(5)'
    expect(routes.map(guardsOf)).toEqual([
      `${both} Base.first(1)`,
      `${both} Base.second(2, debounce 1s)`,
      `${both} Child.third(7)`,
      `${both} Base.fourth(4)`,
      `${both} Child.own()`,
    ])
  })

  test('a child changes neither its parent nor its siblings', () => {
    const { routes } = scanController(f.Sibling, create)
    expect(outline(routes)).toEqual([
      'command first → Base.first',
      'command second → Base.second',
      'command zweitens → Base.second',
      'command third → Base.third',
      'action fourth → Sibling.fourth',
    ])
    expect(routes.map(guardsOf)).toEqual([
      'Base(10) Base.first(1)',
      'Base(10) Base.second(2, debounce 1s)',
      'Base(10) Base.second(2, debounce 1s)',
      'Base(10) Base.third(exempt)',
      'Base(10) sibling.fourth(debounce 4s)',
    ])
  })

  test('a class without decorators of its own is the controller that its parent is', () => {
    const parent = scanController(f.Child, create).routes
    const { routes, problems } = scanController(f.Grandchild, create)
    expect(problems).toEqual([])
    expect(routes.map(run).slice(-1)).toEqual(['Grandchild.own'])
    expect(routes.map(guardsOf)).toEqual(parent.map(guardsOf))
    expect(routes[0].label).toBe('Grandchild.first')
  })

  test('@Controller(name) names the buckets, not the class in messages', () => {
    const [route] = scanController(f.Renamed, create).routes
    expect(guardsOf(route)).toBe('renamed(debounce 1s) renamed.x(1)')
    expect(route.label).toBe('Renamed.x')
  })

  test('controllers come in order, classes through resolve and instances as they are', () => {
    const asked: unknown[] = []
    const resolve: Resolve = (Class) => {
      asked.push(Class)
      return new (Class as new (...args: unknown[]) => object)(1)
    }
    const { routes, problems } = scanControllers([new f.Stocked(7), f.Renamed, f.Stocked], resolve)
    expect(problems).toEqual([])
    expect(routes.map(run)).toEqual([7, undefined, 1])
    expect(asked).toEqual([f.Renamed, f.Stocked])
  })

  test('collects every problem, naming class and method', () => {
    const arrow = (): void => undefined
    const controllers = [
      undefined,
      {},
      'Shop',
      arrow,
      f.NotAController,
      f.Base,
      f.Routeless,
      f.HalfGuarded,
      f.Throwing,
      f.Shadowed,
      new f.Shadowed(),
    ]
    const { routes, problems } = scanControllers(controllers, create)
    expect(routes).toEqual([])
    const guardOnly = 'has guards but no route: put a listener such as @Command on it too'
    const undecorated = 'is not a controller: put @Controller() on the class'
    expect(problems).toEqual([
      {
        path: 'controllers[0]',
        message:
          'is undefined, neither a class nor an instance of one; do its file and this one import each other?',
      },
      { path: 'controllers[1]', message: 'is {}, neither a class nor an instance of one' },
      { path: 'controllers[2]', message: "is 'Shop', neither a class nor an instance of one" },
      { path: 'controllers[3]', message: 'is [Function: arrow], neither a class nor an instance of one' },
      { path: 'NotAController', message: undecorated },
      { path: 'Base', message: undecorated },
      { path: 'Routeless', message: 'has no route: put a listener such as @Command on a method' },
      { path: 'HalfGuarded.b', message: guardOnly },
      { path: 'HalfGuarded.c', message: guardOnly },
      { path: 'Throwing', message: 'cannot be made: no database' },
      { path: 'Shadowed.b', message: 'is 5 on the instance, not a method' },
      { path: 'Shadowed.b', message: 'is 5 on the instance, not a method' },
    ])
  })

  test.each([
    [
      'undefined',
      () => undefined as unknown as object,
      'resolve gave undefined for it instead of an instance',
    ],
    [
      'a promise',
      () => Promise.resolve({}),
      'resolve gave a promise for it; it must give the instance itself',
    ],
  ])('says so when resolve gives %s', (_what, resolve, message) => {
    expect(scanController(f.Renamed, resolve)).toEqual({
      routes: [],
      problems: [{ path: 'Renamed', message }],
    })
  })
})

import { SentinelOptionsError, type Problem } from '../../lib/errors'
import * as decorators from '../../lib/decorators'
import { scanController } from '../../lib/decorators/scan'
import { evaluate, FLAVOURS } from './flavours'

const {
  Action,
  Command,
  Controller,
  Debounce,
  Exempt,
  GameQuery,
  Hears,
  Help,
  InlineQuery,
  On,
  RateLimit,
  Reaction,
  RequireRegistered,
  Settings,
  Start,
  Use,
} = decorators

/** Any call, as plain JavaScript may make it. */
type Loosely = (...args: unknown[]) => unknown

function problemsOf(run: () => unknown): readonly Problem[] {
  try {
    run()
  } catch (error) {
    if (error instanceof SentinelOptionsError) return error.problems
    throw error
  }
  return []
}

function paths(problems: readonly Problem[]): string[] {
  return problems.map(({ path }) => path)
}

describe("a decorator's own bad argument throws where it stands", () => {
  const limit = (options: unknown) => (): unknown => (RateLimit as Loosely)(options)
  const ok = { limit: 3, window: '10s' }

  test.each<[string, () => unknown, string[]]>([
    ['no arguments', () => (RateLimit as Loosely)(), ['@RateLimit.limit', '@RateLimit.window']],
    ['a limit of 0', () => RateLimit(0, '1s'), ['@RateLimit.limit']],
    ['a limit of 1.5', () => RateLimit(1.5, '1s'), ['@RateLimit.limit']],
    ['an endless limit', () => RateLimit(Infinity, '1s'), ['@RateLimit.limit']],
    ['a limit in words', () => (RateLimit as Loosely)('3', '1s'), ['@RateLimit.limit']],
    ['a limit of null', () => (RateLimit as Loosely)(null, '1s'), ['@RateLimit.limit']],
    ['a window without a unit', () => RateLimit(1, '10'), ['@RateLimit.window']],
    ['both wrong', () => RateLimit(-1, 'soon'), ['@RateLimit.limit', '@RateLimit.window']],
    ['options and a window', () => (RateLimit as Loosely)(ok, '1s'), ['@RateLimit.limit']],
    ['an unknown algorithm', limit({ ...ok, algorithm: 'leaky' }), ['@RateLimit.algorithm']],
    ['a limiter without hit', limit({ ...ok, algorithm: { name: 'x' } }), ['@RateLimit.algorithm']],
    ['a burst without a bucket', limit({ ...ok, burst: 5 }), ['@RateLimit.burst']],
    ['a burst of 0', limit({ ...ok, algorithm: 'gcra', burst: 0 }), ['@RateLimit.burst']],
    ['an unknown scope', limit({ ...ok, scope: 'user' }), ['@RateLimit.scope']],
    ['an empty name', limit({ ...ok, name: '' }), ['@RateLimit.name']],
    ['a negative cost', limit({ ...ok, cost: -1 }), ['@RateLimit.cost']],
    ['a broken cost', limit({ ...ok, cost: 0.5 }), ['@RateLimit.cost']],
    ['countRefused in words', limit({ ...ok, countRefused: 'yes' }), ['@RateLimit.countRefused']],
    ['a bad blockFor', limit({ ...ok, blockFor: true }), ['@RateLimit.blockFor']],
    ['a bad shadow', limit({ ...ok, shadow: 1 }), ['@RateLimit.shadow']],
    ['a reply of true', limit({ ...ok, reply: true }), ['@RateLimit.reply']],
    ['a reply with a number', limit({ ...ok, reply: { en: 5 } }), ['@RateLimit.reply']],
    ['unknown options', limit({ ...ok, windw: 1, foo: 2 }), ['@RateLimit.windw', '@RateLimit.foo']],
    [
      'many mistakes at once',
      limit({ limit: 0, widow: '1s', burst: 2, cost: 'x' }),
      ['@RateLimit.limit', '@RateLimit.window', '@RateLimit.cost', '@RateLimit.widow', '@RateLimit.burst'],
    ],
    ['no debounce', () => (Debounce as Loosely)(), ['@Debounce']],
    ['a debounce of false', () => (Debounce as Loosely)(false), ['@Debounce']],
    ['a debounce of 0', () => Debounce(0), ['@Debounce']],
    ['a debounce without window', () => (Debounce as Loosely)({}), ['@Debounce.window']],
    [
      'a fingerprint in words',
      () => (Debounce as Loosely)({ window: 1, fingerprint: 'text' }),
      ['@Debounce.fingerprint'],
    ],
    ['a bad registration', () => (RequireRegistered as Loosely)('yes'), ['@RequireRegistered']],
    ['a registration of false', () => (RequireRegistered as Loosely)(false), ['@RequireRegistered']],
    [
      'a bad registration reply',
      () => (RequireRegistered as Loosely)({ reply: 1 }),
      ['@RequireRegistered.reply'],
    ],
    ['an empty controller name', () => Controller(''), ['@Controller.name']],
    ['a controller name of 5', () => (Controller as Loosely)(5), ['@Controller.name']],
    ['no trigger', () => (Command as Loosely)(), ['@Command.trigger']],
    ['an empty trigger', () => Hears(''), ['@Hears.trigger']],
    ['an empty list of triggers', () => Action([]), ['@Action.trigger']],
    [
      'two bad triggers',
      () => (InlineQuery as Loosely)(['a', 5, null]),
      ['@InlineQuery.trigger[1]', '@InlineQuery.trigger[2]'],
    ],
    ['a command with its slash', () => Command(['a', '/buy']), ['@Command.trigger']],
    ['a filter of 5', () => (On as Loosely)(5), ['@On.filter']],
    ['no reaction', () => Reaction(), ['@Reaction.reactions']],
    ['a bad reaction', () => (Reaction as Loosely)('👍', 5), ['@Reaction.reactions[1]']],
  ])('%s', (_what, run, expected) => {
    expect(paths(problemsOf(run))).toEqual(expected)
  })

  test.each<[() => unknown, string]>([
    [limit({ ...ok, windw: 1 }), "@RateLimit.windw: is not an option; did you mean 'window'?"],
    [
      () => (Debounce as Loosely)({ window: 1, zzz: 1 }),
      '@Debounce.zzz: is not an option; the options are window, scope, fingerprint',
    ],
    [
      limit({ ...ok, algorithm: 'tokenbucket' }),
      "@RateLimit.algorithm: must be 'sliding-window', 'sliding-counter', 'fixed-window', 'token-bucket', 'gcra' or " +
        "an object with `name` and `hit`, not 'tokenbucket'; did you mean 'token-bucket'?",
    ],
    [
      () => RateLimit(-1, 1),
      '@RateLimit.limit: must be a positive integer or a function (ctx) => number, not -1',
    ],
    [
      () => RateLimit(1_000_001, 1),
      "@RateLimit.limit: sliding-window keeps one number per unit: take 'sliding-counter', 'token-bucket' or 'gcra' " +
        'above 1,000,000',
    ],
    [
      () => Command('buy now'),
      "@Command.trigger: is one word (what follows it is ctx.payload), not 'buy now'",
    ],
    [() => Command('/buy'), "@Command.trigger: is written without the slash: 'buy', not '/buy'"],
  ])('%#: says what is wrong and what is right', (run, message) => {
    expect(run).toThrow(new Error(message))
  })

  test.each<[string, unknown]>([
    ['a function for a limit', { limit: () => Promise.resolve(0), window: 1 }],
    [
      'every option',
      { ...ok, algorithm: 'gcra', burst: 9, scope: () => 'x', name: 'n', cost: 9, countRefused: true },
    ],
    [
      'the others',
      { ...ok, blockFor: '1d', shadow: false, reply: { en: 'a', de: 'b' }, scope: 'member', cost: 0 },
    ],
    ['the longest log', { ...ok, limit: 1_000_000 }],
    ['a longer one where none is kept', { ...ok, limit: 50_000_000, algorithm: 'gcra' }],
    ['a cost that never passes: its verdict says so', { ...ok, cost: 4 }],
    [
      'an own limiter, whose bounds are its own',
      { ...ok, algorithm: { name: 'mine', hit: () => [] }, burst: 9, cost: 100 },
    ],
    [
      'undefined for what may be left out',
      { ...ok, algorithm: undefined, burst: undefined, reply: undefined },
    ],
  ])('accepts %s', (_what, options) => {
    expect(problemsOf(limit(options))).toEqual([])
  })

  test('a decorator without parentheses', () => {
    const context = { kind: 'method', name: 'buy', metadata: {}, addInitializer: () => undefined }
    const descriptor = Object.getOwnPropertyDescriptor({ buy: () => undefined }, 'buy')
    for (const taking of [Command, Hears, Action, InlineQuery, On, Reaction, RateLimit, Debounce]) {
      const message = `is called: write @${taking.name}(…)`
      for (const args of [[{}, 'buy', descriptor], [class {}], [() => undefined, context]]) {
        const problems = problemsOf(() => (taking as Loosely)(...args))
        expect(problems).toEqual([{ path: `@${taking.name}`, message }])
      }
    }
    for (const bare of [Start, Help, Settings, GameQuery, Use, Exempt, RequireRegistered, Controller]) {
      const onMethod = problemsOf(() => (bare as Loosely)({}, 'buy', {}))
      expect(onMethod).toEqual([{ path: `@${bare.name}`, message: `is called: write @${bare.name}()` }])
      expect(problemsOf(() => (bare as Loosely)(class {}))).toEqual(onMethod)
    }
  })
})

describe.each(FLAVOURS)('under %s decorators', (flavour) => {
  const IMPORT = `import * as s from '../../lib/decorators'\n`
  const every = ['Command("x")', 'Use()', 'RateLimit(1, 1)', 'Debounce(1)', 'RequireRegistered()', 'Exempt()']

  test.each([
    ['a static method', 'static buy() {}', /cannot stand on a static m/],
    ['a field', 'buy = () => 1', /cannot stand on a field; it needs a method/],
    ['a getter', 'get buy() { return () => 1 }', /cannot stand on (an accessor|a getter); it needs a method/],
    ['a setter', 'set buy(_value) {}', /cannot stand on (an accessor|a setter); it needs a method/],
  ])('every decorator of methods refuses %s', (_what, member, message) => {
    for (const decorator of every) {
      const [problem] = problemsOf(() =>
        evaluate(`${IMPORT} class Shop { @s.${decorator} ${member} }`, flavour),
      )
      expect(problem.path).toMatch(`@${decorator.split('(')[0]} `)
      expect(problem.path).toMatch(/buy$/)
      expect(problem.message).toMatch(message)
    }
  })

  test.each([
    ['@s.Command("x") class Shop {}', '@Command Shop', 'cannot stand on a class; it needs a method'],
    ['@s.Exempt() class Shop {}', '@Exempt Shop', 'cannot stand on a class; it needs a method'],
    [
      'class Shop { @s.Controller() buy() {} }',
      /^@Controller .*buy$/,
      'cannot stand on a method; it needs the class',
    ],
  ])('%s is refused', (source, path, message) => {
    expect(problemsOf(() => evaluate(IMPORT + source, flavour))).toEqual([
      { path: typeof path === 'string' ? path : expect.stringMatching(path), message },
    ])
  })

  test('a class that another decorator replaces keeps its routes and its guards, once', () => {
    const source = `${IMPORT}
      const Replaced = (Class) => class extends Class { extra = true }
      @Replaced @s.Controller() @s.RateLimit(1, 1) class Below { @s.Command('x') x() { return this.extra } }
      @s.Controller() @s.RateLimit(1, 1) @Replaced class Above { @s.Command('x') x() { return this.extra } }
      export { Below, Above }`
    const { Below, Above } = evaluate<Record<string, unknown>>(source, flavour)
    for (const Class of [Below, Above]) {
      const { routes, problems } = scanController(Class, (C) => new C())
      expect(problems).toEqual([])
      expect(routes.map(({ levels }) => levels.classes.length)).toEqual([1])
      expect(routes[0].handler({} as never, () => Promise.resolve())).toBe(true)
    }
  })
})

test('an anonymous class has names too', () => {
  const source = `import * as s from '../../lib/decorators'
    export const made = (() => {
      return @s.Controller() @s.RateLimit(1, 1) class { @s.Command('x') x() {} }
    })()`
  // Legacy decorators cannot stand on a class expression.
  const { made } = evaluate<Record<string, unknown>>(source, 'standard')
  const [route] = scanController(made, (C) => new C(), 'controllers[0]').routes
  expect(route.label).toBe('controllers[0].x')
  expect(route.levels.classes[0].name).toBe('Anonymous')
})

test('a parent in one flavour and a child in the other', () => {
  const source = (extend: string): string => `import * as s from '../../lib/decorators'
    export const define = (Base) => {
      @s.Controller() @s.RateLimit(1, 1) class C ${extend} { @s.Command('x') ${extend ? 'child' : 'base'}() {} }
      return C
    }`
  type Module = { define: (Base?: unknown) => unknown }
  for (const [parent, child] of [FLAVOURS, [...FLAVOURS].reverse()]) {
    const Base = evaluate<Module>(source(''), parent).define()
    const Child = evaluate<Module>(source('extends Base'), child).define(Base)
    const { routes } = scanController(Child, (C) => new C())
    expect(routes.map(({ levels }) => levels.method.name)).toEqual(['C.base', 'C.child'])
    expect(routes[1].levels.classes).toHaveLength(2)
    expect(scanController(Base, (C) => new C()).routes).toHaveLength(1)
  }
})

test('a private method of standard decorators and a parameter of legacy ones are refused', () => {
  const importAll = `import * as s from '../../lib/decorators'\n`
  const onPrivate = `${importAll} class Shop { @s.Command('x') #buy() {} }`
  const onParameter = `${importAll} class Shop { buy(@s.Command('x') _ctx) {} }`
  const onConstructor = `${importAll} class Shop { constructor(@s.Command('x') _ctx) {} }`
  expect(problemsOf(() => evaluate(onPrivate, 'standard'))).toEqual([
    { path: '@Command #buy', message: 'cannot stand on a private method' },
  ])
  expect(problemsOf(() => evaluate(onParameter, 'legacy'))).toEqual([
    { path: '@Command Shop.buy', message: 'cannot stand on a parameter; it needs the method' },
  ])
  expect(problemsOf(() => evaluate(onConstructor, 'legacy'))).toEqual([
    { path: '@Command', message: 'cannot stand on a constructor parameter' },
  ])
})

test('a method that a legacy decorator below has bound by a getter is a method all the same', () => {
  const source = `import * as s from '../../lib/decorators'
    const Bound = (_target, _key, { value }) => ({ configurable: true, get() { return value.bind(this) } })
    export @s.Controller() class Shop { name = 'shop'; @s.Command('x') @Bound x() { return this.name } }`
  const { Shop } = evaluate<Record<string, unknown>>(source, 'legacy')
  const { routes } = scanController(Shop, (C) => new C())
  expect(routes[0].handler({} as never, () => Promise.resolve())).toBe('shop')
})

test('a compiler without metadata is told of', () => {
  const context = { kind: 'method', name: 'buy', static: false, private: false }
  const [problem] = problemsOf(() => (Command('x') as Loosely)(() => undefined, context))
  expect(problem).toEqual({
    path: '@Command buy',
    message: 'this compiler gives decorators no context.metadata; import telegraf-sentinel first',
  })
})

/** Runs tests that a block declares, within a test: jest's functions as far as documents use them. */

/** What a test of node:test gets. */
interface Running {
  after(end: Hook): void
}

type Hook = () => unknown
type Body = (running: Running) => unknown

interface Scope {
  readonly before: Hook[]
  readonly after: Hook[]
  readonly beforeAll: Hook[]
  readonly afterAll: Hook[]
  readonly tests: { readonly name: string; readonly body: Body; readonly scopes: readonly Scope[] }[]
}

export interface QuietRunner {
  /** What the block finds as globals, and in the modules of runners that have the same functions. */
  readonly functions: Readonly<Record<string, unknown>>
  /** Runs what was declared, in order; how many. Rejects with the first failure, and its test's name. */
  passed(): Promise<number>
}

export function quietRunner(): QuietRunner {
  const all: Scope[] = [newScope()]
  const open: Scope[] = [all[0]]
  const declare = (name: string, body: Body): void => {
    innermost(open).tests.push({ name, body, scopes: [...open] })
  }
  const describe = (_name: string, body: Hook): void => {
    const scope = newScope()
    all.push(scope)
    open.push(scope)
    body()
    open.pop()
  }
  const each =
    (declared: (name: string, body: Hook) => void) =>
    (rows: readonly unknown[]) =>
    (name: string, body: (...row: unknown[]) => unknown) =>
      rows.forEach((row) =>
        declared(`${name} ${JSON.stringify(row)}`, () =>
          body(...(Array.isArray(row) ? (row as unknown[]) : [row])),
        ),
      )
  const test = Object.assign(declare, { each: each(declare) })
  return {
    functions: {
      test,
      it: test,
      describe: Object.assign(describe, { each: each(describe) }),
      expect,
      jest,
      beforeEach: (body: Hook) => void innermost(open).before.push(body),
      afterEach: (body: Hook) => void innermost(open).after.push(body),
      beforeAll: (body: Hook) => void innermost(open).beforeAll.push(body),
      afterAll: (body: Hook) => void innermost(open).afterAll.push(body),
    },
    passed: () => runAll(all),
  }
}

async function runAll(scopes: readonly Scope[]): Promise<number> {
  const bodies = (hook: 'before' | 'after', around: readonly Scope[]) =>
    around.flatMap((scope) => scope[hook])
  let count = 0
  try {
    for (const scope of scopes) for (const begin of scope.beforeAll) await begin()
    for (const { name, body, scopes: around } of scopes.flatMap(({ tests }) => tests)) {
      count++
      const ends: Hook[] = []
      try {
        for (const begin of bodies('before', around)) await begin()
        await body({ after: (end) => void ends.push(end) })
      } catch (thrown) {
        throw new Error(`'${name}' failed: ${String(thrown)}`, { cause: thrown })
      } finally {
        for (const end of [...ends, ...bodies('after', around)]) await end()
      }
    }
  } finally {
    for (const scope of scopes) for (const end of scope.afterAll) await end()
  }
  return count
}

function newScope(): Scope {
  return { before: [], after: [], beforeAll: [], afterAll: [], tests: [] }
}

function innermost(open: readonly Scope[]): Scope {
  return open[open.length - 1]
}

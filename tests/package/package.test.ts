import { readFileSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { filesWith, packagesOf } from './imports'
import { discard, MANIFEST, node, OPTIONAL_PEERS, packed, projectWith, REQUIRED, ROOT } from './packed'

const declared = new Set(Object.keys({ ...MANIFEST.dependencies, ...MANIFEST.peerDependencies }))

interface Budget {
  /** Code of ours that requiring it may load (KB, of 1,000 bytes). */
  readonly code: number
  /** The packages of others that this code loads. */
  readonly packages: readonly string[]
}

/** What each way in may cost. They have a little room; whoever raises one says why. */
const BUDGETS: Readonly<Record<string, Budget>> = {
  '.': { code: 660, packages: ['ms', 'reflect-metadata', 'telegraf', 'zod'] },
  './testing': { code: 345, packages: ['ms', 'zod'] },
  './redis': { code: 325, packages: ['ms'] },
  './postgres': { code: 340, packages: ['ms'] },
  './nestjs': {
    code: 460,
    packages: ['@nestjs/common', '@nestjs/core', 'ms', 'reflect-metadata', 'rxjs', 'telegraf', 'zod'],
  },
}
const WAYS_IN = Object.keys(MANIFEST.exports).filter((entry) => entry !== './package.json')
/** The tarball, and what it unpacks to (KB). */
const TARBALL = { packed: 510, unpacked: 1_800 }

jest.setTimeout(180_000)
afterAll(discard)

/** Which files import what the package does not declare. */
function undeclared(files: readonly string[]): string[] {
  return files.flatMap((file) =>
    packagesOf(file)
      .filter((name) => !declared.has(name))
      .map((name) => `${file}: ${name}`),
  )
}

/** The files that requiring something from a project that has everything loads. */
async function loadedBy(entry: string): Promise<{ own: string[]; packages: string[] }> {
  const name = join('telegraf-sentinel', entry)
  const directory = projectWith([...REQUIRED, ...OPTIONAL_PEERS], await packed(), `budget ${entry.slice(2)}`)
  const script = `require(${JSON.stringify(name)}); console.log(JSON.stringify(Object.keys(require.cache)))`
  const loaded = JSON.parse(await node(['-e', script], directory)) as string[]
  const own = loaded.filter((file) => file.startsWith(join(directory, 'node_modules', 'telegraf-sentinel')))
  const packages = [...new Set(own.flatMap(packagesOf))].filter((name) => loadedFrom(loaded, name))
  return { own, packages: packages.sort() }
}

/** KB over a budget, as a sentence; `undefined` within it. */
function over(what: string, bytes: number, budget: number): string | undefined {
  const size = bytes / 1_000
  const excess = size - budget
  return excess <= 0
    ? undefined
    : `${what} has ${size.toFixed(1)} KB: ${excess.toFixed(1)} KB over its budget of ${budget} KB`
}

function sizeOf(files: readonly string[]): number {
  return files.reduce((total, file) => total + statSync(file).size, 0)
}

function loadedFrom(files: readonly string[], name: string): boolean {
  return files.some((file) => file.includes(join('node_modules', name) + sep))
}

describe('the tarball', () => {
  it('holds the compiled code with its types, and the papers, and nothing else', async () => {
    const { files } = await packed()
    const papers = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']
    expect(files).toEqual(
      expect.arrayContaining([...papers, join('dist', 'index.js'), join('dist', 'index.d.ts')]),
    )
    const others = files.filter((file) => !papers.includes(file))
    expect(others.filter((file) => !/^dist\b.*(\.js|\.d\.ts)$/.test(file))).toEqual([])
  })

  it('satisfies publint', async () => {
    const { directory } = await packed()
    const publint = join(ROOT, 'node_modules/publint/src/cli.js')
    await expect(node([publint, directory, '--strict', '--pack', 'false'], ROOT)).resolves.toMatch(/All good/)
  })

  it('has types that are right for every way to resolve them', async () => {
    const { tarball } = await packed()
    const attw = join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js')
    const options = ['--no-definitely-typed', '--no-color', '--format', 'ascii']
    await expect(node([attw, tarball, ...options], ROOT)).resolves.toMatch(/No problems found/)
  })

  it('imports only what it declares, types included', async () => {
    const { directory } = await packed()
    const files = [...filesWith('.js', directory), ...filesWith('.d.ts', directory)]
    expect(files.length).toBeGreaterThan(10)
    expect(undeclared(files)).toEqual([])
  })

  it.each(WAYS_IN)('loads little from %s', async (entry) => {
    expect(BUDGETS).toHaveProperty([entry])
    const { own, packages } = await loadedBy(entry)
    expect(own.length).toBeGreaterThan(5)
    expect(over(entry, sizeOf(own), BUDGETS[entry].code)).toBeUndefined()
    expect(packages).toEqual(BUDGETS[entry].packages)
    if (entry !== './testing') {
      expect(own.filter((file) => file.includes(join('dist', 'testing')))).toEqual([])
    }
  })

  it('is small', async () => {
    const { tarball, directory, files } = await packed()
    const unpacked = sizeOf(files.map((file) => join(directory, file)))
    expect(over('the tarball', statSync(tarball).size, TARBALL.packed)).toBeUndefined()
    expect(over('the unpacked package', unpacked, TARBALL.unpacked)).toBeUndefined()
  })

  it('brings a command line that prints the tables of the PostgreSQL store, without any driver', async () => {
    const { directory } = await packed()
    const printed = await node([join(directory, 'dist/cli/main.js'), 'schema'], directory)
    expect(printed).toMatch(/CREATE SCHEMA/)
    expect(printed).toMatch(/CREATE OR REPLACE FUNCTION/)
  })
})

describe('the sources', () => {
  it('import only what package.json declares', () => {
    const files = filesWith('.ts', join(ROOT, 'lib'))
    expect(files.length).toBeGreaterThan(10)
    expect(undeclared(files)).toEqual([])
  })

  it('can be installed from any registry: the lock file names none', () => {
    const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
    expect(lock).not.toMatch(/"resolved"/)
  })
})

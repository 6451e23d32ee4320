import { readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { filesWith, packagesOf } from './imports'
import { discard, node, packed, ROOT } from './packed'

interface Manifest {
  readonly dependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest
const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))

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

/** The files that requiring something from a project that has the package loads. */
async function loadedBy(name: string, directory: string): Promise<string[]> {
  const script = `require(${JSON.stringify(name)}); console.log(JSON.stringify(Object.keys(require.cache)))`
  return JSON.parse(await node(['-e', script], directory)) as string[]
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

  it.each([
    ['its root entry', '.', ['ms', 'reflect-metadata', 'telegraf', 'zod']],
    ['its store for Redis', './redis', ['ms']],
    ['its store for PostgreSQL', './postgres', ['ms']],
  ])('loads little from %s', async (_title, entry, wanted) => {
    const { directory } = await packed()
    const loaded = await loadedBy(join('telegraf-sentinel', entry), directory)
    const own = loaded.filter((file) => file.startsWith(directory))
    expect(own.length).toBeGreaterThan(5)
    expect([...new Set(own.flatMap(packagesOf))].filter((name) => loadedFrom(loaded, name)).sort()).toEqual(
      wanted,
    )
    expect(own.filter((file) => file.includes(join('dist', 'testing')))).toEqual([])
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

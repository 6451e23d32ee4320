import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesWith, packagesOf, reachableFrom } from './imports'
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

  it('loads little from its root entry: telegraf, reflect-metadata, ms and zod', async () => {
    const { directory } = await packed()
    const loaded = reachableFrom(join(directory, 'dist/index.js'))
    expect(loaded.length).toBeGreaterThan(5)
    expect([...new Set(loaded.flatMap(packagesOf))].sort()).toEqual([
      'ms',
      'reflect-metadata',
      'telegraf',
      'zod',
    ])
    expect(loaded.filter((file) => file.includes(join('dist', 'testing')))).toEqual([])
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

import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from './packed'

const MANIFEST = { name: 'telegraf-sentinel', version: '1.2.3', files: ['dist'] }
const CHANGELOG =
  '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n- A change.\n\n## [1.2.2] - 2026-01-01\n'
const PASSES = '#!/usr/bin/env bash\nmkdir -p dist && echo built > dist/index.js\n'
const ON_GITHUB = { GITHUB_SERVER_URL: 'https://git.example', GITHUB_REPOSITORY: 'owner/name' }

/** Nothing that says where git or a GitHub Action is: these tests may run inside one of them. */
const ENV = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(GIT|GITHUB|ACTIONS)_/.test(name)),
)

let folder: string

jest.setTimeout(60_000)

/** A checkout that may be published, but for what a test spoils. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'telegraf-sentinel-release-'))
  write('package.json', JSON.stringify(MANIFEST))
  write('package-lock.json', JSON.stringify({ name: MANIFEST.name, version: MANIFEST.version }))
  write('CHANGELOG.md', CHANGELOG)
  write('.gitignore', 'dist\n')
  mkdirSync(join(folder, '.ci'))
  write('.ci/run', PASSES)
  git('init', '--quiet')
})

afterEach(() => rmSync(folder, { recursive: true }))

function write(file: string, text: string): void {
  writeFileSync(join(folder, file), text, { mode: 0o755 })
}

function git(...args: readonly string[]): void {
  const config = [
    'user.name=A',
    'user.email=a@example.com',
    'core.hooksPath=/dev/null',
    'commit.gpgSign=false',
  ]
  execFileSync('git', [...config.flatMap((setting) => ['-c', setting]), ...args], {
    cwd: folder,
    env: ENV,
    stdio: 'pipe',
  })
}

function commit(): void {
  git('add', '--all')
  git('commit', '--quiet', '--message', 'A release')
}

function tag(name = 'v1.2.3'): void {
  git('tag', name)
}

/** What `npm run release` says, and whether it succeeds; the registry is a port where nobody listens. */
async function release(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; said: string }> {
  const script = join(ROOT, 'scripts/publish/main.ts')
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['-r', require.resolve('ts-node/register/transpile-only'), script, ...args],
      {
        cwd: folder,
        env: {
          ...ENV,
          TS_NODE_PROJECT: join(ROOT, 'tsconfig.json'),
          npm_config_registry: 'http://127.0.0.1:9',
          ...env,
        },
      },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), said: stdout + stderr }),
    )
  })
}

test('a dry run does everything but the upload, without an account or a network', async () => {
  commit()
  tag()
  const { code, said } = await release(['--dry-run'], ON_GITHUB)
  expect(said).toMatch(/dist\/index\.js/)
  expect(said).toMatch(/\+ telegraf-sentinel@1\.2\.3/)
  expect(code).toBe(0)
  expect(readFileSync(join(folder, 'package.json'), 'utf8')).toBe(JSON.stringify(MANIFEST))
})

test('a prerelease is not the latest', async () => {
  write('package.json', JSON.stringify({ ...MANIFEST, version: '1.2.3-beta.1' }))
  write('package-lock.json', JSON.stringify({ version: '1.2.3-beta.1' }))
  write('CHANGELOG.md', CHANGELOG.replace('1.2.3', '1.2.3-beta.1'))
  commit()
  tag('v1.2.3-beta.1')
  const { said } = await release(['--dry-run'], ON_GITHUB)
  expect(said).toMatch(/with tag next/)
})

test('everything that is wrong is said at once', async () => {
  write('package-lock.json', JSON.stringify({ version: '1.2.2' }))
  write('CHANGELOG.md', CHANGELOG.replace('1.2.3', '1.2.4'))
  commit()
  tag('v1.2.2')
  write('new.txt', '')
  const { code, said } = await release([], {})
  expect(code).toBe(1)
  expect(said.trim().split('\n')).toEqual([
    'Not published:',
    '- The checkout has changes that are not committed: ?? new.txt',
    '- This commit needs the tag v1.2.3, after the version in package.json; it has v1.2.2',
    '- package-lock.json is of 1.2.2, package.json of 1.2.3: run npm install',
    '- CHANGELOG.md needs a section "## [1.2.3] - <year>-<month>-<day>" that says what has changed',
    expect.stringMatching(/^- npm links the package to its sources/),
    expect.stringMatching(/^- npm signs the provenance only in a GitHub Action/),
  ])
})

test.each([
  [
    'a section without a word',
    { changelog: '## [1.2.3] - 2026-01-31\n\n## [1.2.2] - 2026-01-01\n\n- Old.\n' },
    /needs a section/,
  ],
  [
    'a repository that is not the one it runs for',
    { repository: 'git+https://git.example/owner/other.git' },
    /would refuse/,
  ],
  ['a check that fails', { ci: '#!/usr/bin/env bash\nexit 3\n' }, /\.ci\/run +failed; nothing was published/],
  [
    'a check that leaves something behind',
    { ci: '#!/usr/bin/env bash\ntouch left\n' },
    /\.ci\/run has changed files.*left/,
  ],
])('refuses %s', async (_title, spoilt, said) => {
  if ('changelog' in spoilt) write('CHANGELOG.md', spoilt.changelog)
  if ('repository' in spoilt)
    write('package.json', JSON.stringify({ ...MANIFEST, repository: spoilt.repository }))
  if ('ci' in spoilt) write('.ci/run', spoilt.ci)
  commit()
  tag()
  const result = await release(['--dry-run'], ON_GITHUB)
  expect(result.said).toMatch(said)
  expect(result.code).toBe(1)
})

test('refuses an option that it does not know, before anything else', async () => {
  const { code, said } = await release(['--dryrun'], ON_GITHUB)
  expect(said).toMatch(/Unknown: --dryrun/)
  expect(code).toBe(1)
})

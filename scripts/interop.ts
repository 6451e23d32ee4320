/**
 * `npm run interop -- --node newest` (or 22, or 24.1.0): runs tests/interop, with every Telegraf and redis of jest.config.ts, on
 * another Node. Its binary comes from npm and is kept among the temporary files, outside of the checkout.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const USAGE = 'usage: npm run interop [-- --node <newest | 22 | 24.1.0>]'

/** npm has a package of Node's binary for each of these. */
const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']

const ROOT = join(__dirname, '..')

function main(): void {
  const started = performance.now()
  const wanted = readArguments()
  const platform = `${process.platform}-${process.arch}`
  if (!PLATFORMS.includes(platform)) {
    const instead =
      'Install that Node yourself and run with it: node node_modules/jest/bin/jest.js tests/interop'
    throw new Error(`npm has no Node for ${platform}, only for ${PLATFORMS.join(', ')}. ${instead}`)
  }
  const version = versionOf(wanted)
  const node = install(`node-${platform}`, version)
  const tests = 'tests/interop/[^/]+[.]test[.]ts$'
  process.stdout.write(`Node ${version}: ${tests}\n`)
  const { status, error } = spawnSync(node, [join(ROOT, 'node_modules/jest/bin/jest.js'), tests], {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      INTEROP_NODE: version,
      PATH: [dirname(node), process.env['PATH']].join(delimiter),
    },
  })
  if (error !== undefined) throw error
  process.stdout.write(`Node ${version}: ${Math.round((performance.now() - started) / 1000)} s\n`)
  process.exitCode = status ?? 1
}

function readArguments(): string {
  const { values } = parseArgs({ options: { node: { type: 'string', default: 'newest' } } })
  if (!/^(newest|\d+(\.\d+){0,2})$/.test(values.node))
    throw new Error(`--node ${values.node} names no version. ${USAGE}`)
  return values.node
}

/** The newest version that npm has of what is wanted: `22` is any 22. */
function versionOf(wanted: string): string {
  const known: unknown = JSON.parse(
    npm('view', wanted === 'newest' ? 'node' : `node@${wanted}`, 'version', '--json') || 'null',
  )
  const versions = (Array.isArray(known) ? known : [known]).filter((one) => typeof one === 'string')
  const newest = versions.sort(byVersion).at(-1)
  if (newest === undefined) throw new Error(`npm has no Node ${wanted}. ${USAGE}`)
  return newest
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** Path of the binary; installed once, without running any script of the package's. */
function install(name: string, version: string): string {
  const folder = join(tmpdir(), 'telegraf-sentinel-interop', `${name}-${version}`)
  const binary = join(folder, 'node_modules', name, 'bin', 'node')
  if (runs(binary, version)) return binary
  mkdirSync(folder, { recursive: true })
  npm(
    'install',
    '--prefix',
    folder,
    '--ignore-scripts',
    '--no-save',
    '--no-audit',
    '--no-fund',
    `${name}@${version}`,
  )
  if (runs(binary, version)) return binary
  throw new Error(`${binary} is not Node ${version}`)
}

function runs(binary: string, version: string): boolean {
  if (!existsSync(binary)) return false
  return spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim() === `v${version}`
}

function npm(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('npm', args, { encoding: 'utf8' })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${stderr}`)
  return stdout.trim()
}

try {
  main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

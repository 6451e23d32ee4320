import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'

export const ROOT = join(__dirname, '../..')
export const TSC = require.resolve('typescript/bin/tsc')

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly exports: Readonly<Record<string, unknown>>
}

export const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest

const PEERS = Object.keys(MANIFEST.peerDependencies)
export const OPTIONAL_PEERS = PEERS.filter((name) => MANIFEST.peerDependenciesMeta[name]?.optional)
/** What npm installs with the package, unless it is told not to. */
export const REQUIRED = [
  ...Object.keys(MANIFEST.dependencies),
  ...PEERS.filter((name) => !OPTIONAL_PEERS.includes(name)),
]

/** What does not belong to a clean checkout. */
const LEFT_BEHIND = ['.git', 'node_modules', 'dist', 'coverage']

export interface Packed {
  /** Holds all of it; `discard` removes it. */
  readonly temp: string
  /** The .tgz, as it would be published. */
  readonly tarball: string
  /** The unpacked package; beside it, in the same `node_modules`, are the packages it may use. */
  readonly directory: string
  /** Paths in the tarball, sorted. */
  readonly files: readonly string[]
}

let temp: string | undefined
let packing: Promise<Packed> | undefined

/** Builds and packs a clean copy of the project, once, and installs the tarball into an empty project. */
export function packed(): Promise<Packed> {
  temp ??= mkdtempSync(join(tmpdir(), 'telegraf-sentinel-'))
  return (packing ??= pack(temp))
}

/** Removes what `packed` made, or left when it failed. */
export function discard(): void {
  if (temp !== undefined) rmSync(temp, { recursive: true })
}

/** Runs a program; rejects with everything it printed if it fails. */
export async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { cwd, maxBuffer: 2 ** 26 })
    return stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`${basename(program)} ${args.join(' ')}\n${stdout ?? ''}${stderr ?? ''}`, {
      cause: error,
    })
  }
}

/** Runs a script with the node that runs the tests. */
export function node(args: readonly string[], cwd: string): Promise<string> {
  return run(process.execPath, args, cwd)
}

/** Makes an empty project that has the tarball and its dependencies installed; nothing is downloaded. */
export function project(installed: Packed, name: string): string {
  const directory = join(installed.temp, name)
  mkdirSync(directory)
  symlinkSync(dirname(installed.directory), join(directory, 'node_modules'), 'dir')
  return directory
}

/** Makes a project that has the package and only these packages beside it; nothing is downloaded. */
export function projectWith(packages: readonly string[], installed: Packed, name: string): string {
  const directory = join(installed.temp, name)
  const modules = join(directory, 'node_modules')
  // A copy: a link would have it find the packages beside its original.
  cpSync(installed.directory, join(modules, 'telegraf-sentinel'), { recursive: true })
  link(packages, modules)
  return directory
}

async function pack(temp: string): Promise<Packed> {
  const checkout = join(temp, 'checkout')
  cpSync(ROOT, checkout, {
    recursive: true,
    filter: (source) => !LEFT_BEHIND.includes(relative(ROOT, source)),
  })
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'), 'dir')
  await node([TSC, '-p', 'tsconfig.build.json'], checkout)
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', temp], checkout)
  const tarball = readdirSync(temp).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error('npm pack made no tarball')
  const directory = await install(join(temp, tarball), join(temp, 'installed', 'node_modules'))
  return { temp, tarball: join(temp, tarball), directory, files: filesUnder(directory) }
}

async function install(tarball: string, modules: string): Promise<string> {
  const directory = join(modules, 'telegraf-sentinel')
  mkdirSync(directory, { recursive: true })
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', directory], modules)
  link([...REQUIRED, '@types/node'], modules)
  return directory
}

function link(packages: readonly string[], modules: string): void {
  for (const name of packages) {
    const path = join(modules, name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), path, 'dir')
  }
}

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort()
}

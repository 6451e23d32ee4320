/** Runs a few lines of TypeScript in a process of their own. */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

const SUPPORT = resolve(__dirname, '../../support')

/** `body` may await, and has `PostgresStore` and `decide`, `limitOf` of the contract. Resolves with what it printed. */
export async function inNode(body: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const lib = resolve(__dirname, '../../../lib')
  const source = `
    const { PostgresStore } = require(${JSON.stringify(resolve(lib, 'stores/postgres/index.ts'))})
    const { decide, limitOf } = require(${JSON.stringify(resolve(lib, 'testing/contract/requests.ts'))})
    const main = async () => { ${body} }
    main().catch((error) => { console.log(error.message); process.exitCode = 1 })
  `
  const required = ['-r', 'ts-node/register/transpile-only', '-r', resolve(SUPPORT, 'self.js')]
  const options = { env: { ...process.env, ...env }, timeout: 25_000, cwd: resolve(__dirname, '../../..') }
  const { stdout } = await promisify(execFile)(process.execPath, [...required, '-e', source], options)
  return stdout.trim()
}

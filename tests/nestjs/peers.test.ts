import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'

const LIB = resolve(__dirname, '../../lib')

/** The package's own files, where no node_modules is in reach. */
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sentinel-peers-'))
  mkdirSync(join(folder, 'nestjs'))
  for (const file of ['nestjs/index', 'nestjs/peers', 'errors']) {
    const source = readFileSync(join(LIB, `${file}.ts`), 'utf8')
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
    })
    writeFileSync(join(folder, `${file}.js`), outputText)
  }
})

afterAll(() => rmSync(folder, { recursive: true }))

async function said(): Promise<string> {
  const code = `try { require('./nestjs') } catch (error) { console.log(error.code, error.message) }`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', code], { cwd: folder })
  return stdout
}

test('what is not installed is named, all at once', async () => {
  expect(await said()).toBe(
    'SENTINEL_USAGE telegraf-sentinel/nestjs needs the packages @nestjs/common, @nestjs/core and rxjs: ' +
      'npm install @nestjs/common @nestjs/core rxjs\n',
  )
})

test('and no more than that', async () => {
  for (const name of ['@nestjs/common', 'rxjs']) {
    mkdirSync(join(folder, 'node_modules', name), { recursive: true })
    writeFileSync(join(folder, 'node_modules', name, 'index.js'), '')
  }
  expect(await said()).toBe(
    'SENTINEL_USAGE telegraf-sentinel/nestjs needs the package @nestjs/core: npm install @nestjs/core\n',
  )
})

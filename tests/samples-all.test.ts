/** What every sample owes to its readers: it is short, it is driven by a test, and nothing in its folder is left over. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { filesWith, importsOf } from './package/imports'

const SAMPLES = resolve(__dirname, '../samples')
const FILES = filesWith('.ts', SAMPLES)
/** Where a sample begins. */
const ENTRIES = ['bot.ts', 'main.ts', 'app.ts']
const LINES = 60

/** The files of samples that tests import, or start as a process by their path. */
function driven(): string[] {
  return filesWith('.test.ts', __dirname).flatMap((test) => {
    const imported = importsOf(test).map((name) => `${resolve(dirname(test), name)}.ts`)
    const paths = readFileSync(test, 'utf8').matchAll(/'(?:\.\.\/)*samples\/([\w/-]+\.ts)'/g)
    return [...imported, ...[...paths].map(([, path]) => join(SAMPLES, path))]
  })
}

/** These files and all that they import of their own folders, and so on. */
function reachedFrom(files: readonly string[], seen = new Set<string>()): Set<string> {
  for (const file of files.filter((file) => !seen.has(file))) {
    seen.add(file)
    const near = importsOf(file).filter((name) => name.startsWith('.'))
    reachedFrom(
      near.map((name) => `${resolve(dirname(file), name)}.ts`),
      seen,
    )
  }
  return seen
}

const DRIVEN = reachedFrom(driven().filter((file) => file.startsWith(SAMPLES)))
const isEntry = (file: string): boolean => ENTRIES.includes(basename(file))
const named = (file: string): string => relative(SAMPLES, file)

test.each(FILES.map(named))('%s has fewer than 60 lines', (file) => {
  const lines = readFileSync(join(SAMPLES, file), 'utf8').trimEnd().split('\n').length
  expect(lines).toBeLessThan(LINES)
})

test.each(readdirSync(SAMPLES))('%s is driven by a test, from where it begins', (folder) => {
  const entries = FILES.filter((file) => dirname(file) === join(SAMPLES, folder)).filter(isEntry)
  expect(entries.map(named)).not.toEqual([])
  expect(entries.filter((file) => !DRIVEN.has(file)).map(named)).toEqual([])
})

test('no file is left over: each is a beginning, or is imported from one', () => {
  const reached = reachedFrom(FILES.filter(isEntry))
  expect(FILES.filter((file) => !reached.has(file)).map(named)).toEqual([])
})

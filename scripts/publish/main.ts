/**
 * `npm run release`: publishes the version in package.json with its provenance, from a tagged commit on which `.ci/run` passes.
 * `npm run release -- --dry-run` does everything but the upload, and needs no account.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { changesIn, factsOf } from './facts'
import { problemsOf, type Mode } from './problems'

const folder = process.cwd()

class Refused extends Error {}

function modeOf(args: readonly string[]): Mode {
  const strange = args.filter((arg) => arg !== '--dry-run')
  if (strange.length > 0) throw new Refused(`Unknown: ${strange.join(' ')}. There is only --dry-run`)
  return args.length > 0 ? 'dry run' : 'upload'
}

function run(program: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { cwd: folder, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) throw new Refused(`${[program, ...args].join(' ')} failed; nothing was published`)
}

function publish(version: string, mode: Mode): void {
  // A version such as 1.0.0-beta.1 is not what `npm install` should give to everybody.
  const tag = version.includes('-') ? 'next' : 'latest'
  const options = ['--provenance', '--access', 'public', '--tag', tag, '--ignore-scripts']
  // A dry run looks up what is published, but has to do without where there is no network.
  run('npm', ['publish', ...options, ...(mode === 'dry run' ? ['--dry-run', '--fetch-retries=0'] : [])])
}

/** The published package.json names the repository, which a fork or a mirror has elsewhere. */
function withRepository(url: string, work: () => void): void {
  const file = join(folder, 'package.json')
  const text = readFileSync(file, 'utf8')
  const repository = { type: 'git', url: `git+${url}.git` }
  writeFileSync(file, `${JSON.stringify({ ...(JSON.parse(text) as object), repository }, null, 2)}\n`)
  try {
    work()
  } finally {
    writeFileSync(file, text)
  }
}

function release(mode: Mode): void {
  const facts = factsOf(folder, process.env)
  const problems = problemsOf(facts, mode)
  if (problems.length > 0) throw new Refused(['Not published:', ...problems].join('\n- '))
  run(join('.ci', 'run'), [])
  const changes = changesIn(folder)
  if (changes.length > 0)
    throw new Refused(`.ci/run has changed files; nothing was published: ${changes.join(', ')}`)
  const repository = facts.declared ?? facts.running
  if (repository === undefined) throw new Error('a release without a repository is a problem')
  withRepository(repository, () => publish(facts.version, mode))
}

try {
  release(modeOf(process.argv.slice(2)))
} catch (error) {
  if (!(error instanceof Refused)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}

/** What a release is judged by: the checkout, its papers, and where it runs. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Facts {
  readonly version: string
  /** As package-lock.json has it. */
  readonly locked: string
  /** Lines of `git status --porcelain`. */
  readonly changes: readonly string[]
  /** Tags of this commit. */
  readonly tags: readonly string[]
  readonly changelog: string
  /** package.json's own, as a plain https address. */
  readonly declared: string | undefined
  /** The repository that a GitHub Action runs for, as a plain https address. */
  readonly running: string | undefined
  /** Whether GitHub gives this job an identity, from which npm makes the provenance. */
  readonly identity: 'given' | 'missing'
}

interface Manifest {
  readonly version: string
  readonly repository?: string | { readonly url?: string }
}

/** Reads the facts of the checkout in a folder. */
export function factsOf(folder: string, env: NodeJS.ProcessEnv): Facts {
  const text = (file: string): string => readFileSync(join(folder, file), 'utf8')
  const manifest = JSON.parse(text('package.json')) as Manifest
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = env
  const repository = typeof manifest.repository === 'object' ? manifest.repository.url : manifest.repository
  return {
    version: manifest.version,
    locked: (JSON.parse(text('package-lock.json')) as Manifest).version,
    changes: changesIn(folder),
    tags: git(folder, 'tag', '--points-at', 'HEAD'),
    changelog: text('CHANGELOG.md'),
    declared: repository === undefined ? undefined : plain(repository),
    running: server && name ? `${server}/${name}` : undefined,
    identity: env['ACTIONS_ID_TOKEN_REQUEST_URL'] ? 'given' : 'missing',
  }
}

/** What is not committed, one line per file. */
export function changesIn(folder: string): string[] {
  return git(folder, 'status', '--porcelain')
}

function git(folder: string, ...args: readonly string[]): string[] {
  return execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).split('\n').filter(Boolean)
}

/** `git+https://host/owner/name.git` -> `https://host/owner/name`. */
function plain(url: string): string {
  return url.replace(/^git\+/, '').replace(/\.git$/, '')
}

/**
 * `npm run audit`: fails if a package that users of ours install has a known vulnerability. Many mirrors of the registry answer
 * no audits: that is said, and is no failure.
 */
import { spawnSync } from 'node:child_process'

interface Report {
  readonly metadata?: { readonly vulnerabilities?: { readonly total?: number } }
}

const { stdout, stderr, error } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8' })
if (error !== undefined) throw error

const total = reportIn(stdout).metadata?.vulnerabilities?.total
if (total === undefined) {
  const why = stderr.split('\n').find((line) => line.includes('audit')) ?? 'no report'
  process.stdout.write(`Nothing was audited, the registry does not answer: ${why}\n`)
} else if (total === 0) {
  process.stdout.write('No known vulnerabilities in what is installed with the package.\n')
} else {
  process.stderr.write(stdout)
  process.exitCode = 1
}

function reportIn(text: string): Report {
  return text.trim() === '' ? {} : (JSON.parse(text) as Report)
}

/** `npm run docs`: guides and API as a site in docs-site/ (or in the folder named), built without a network, its links checked. */
import { resolve } from 'node:path'
import { problemsIn } from './check'
import { build } from './site'

async function main(out: string): Promise<void> {
  const warnings = await build(out)
  const problems = [...warnings, ...problemsIn(out)]
  for (const problem of problems) process.stderr.write(`${problem}\n`)
  if (problems.length > 0) process.exitCode = 1
  else process.stdout.write(`The site is at ${resolve(out, 'index.html')}\n`)
}

void main(process.argv[2] ?? resolve(__dirname, '../../docs-site'))

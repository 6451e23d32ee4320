import { createRequire } from 'node:module'
import type { Suite } from './suite'

const load = createRequire(__filename)

/** All suites, in the order in which they run: the shortest first, so that what is broken shows early. */
export const SUITES: readonly string[] = ['start', 'update', 'flood', 'redis', 'postgres', 'memory']

/**
 * The suite of that name, which the file `suite` in its folder exports. Loaded when it is asked for: a process that
 * measures one suite holds nothing of the others.
 */
export function suiteOf(name: string): Suite {
  if (!SUITES.includes(name)) throw new Error(`no such suite: ${name} (there are: ${SUITES.join(', ')})`)
  return (load(`./${name}/suite`) as Record<string, Suite>)[name]
}

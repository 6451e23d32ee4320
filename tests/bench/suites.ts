import { memory } from './memory/suite'
import { start } from './start/suite'
import { update } from './update/suite'
import type { Suite } from './suite'

/** All suites, in the order in which they run: the shortest first, so that what is broken shows early. */
export const suites: readonly Suite[] = [start, update, memory]

/** With what a limit's `lease` does not go together. */
import type { Problem } from './errors'
import { isBuiltin } from './limiters/limiter'
import type { Limiter } from './limiters/limiter'

const SHARED = "the scopes 'global' and 'chat', and a function"

/** Every reason why these options of a limit cannot have a lease. */
export function leaseProblems(options: Record<string, unknown>, path: string): Problem[] {
  const { lease } = options
  if (lease === undefined) return []
  return reasonsAgainst(options).map((message) => ({ path: `${path}.lease`, message }))
}

function reasonsAgainst(options: Record<string, unknown>): string[] {
  const { lease, limit, scope = 'actor', algorithm, countRefused, shadow } = options
  const reasons: string[] = []
  if (scope === 'actor' || scope === 'member') {
    reasons.push(
      `belongs to limits that many share (${SHARED}): one ${scope}'s units would lie unused in one process while they are wanted in another`,
    )
  }
  if (typeof lease === 'number' && typeof limit === 'number' && lease > limit) {
    reasons.push(`must be at most \`limit\` (${limit}), not ${lease}: a process would hold all there is`)
  }
  if (isOwn(algorithm)) {
    reasons.push(
      'belongs to the built-in algorithms: a limiter of your own is judged in the process, update by update',
    )
  }
  if (countRefused === true) {
    reasons.push('cannot go with `countRefused`: to count a refused hit, the store has to be asked each time')
  }
  if (shadow === true) {
    reasons.push(
      'cannot go with `shadow`: a trial is to show what the limit itself would refuse; add the lease once it holds',
    )
  }
  return reasons
}

function isOwn(algorithm: unknown): boolean {
  return typeof algorithm === 'object' && algorithm !== null && !isBuiltin(algorithm as Limiter)
}

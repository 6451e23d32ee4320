/** Trips that take units ahead. */
import { OverloadError, StoreTimeoutError } from '../../errors'
import type { Decision, DecisionRequest, LimitCheck } from '../decision'
import { onlyLimits } from '../own-limits'
import { longestCount, type Holding, type Landing } from './holding'

export type Native = (request: DecisionRequest) => Decision | Promise<Decision>

/** Now (ms), by the request's clock or else a monotonic one. */
export function clockOf({ now }: DecisionRequest): number {
  return now ?? performance.now()
}

/** An update goes to the store for want of units: takes some ahead or, where few are left, has others wait for its answer. */
export function askAhead(
  request: DecisionRequest,
  check: LimitCheck,
  holding: Holding,
  native: Native,
  decided: Promise<Decision>,
): void {
  const units = holding.ahead(check, clockOf(request))
  if (units > 0) holding.depart(units, takeAhead(request, { ...check, cost: units }, holding, native))
  else if (holding.isShort(check.cost)) holding.scout(decided.then(() => ({}), landingOf))
}

/** Has the store charge units, and nothing else. */
async function takeAhead(
  request: DecisionRequest,
  check: LimitCheck,
  holding: Holding,
  native: Native,
): Promise<Landing> {
  const { cost, rule } = check
  const since = clockOf(request)
  const lot = { free: cost, out: 0, since }
  try {
    const decision = await native(onlyLimits({ ...request, actor: undefined }, [check]))
    const at = clockOf(request)
    const [state] = decision.limits
    holding.see(state, at)
    if (decision.reason !== undefined) return {}
    return { lot: { ...lot, gone: at + Math.max(state.resetAfter, rule.window), stale: false } }
  } catch (error) {
    // What was not even begun has charged nothing; else it may have: units that count, and are of no use.
    if (error instanceof OverloadError) return {}
    return { ...landingOf(error), lot: { ...lot, gone: since + longestCount(rule), stale: true } }
  }
}

/** Those who waited for a store that is too slow have waited long enough; after any other error they ask themselves. */
function landingOf(error: unknown): Landing {
  return error instanceof StoreTimeoutError ? { error } : {}
}

/** The built-in limiters, and how an algorithm's name becomes one of them. */
import { SentinelUsageError } from '../errors'
import { fixedWindow } from './fixed-window'
import { gcra } from './gcra'
import type { Algorithm, BuiltinLimiter, Limiter } from './limiter'
import { slidingCounter } from './sliding-counter'
import { LONGEST_LOG, slidingWindow } from './sliding-window'
import { tokenBucket } from './token-bucket'

export { fixedWindow, gcra, LONGEST_LOG, slidingCounter, slidingWindow, tokenBucket }
export { ruleOf, waitOf } from './kernel'
export { isBuiltin } from './limiter'
export type { Algorithm, BuiltinLimiter, Kernel, Limiter, Outcome, Row, Rule } from './limiter'

const BUILTIN: Readonly<Record<Algorithm, BuiltinLimiter>> = {
  'sliding-window': slidingWindow,
  'sliding-counter': slidingCounter,
  'fixed-window': fixedWindow,
  'token-bucket': tokenBucket,
  gcra,
}

/** The names that `algorithm` may have, the default first. */
export const ALGORITHMS = Object.keys(BUILTIN) as readonly Algorithm[]

/**
 * The limiter that an `algorithm` option means.
 *
 * @throws SentinelUsageError for a name that is none of ours
 * @example
 * const [state, outcome] = slidingWindow.hit(undefined, { limit: 1, window: 1000, burst: 1, countRefused: false }, 0, 1)
 */
export function limiterOf(algorithm: Algorithm | Limiter): Limiter {
  if (typeof algorithm !== 'string') return algorithm
  if (Object.hasOwn(BUILTIN, algorithm)) return BUILTIN[algorithm]
  throw new SentinelUsageError(
    `no limiter is called '${algorithm}'; the built-in ones are ${ALGORITHMS.join(', ')}`,
  )
}

import { DURATION_HINT, toMilliseconds } from '../../duration'
import type { Duration } from '../../duration'
import { SentinelOptionsError } from '../../errors'
import type { Problem } from '../../errors'
import { hintFor } from '../../nearest'
import { checkCount, optionsObject } from '../store-options'
import type { RedisLike } from './clients'
import type { EngineOptions } from './engine'

/** Options of `RedisStore`. */
export interface RedisStoreOptions {
  /** Longest wait for one answer: set it to what `storeTimeout` is. Default `'500ms'`. */
  readonly timeout?: Duration
  /** Decisions that wait for Redis at most; the next one fails at once. Default 10,000. */
  readonly waiting?: number
  /** Decisions that travel in one call at most. Default 256. */
  readonly batch?: number
  /** Connections of a store that is made from a URL, 1 to 64. Default 1, which is enough for most. */
  readonly pool?: number
}

/** Where Redis is, with the options beside it. */
export type RedisStoreSource = RedisStoreOptions &
  (
    | { readonly url: string; readonly client?: undefined }
    | { readonly client: RedisLike; readonly url?: undefined }
  )

export interface ReadOptions extends EngineOptions {
  readonly source: string | RedisLike
}

const NAMES = ['timeout', 'waiting', 'batch', 'pool']
/** A call with more decisions would keep Redis from everybody else for too long. */
const LARGEST_BATCH = 1000
const LARGEST_POOL = 64
const NOT_FOR_CLIENTS =
  'is for a store made from a URL: a client of yours has its own connections (createClientPool)'
/** The longest that a timer can wait (ms). */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/** @throws SentinelOptionsError that lists every mistake */
export function readOptions(
  given: string | RedisLike | RedisStoreSource,
  options: RedisStoreOptions,
): ReadOptions {
  const problems: Problem[] = []
  const { source, rest } = sourceOf(given, problems)
  const {
    timeout = '500ms',
    waiting = 10_000,
    batch = 256,
    pool = typeof source === 'string' ? 1 : undefined,
    ...others
  } = {
    ...rest,
    ...optionsObject(options, problems),
  }
  for (const name of Object.keys(others)) {
    problems.push({
      path: name,
      message: `is not an option of RedisStore; ${hintFor(name, NAMES, 'options')}`,
    })
  }
  const ms = toMilliseconds(timeout)
  if (ms === undefined || ms > LONGEST_TIMEOUT) {
    problems.push({
      path: 'timeout',
      message: `must be ${DURATION_HINT}, at most 24 days, not ${String(timeout)}`,
    })
  }
  checkCount('waiting', waiting, Number.MAX_SAFE_INTEGER, problems)
  checkCount('batch', batch, LARGEST_BATCH, problems)
  if (typeof source === 'string') checkCount('pool', pool, LARGEST_POOL, problems)
  else if (pool !== undefined) problems.push({ path: 'pool', message: NOT_FOR_CLIENTS })
  if (problems.length > 0 || ms === undefined) throw new SentinelOptionsError(problems)
  return { source, timeout: ms, waiting, batch, pool }
}

function sourceOf(given: string | RedisLike | RedisStoreSource, problems: Problem[]) {
  if (typeof given === 'string' || !isSource(given)) return { source: given, rest: {} }
  const { url, client, ...rest } = given
  if (url !== undefined && client !== undefined) {
    problems.push({
      path: 'url',
      message: 'is one way to say where Redis is, client the other: give one of them',
    })
  }
  return { source: url ?? client ?? '', rest }
}

/** Options, and no client: clients have neither of these as a plain member of a plain object. */
function isSource(given: RedisLike | RedisStoreSource): given is RedisStoreSource {
  if (typeof given !== 'object' || given === null) return false
  return !('sendCommand' in given) && !('_execute' in given) && ('url' in given || 'client' in given)
}

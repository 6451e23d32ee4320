import { DURATION_HINT, toMilliseconds, type Duration } from '../../duration'
import { SentinelOptionsError, type Problem } from '../../errors'
import { isThenable } from '../../promises'
import { hintFor } from '../../nearest'
import type { DecisionRequest } from '../decision'
import { parseStore } from '../open'
import type { StorageAdapter } from '../store'
import { checkCount, optionsObject } from '../store-options'

/** Options of `layered`. */
export interface LayeredOptions {
  /**
   * How old the knowledge may be that lets an update pass ("is not blocked", "is registered"): a new ban holds everywhere
   * within it, whatever happens to the channel. It bounds what refuses too, while there is no channel. Default `'1s'`.
   */
  readonly staleness?: Duration
  /**
   * How old the knowledge may be that refuses, as long as the channel to the other processes is connected: after it the
   * store is asked anew, even if the wait that it named is not over. Default `'30s'`.
   */
  readonly recheck?: Duration
  /** What is remembered at most: refusals, marks and records together. What was of use longest ago goes first. Default 100,000. */
  readonly maxKeys?: number
}

export interface ReadOptions {
  readonly front: StorageAdapter
  readonly back: StorageAdapter
  /** ms. */
  readonly staleness: number
  /** ms. */
  readonly recheck: number
  readonly maxKeys: number
}

const NAMES = ['staleness', 'recheck', 'maxKeys']

/** A request that asks for nothing: what shows whether a store answers at once. */
const NOTHING: DecisionRequest = {
  space: '',
  now: 0,
  actor: undefined,
  chat: undefined,
  duplicate: undefined,
  block: false,
  registration: undefined,
  debounces: [],
  limits: [],
  album: undefined,
  notices: undefined,
}

/** @throws SentinelOptionsError that lists every mistake */
export function readOptions(front: unknown, back: unknown, options: LayeredOptions): ReadOptions {
  const problems: Problem[] = []
  const stores = { front: storeOf(front, 'front', problems), back: storeOf(back, 'back', problems) }
  if (typeof front === 'object' && front !== null && front === back) {
    problems.push({ path: 'front', message: 'must be another store than back' })
  } else if (problems.length === 0 && !answersAtOnce(front, stores.front)) {
    problems.push({
      path: 'front',
      message: `must be a store that answers at once: 'memory', or new MemoryStore({ … })`,
    })
  }
  const { staleness = '1s', recheck = '30s', maxKeys = 100_000, ...others } = optionsObject(options, problems)
  for (const name of Object.keys(others)) {
    problems.push({ path: name, message: `is not an option of layered; ${hintFor(name, NAMES, 'options')}` })
  }
  const times = {
    staleness: millisecondsOf('staleness', staleness, problems),
    recheck: millisecondsOf('recheck', recheck, problems),
  }
  checkCount('maxKeys', maxKeys, Number.MAX_SAFE_INTEGER, problems)
  if (problems.length > 0) throw new SentinelOptionsError(problems)
  return { ...stores, ...times, maxKeys }
}

function storeOf(given: unknown, path: string, problems: Problem[]): StorageAdapter {
  // Elsewhere nothing means 'memory'; here it is an argument that was forgotten.
  const parsed = parseStore(given === undefined ? null : given, path, {})
  problems.push(...parsed.problems)
  return parsed.value
}

/** Whether it decides without a promise. What a text names is connected later, and only 'memory' needs no connection. */
function answersAtOnce(given: unknown, store: StorageAdapter): boolean {
  if (typeof given === 'string') return given === 'memory'
  const answer = store.decide(NOTHING)
  if (!isThenable(answer)) return true
  // It is turned down; how its answer ends is nobody's concern.
  answer.then(undefined, () => undefined)
  return false
}

function millisecondsOf(path: string, given: unknown, problems: Problem[]): number {
  const ms = toMilliseconds(given)
  if (ms === undefined) problems.push({ path, message: `must be ${DURATION_HINT}, not ${String(given)}` })
  return ms ?? 0
}

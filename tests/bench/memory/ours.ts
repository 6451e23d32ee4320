import { MemoryStore } from '../../../lib'
import { hash53 } from '../../../lib/keys'
import { ALGORITHMS, limiterOf } from '../../../lib/limiters'
import type { Algorithm } from '../../../lib/limiters'
import type { DecisionRequest, LimitCheck } from '../../../lib/stores/decision'
import { LIMIT } from './contender'
import type { Contender, Run } from './contender'

/** Deadlines are rounded up to 16 s; then a million subjects go in slices, for some ten seconds (ms). */
const COLLECTION = 32_000

const NO_DEBOUNCES: DecisionRequest['debounces'] = []

export const ours: readonly Contender[] = ALGORITHMS.map((name) => ({
  name,
  kind: 'ours',
  forgetsWithin: (window) => window + COLLECTION,
  create: (window) => decideWith(name, window),
}))

/** What the sentinel asks of the store for an update with one limit: a new request, the same check. */
function decideWith(algorithm: Algorithm, window: number): Run {
  const store = new MemoryStore()
  const limits = [checkOf(algorithm, window)]
  return (ids) => {
    let passed = 0
    for (const id of ids) if (store.decide(requestOf(id, limits)).reason === undefined) passed++
    return passed
  }
}

function checkOf(algorithm: Algorithm, window: number): LimitCheck {
  return {
    scope: 'actor',
    key: undefined,
    id: hash53('bench'),
    bucket: 'bench',
    limiter: limiterOf(algorithm),
    rule: { limit: LIMIT, window, burst: LIMIT, countRefused: false },
    cost: 1,
    blockFor: 0,
    shadow: false,
    notice: false,
    outcome: undefined,
  }
}

function requestOf(actor: number, limits: readonly LimitCheck[]): DecisionRequest {
  return {
    space: 'sentinel:main',
    now: undefined,
    actor,
    chat: actor,
    duplicate: undefined,
    block: false,
    registration: undefined,
    debounces: NO_DEBOUNCES,
    limits,
    album: undefined,
    notices: undefined,
  }
}

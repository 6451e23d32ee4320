/** Numbers that requests and replies have for names: the codec and the scripts agree on them here. */
import type { Algorithm } from '../../limiters/limiter'
import type { DecisionReason } from '../decision'

export const KIND = { decide: 0, tentative: 1, refund: 2, peek: 3 } as const

export const REGISTRATION = { ask: 1, required: 2, vouched: 3 } as const

/** Settled: its outcome is known. Foreign: another slot has said what it fails. */
export const ALGORITHM = {
  gcra: 1,
  'fixed-window': 2,
  'token-bucket': 3,
  'sliding-counter': 4,
  'sliding-window': 5,
  settled: 0,
  foreign: 6,
} as const satisfies Record<Algorithm | 'settled' | 'foreign', number>

export const REASON = {
  duplicate: 1,
  blocked: 2,
  unregistered: 3,
  debounced: 4,
  limited: 5,
} as const satisfies Record<DecisionReason, number>

/** Reasons by their number, from 1. */
export const REASONS = Object.keys(REASON) as readonly DecisionReason[]

/** What a request may have beyond what each has, in this order. */
export const EXTRA = { clock: 1, duplicate: 2, album: 4, index: 8 } as const

/** How an answer begins. Broken: a key holds what is not ours. Passed: nothing is said but what is left. */
export const STATUS = { ok: 0, broken: 1, unasked: 2, passed: 3 } as const

/** The date of a registration that is none. */
export const NOT_REGISTERED = -Infinity

/** What a script of decisions may do without: the algorithms that nobody uses, and decisions that can be taken back. */
const FEATURES: readonly (Algorithm | 'tentative')[] = [
  ...(['gcra', 'fixed-window', 'token-bucket', 'sliding-counter', 'sliding-window'] as const),
  'tentative',
]

export const EVERY_FEATURE = 2 ** FEATURES.length - 1

/** The bit of a feature. */
export function featureBit(feature: Algorithm | 'tentative'): number {
  return 1 << FEATURES.indexOf(feature)
}

/** The features of a set of bits. */
export function featuresOf(bits: number): readonly string[] {
  return FEATURES.filter((_, index) => (bits >> index) % 2 === 1)
}

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

/** How an answer begins. Broken: a key holds what is not ours. */
export const STATUS = { ok: 0, broken: 1, unasked: 2 } as const

/** The date of a registration that is none. */
export const NOT_REGISTERED = -Infinity

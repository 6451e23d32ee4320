/**
 * What the client and the functions in the database agree on: numbers that mean something, and where they stand.
 *
 * A place's state is one row of numbers: `[size at which it is tidied, part, part, …]`. A part is a bucket's section
 * `[SECTION - id, algorithm, deadline (ms, real time), n, n numbers …]` or a mark `[MARK - id, until (ms)]`. All other
 * numbers are above -2^54, so a part is found by its first number alone.
 */
import type { Algorithm } from '../../../limiters/limiter'

/** The function that decides. Its name changes with its argument and answer: two versions of the package may share a database. */
export const DECIDE = 'decide_1'
export const TIDY = 'tidy_1'
export const FORGET = 'forget_1'
export const CARRY = 'carry_1'

/** A bucket's section starts with `SECTION - id`, ids being below 2^53. */
export const SECTION = '-18014398509481984'
/** A mark starts with `MARK - id`. */
export const MARK = '-72057594037927936'
/** What is above this, and below the numbers of a state, starts a section. */
export const BELOW_SECTIONS = '-36028797018963968'
/** No wait helps; a block without end. Doubles hold it exactly. */
export const FOREVER = 2 ** 62
/** Before any clock: there is no such mark, block or registration. */
export const NEVER = -(2 ** 62)
/** Stands between the parts of a batch; no key contains it, nor any JSON text. */
export const BETWEEN = '\x1e'
/** The sizes, in numbers, below which a row is never tidied, and by which it grows at most before it is. */
export const SMALLEST_TIDY = 96
export const MOST_GROWTH = 2048
/** No JSON text contains it: it stands between the texts of an answer. */
export const SEPARATOR = '\x1f'

/** How each algorithm is called in a state. 0: the limit's state is neither looked at nor changed. */
export const ALGORITHM_CODES: Readonly<Record<Algorithm, number>> = {
  'sliding-window': 1,
  'sliding-counter': 2,
  'fixed-window': 3,
  'token-bucket': 4,
  gcra: 5,
}

/** Bits of a request's first number. */
export const REQUEST = {
  duplicate: 1,
  block: 2,
  required: 4,
  ask: 8,
  album: 16,
  notices: 32,
} as const

/** Bits of a rule's flags. */
export const RULE = { countRefused: 1, shadow: 2 } as const

/** Numbers of one rule, and where each stands, from 1. */
export const RULE_FIELDS = {
  id: 1,
  algorithm: 2,
  limit: 3,
  /** gcra: ticks per unit. */
  window: 4,
  burst: 5,
  cost: 6,
  /** What a charge takes; 0: nothing. */
  charge: 7,
  /** The wait that no state can change; -1: the state says. */
  wait: 8,
  /** The wait once a refusal is counted, where the process knows it; else -1. */
  afterCounting: 9,
  flags: 10,
  blockFor: 11,
  /** Which of the texts is the block that `blockFor` adds. */
  note: 12,
  /** ms that a notice silences. */
  silence: 13,
  /** gcra: ticks per ms. */
  scale: 14,
} as const
export const RULE_SIZE = 14

/**
 * Numbers of a usual request (see decide-usual.ts), in their order; all are 0 at a place that has none. `q`: the request's number,
 * from 1; `space` stands among the batch's spaces; `keep`: ms that its state matters at least. Then come its marks, `m` and their
 * windows `w`, then its limits: `id`, `room` (the limit without the cost), `window` (ms) and `cost`; an id of 0: there is none.
 */
const USUAL_HEAD = ['q', 'space', 'user', 'look', 'keep'] as const

/** How much a usual request may have; the slim shape, which takes less time to set up, does where no request has more. */
export const USUAL_SHAPES = [
  { marks: 1, limits: 2 },
  { marks: 2, limits: 3 },
] as const

export interface UsualShape {
  readonly marks: number
  readonly limits: number
}

/** The names of a shape's numbers, in their order. */
export function usualFields({ marks, limits }: UsualShape): string[] {
  const numbered = (count: number, names: readonly string[]): string[] =>
    Array.from({ length: count }, (_, i) => names.map((name) => `${name}${i + 1}`)).flat()
  return [
    ...USUAL_HEAD,
    ...numbered(marks, ['m', 'w']),
    ...numbered(limits, ['id', 'room', 'window', 'cost']),
  ]
}

/** Bits of `look`: what is asked of the user's records. */
export const USUAL = { block: 1, registration: 2, required: 4 } as const

/** Numbers of one usual request's answer before what remains of each limit: its own, since when its actor is registered. */
export const USUAL_ANSWER = 2

/** Numbers that a slot takes while a batch is judged: a, b, c, d, units to append, deadline (0: unchanged). */
export const SLOT_SIZE = 6

/** Reasons by their code in an answer. */
export const REASONS = [undefined, 'duplicate', 'blocked', 'unregistered', 'debounced', 'limited'] as const

/** An answer's first number: the reason in its lowest three bits, then these, then two counts. */
export const ANSWER = { notice: 8, block: 16, unasked: 32, shadowed: 64, by: 2 ** 20 } as const

/** Kinds of records. */
export const KINDS = { blocks: 0, registrations: 1, members: 2 } as const

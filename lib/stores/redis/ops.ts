/**
 * What is asked of one slot. A store on one server asks for whole decisions only; on a Cluster a decision over several
 * slots is put together of these (`split.ts`).
 */
import type { DebounceCheck, Decision, DecisionRequest, LimitCheck, Place } from '../decision'

/** What another slot has said of a check, for the slot that decides. Times are ms, `Infinity` where no wait helps. */
export interface ForeignOutcome {
  /** How long the check fails, its refusal counted and its album remembered; 0: it passes. */
  readonly open: number
  /** The same after a duplicate, a block or a missing registration, when nothing is counted or remembered. */
  readonly closed: number
  /** How long its limit alone asks to wait, whatever its album remembers; 0 of a debounce. */
  readonly wait: number
  /** What is left of its limit, before anything is charged; 0 of a debounce. */
  readonly remaining: number
  readonly resetAfter: number
}

/** Checks whose place is in another slot: nothing of theirs is read or written here. */
export type Foreign = ReadonlyMap<DebounceCheck | LimitCheck, ForeignOutcome>

/** Judges a request and writes what its outcome asks for. All places but the foreign checks' share one slot. */
export interface DecideOp {
  readonly kind: 'decide'
  readonly request: DecisionRequest
  readonly foreign?: Foreign
}

/**
 * Judges a request; only if it passes, its limits are charged and its marks set. A refusal writes nothing at all: it counts no
 * refused hit, remembers no album, claims no notice, blocks nobody.
 */
export interface TentativeOp {
  readonly kind: 'tentative'
  readonly request: DecisionRequest
}

/** A mark that was set, and what it was before (`-Infinity`: it was not there). */
export interface SetMark extends Place {
  readonly id: number
  readonly until: number
  readonly before: number
}

/**
 * A limit that was charged, with its state's bytes before and after (none of a log that is long): if nobody has charged it
 * since, it becomes what it was; else its limiter's refund takes the charge out.
 */
export interface Charged {
  /** Its place among the request's limits. */
  readonly index: number
  readonly before: Buffer
  readonly after: Buffer
}

/** What takes a tentative decision back. */
export interface Undo {
  /** ms: when it was charged. */
  readonly when: number
  /** Which of the request's limits were charged. */
  readonly charged: readonly Charged[]
  readonly marks: readonly SetMark[]
}

export interface Tentative {
  readonly decision: Decision
  /** One per debounce, then one per limit, in the request's order. */
  readonly outcomes: readonly ForeignOutcome[]
  /** Absent where the request was refused: nothing was written. */
  readonly undo: Undo | undefined
}

/** Takes a tentative decision back: each limit's refund, and each mark that nobody has set anew since. */
export interface RefundOp {
  readonly kind: 'refund'
  readonly request: DecisionRequest
  readonly undo: Undo
}

export type SlotOp = DecideOp | TentativeOp | RefundOp

/** Sends what is asked of one slot; what is asked of a slot at the same time travels together. */
export interface Slots {
  decide(op: DecideOp): Promise<Decision>
  tentative(op: TentativeOp): Promise<Tentative>
  refund(op: RefundOp): Promise<void>
}

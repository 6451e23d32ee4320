/** A limiter under test: takes ids one by one, as its users do, and says how many passed. */
export interface Contender {
  readonly name: string
  /** Its author's: ours, a peer's, or `reference`: no limiter at all, but the least that one could cost. */
  readonly kind: 'ours' | 'peer' | 'reference'
  /** ms from a subject's last hit until nothing of it should be left. */
  forgetsWithin(window: number): number
  create(window: number): Run
}

export type Run = (ids: Float64Array) => number | Promise<number>

/** Hits per window and subject. */
export const LIMIT = 5

import type { Verdict } from 'telegraf-sentinel'

/** What a user got: how often, by outcome. */
export type Outcomes = Map<string, number>

/** Counts verdicts and the time that decisions took. */
export class Tally {
  readonly byUser = new Map<number, Outcomes>()
  readonly #times: number[] = []

  add(userId: number, verdict: Verdict, took: number): void {
    const outcome = verdict.allowed ? 'allowed' : verdict.reason
    const outcomes: Outcomes = this.byUser.get(userId) ?? new Map()
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    this.byUser.set(userId, outcomes)
    this.#times.push(took)
  }

  get decisions(): number {
    return this.#times.length
  }

  /** The time (ms) that this share of the decisions stayed within. */
  quantile(share: number): number {
    const sorted = [...this.#times].sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  }

  /** All users together. */
  total(): Outcomes {
    const total: Outcomes = new Map()
    for (const outcomes of this.byUser.values()) {
      for (const [outcome, count] of outcomes) total.set(outcome, (total.get(outcome) ?? 0) + count)
    }
    return total
  }
}

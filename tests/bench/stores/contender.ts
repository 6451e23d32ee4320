/** Who takes part in the benchmarks of stores that are servers, and what is asked of them. */

/** One update of a registered user, as far as guards see it. */
export interface Sent {
  readonly user: number
  /** Index of the command. */
  readonly route: number
  /** Tells the text apart from what the user sent before. */
  readonly text: number
}

/** Makes decisions, or does what decisions are compared with. */
export interface Contender {
  readonly name: string
  readonly kind: 'ours' | 'peer' | 'raw'
  /** Lets users in who are about to act. */
  register(users: readonly number[]): Promise<void>
  /** Whether the update passes. */
  decide(sent: Sent): Promise<boolean>
  close(): Promise<void>
}

/** A contender that does all the checks of a realistic update. */
export interface Guard extends Contender {
  block(user: number): Promise<void>
}

/** Commands of the bot, each with a debounce and a limit of its own, and one limit for all of them (ms). */
export const ROUTES = 5
export const CLASS_LIMIT = { limit: 30, window: 60_000 }
export const ROUTE_LIMIT = { limit: 20, window: 60_000 }
export const DEBOUNCE = 2_000

/** One limit for everybody: so wide that every update passes and has to be counted (ms). */
export const HOT_LIMIT = 1_000_000_000
export const HOT_WINDOW = 3_600_000

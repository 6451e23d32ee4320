/** What the processes of a soak say to each other. */

/** What the bot's process needs to know. */
export interface BotSetup {
  /** Of the durable store, with the faults in between. */
  readonly url: string
  readonly apiRoot: string
  readonly token: string
}

export type BotOrder =
  | { readonly act: 'ban' | 'unban' | 'register' | 'unregister'; readonly userId: number }
  | { readonly act: 'open' | 'health' | 'sample' }

/** What has become of the bot since its start. Memory once all garbage is gone (bytes). */
export interface BotSample {
  readonly heap: number
  readonly resident: number
  /** Updates that no store has judged. */
  readonly unjudged: number
  /** Events by their name. */
  readonly events: Readonly<Record<string, number>>
}

export interface DriverSetup {
  readonly port: number
  readonly rate: number
  /** ms within which a change must hold. */
  readonly staleness: number
}

/** What is to become of a user's updates, and why. */
export type Wanted = 'served' | 'refused as banned' | 'refused as unregistered'

export type DriverOrder =
  /** From `at` on (ms since the epoch) that must become of the user's updates; without it, anything may. */
  | {
      readonly act: 'expect'
      readonly userId: number
      readonly wanted: Wanted
      readonly at: number | undefined
    }
  /** Whether anything is wrong with the store. */
  | { readonly act: 'trouble'; readonly on: boolean }
  | { readonly act: 'start' | 'stop' | 'sample' }

/** Updates that were not treated as they should, while the store was in trouble and while it was not. */
export interface Mistakes {
  readonly inTrouble: number
  readonly otherwise: number
}

export interface DriverSample {
  readonly sent: number
  readonly answered: number
  readonly served: number
  /** Requests that got no answer, by error. */
  readonly failed: Readonly<Record<string, number>>
  /** By what should have become of the updates. */
  readonly mistakes: Readonly<Record<Wanted, Mistakes>>
  /** Answers later than allowed. */
  readonly late: number
  /** ms: of the whole run, and p99 since the last sample. */
  readonly p50: number
  readonly p99: number
  readonly longest: number
  readonly lately: number
}

/** ms that an answer may take in the worst case. */
export const STORE_TIMEOUT = 500
export const LATEST = STORE_TIMEOUT + 50

/** What handlers answer the webhook with: a call that Telegraf does not send over a connection of its own. */
export const SERVED = 'sendChatAction'

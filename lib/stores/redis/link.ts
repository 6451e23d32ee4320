/** One kind of client, as a connection uses it. */
import type { Argument } from './connection'
import type { OwnClient } from './line'

/** ms that a connection may take to be made, the greeting included. */
export const CONNECT_TIMEOUT = 5000
/** Calls that were written to one connection and never answered, at most: beyond them nothing is sent until one ends. */
export const MOST_LOST = 8

/** Where a command goes: to the node that holds `key`, to `node`, or to any. */
export interface Route {
  readonly key?: string
  /** The command does not have the key that says where it goes. */
  readonly keyless?: boolean
  readonly node?: string
}

export interface Link {
  readonly topology: 'one' | 'cluster'
  /** What errors call the server: its address, never its password. */
  readonly name: string
  /** What reports of its health call it: its kind and its address. */
  readonly label: string
  /** Calls to a master without an answer at most. */
  readonly mostLost: number
  /** Makes a client beside those that calls use, not opened yet; absent where there is no way to make one. */
  readonly newClient: (() => Promise<OwnClient>) | undefined
  /** Has `listener` told when another server has become the one to talk to; returns what ends it. Absent where it never does. */
  onMoved?(listener: () => void): () => void
  /** Makes it usable; rejects as soon as that has failed once. Several may ask at the same time. */
  open(): Promise<void>
  close(): Promise<void>
  /** Sends once or, if `signal` says so before it was written, never. Throws at once while there is no connection. */
  send(args: Argument[], route: Route, signal: AbortSignal): Promise<unknown>
  masters(): Promise<readonly string[]>
  /** Which of them has the slot of a key, as far as is known; absent where there is one for all. */
  masterOf?(key: string): string | undefined
  /** A call got no answer in time. */
  stalled(route: Route): void
}

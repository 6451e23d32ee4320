/** One kind of client, as a connection uses it. */
import type { Argument } from './connection'

/** ms that a connection may take to be made, the greeting included. */
export const CONNECT_TIMEOUT = 5000

/** Where a command goes: to the node that holds `key`, to `node`, or to any. */
export interface Route {
  readonly key?: string
  readonly node?: string
}

export interface Link {
  readonly topology: 'one' | 'cluster'
  /** What errors call the server: its address, never its password. */
  readonly name: string
  /** Makes it usable; rejects as soon as that has failed once. Several may ask at the same time. */
  open(): Promise<void>
  close(): Promise<void>
  /** Sends once or, if `signal` says so before it was written, never. Throws at once while there is no connection. */
  send(args: Argument[], route: Route, signal: AbortSignal): Promise<unknown>
  masters(): Promise<readonly string[]>
  /** A call got no answer in time. `lost`: so many were written and wait still. */
  stalled(route: Route, lost: number): void
}

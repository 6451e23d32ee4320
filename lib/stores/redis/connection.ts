/** What the Redis store needs of a connection, whichever kind of client is behind it. */
import { createHash } from 'node:crypto'
import type { Link } from './link'

/** A script; its digest is what is sent. */
export interface Script {
  readonly source: string
  readonly sha1: string
}

/** Strings are sent as UTF-8. */
export type Argument = string | Buffer

/** A reply with its strings as Buffers. */
export type Reply = Buffer | number | null | Error | readonly Reply[]

export interface RedisConnection {
  /** `one`: keys of a call may be any. `cluster`: they must share a slot. */
  readonly topology: 'one' | 'cluster'
  /** What is behind it. */
  readonly link: Omit<Link, 'open' | 'close' | 'send' | 'stalled'>
  /** Opens what is not open. Rejects with a StoreError where that cannot be done now; calls try again by themselves. */
  connect(): Promise<void>
  /** Closes what this connection has opened, and nothing else. */
  close(): Promise<void>
  /**
   * Runs a script in one call, to the node that holds `keys[0]`; loads it where the server does not know it (then, and
   * only then, it takes a second call). Never sends it again after it may have run. Rejects with a StoreError that says
   * what is wrong and what to do, with a StoreTimeoutError after `timeLeft` ms: what was not sent by then never is.
   * `node`: one of `masters()`, for a script without keys.
   */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    timeLeft: number,
    node?: string,
  ): Promise<Reply>
  /** A command that may be repeated and touches one key, `args[1]`, or (SCAN, PING, TIME) none. `node`: one of `masters()`. */
  command(args: readonly Argument[], timeLeft: number, node?: string): Promise<Reply>
  /** Tells whoever listens to `channel`. On a Cluster always by the same node, as long as that has its slots. */
  publish(channel: string, message: string, timeLeft: number): Promise<void>
  /** Nodes that a SCAN has to visit, in a stable order. A single server has one, called `''`. */
  masters(): Promise<readonly string[]>
}

export function scriptOf(source: string): Script {
  return { source, sha1: createHash('sha1').update(source).digest('hex') }
}

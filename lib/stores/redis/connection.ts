/** What the Redis store needs of a connection, whichever kind of client is behind it. */
import { createHash } from 'node:crypto'

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
  /** Opens what is not open. Rejects with a StoreError where that cannot be done now; calls try again by themselves. */
  connect(): Promise<void>
  /** Closes what this connection has opened, and nothing else. */
  close(): Promise<void>
  /**
   * Runs a script in one call, to the node that holds `keys[0]`; loads it where the server does not know it (then, and
   * only then, it takes a second call). Never sends it again after it may have run. Rejects with a StoreError that says
   * what is wrong and what to do, with a StoreTimeoutError after `timeLeft` ms: what was not sent by then never is.
   */
  run(script: Script, keys: readonly string[], args: readonly Argument[], timeLeft: number): Promise<Reply>
  /** A command that may be repeated and touches one key, `args[1]`, or (SCAN, PING, TIME) none. `node`: one of `masters()`. */
  command(args: readonly Argument[], timeLeft: number, node?: string): Promise<Reply>
  /** Nodes that a SCAN has to visit, in a stable order. A single server has one, called `''`. */
  masters(): Promise<readonly string[]>
}

export function scriptOf(source: string): Script {
  return { source, sha1: createHash('sha1').update(source).digest('hex') }
}

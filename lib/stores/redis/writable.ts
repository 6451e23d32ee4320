/** Whether a server takes writes: one that answers a PING may be a read-only replica, or out of memory. */
import { StoreError, toError } from '../../errors'
import { scriptOf } from './connection'
import type { RedisConnection } from './connection'

/**
 * A script that may write, and does not: Redis 7 and Valkey refuse it, before its first line, with what they would
 * refuse a write with.
 *
 * @see https://redis.io/docs/latest/develop/programmability/lua-api/#script-flags
 */
const MAY_WRITE = scriptOf('#!lua\nreturn 1')

/** For Redis 6.2, which does not know such scripts: of this nothing stays, since there is no such key. */
const TRY_TO_WRITE = scriptOf(`return redis.call('SET', KEYS[1], '', 'XX')`)

export class Writable {
  readonly #connection: RedisConnection
  /** ms per call. */
  readonly #timeout: number
  /** Where keys may lie that this user may write to: `prefix:bot`. */
  #space: string | undefined
  /** The server is older than Redis 7. */
  #isOld = false

  constructor(connection: RedisConnection, timeout: number) {
    this.#connection = connection
    this.#timeout = timeout
  }

  /** The store has been used with this space: Redis 6.2 is asked what may be written there. */
  seen(space: string): void {
    this.#space ??= space
  }

  /** Why masters refuse to write, an error for each that does. `all`: none of them writes. One trip. */
  async troubles(): Promise<{ readonly errors: readonly Error[]; readonly all: boolean }> {
    const masters = await this.#masters()
    const asked = await Promise.allSettled(masters.map((node) => this.#ask(node)))
    const errors = asked.flatMap((answer) => (answer.status === 'rejected' ? [toError(answer.reason)] : []))
    return { errors, all: errors.length === masters.length }
  }

  /** Those that are known: whatever has not been opened yet is opened by a call, in its time. */
  async #masters(): Promise<readonly (string | undefined)[]> {
    const { link, topology } = this.#connection
    if (topology === 'one') return [undefined]
    const known = await link.masters()
    return known.length > 0 ? known : [undefined]
  }

  async #ask(node: string | undefined): Promise<void> {
    if (!this.#isOld) {
      try {
        await this.#connection.run(MAY_WRITE, [], [], this.#timeout, node)
        return
      } catch (error) {
        if (!isNoAnswer(error)) throw error
        this.#isOld = true
      }
    }
    if (this.#space === undefined) await this.#connection.command(['PING'], this.#timeout, node)
    else await this.#connection.run(TRY_TO_WRITE, [`${this.#space}:health`], [], this.#timeout)
  }
}

/** Whether the server does not understand such a script (or what stands before it, such as a proxy, wants a key). */
function isNoAnswer(error: unknown): boolean {
  if (!(error instanceof StoreError)) return false
  const { message } = toError(error.cause)
  return message.startsWith('ERR ') && !/unknown command/i.test(message)
}

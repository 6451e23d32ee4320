/** The channel between processes on one schema: LISTEN and NOTIFY. */
import { AsyncResource } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import { StoreError, toError } from '../../errors'
import { Backoff } from '../backoff'
import { LONGEST_MESSAGE, type Channel, type ChannelListener } from '../channel'
import { Convoy } from '../convoy'
import type { PostgresConnection } from './connection'
import { Hearing } from './hearing'
import type { OpenSession } from './listening'
import { UnheardError } from './sessions'
import { textArray } from './sql/quote'

export interface ChannelOptions {
  readonly schema: string
  /** ms that one send may take. */
  readonly timeout: number
}

/** Messages in one statement at most. */
const MOST_TOGETHER = 64

/** ms until it is tried again where a pooler keeps notifications back: only a human can change that. */
const RARELY = 60_000

/** Payloads are told apart by how they begin: a message has its number, so that no two of a transaction are taken for one. */
const MESSAGE = /^m\d+ /

/** Timers and sockets are made in here, so that none carries the async context of whoever opened the channel. */
const outside = new AsyncResource('TelegrafSentinelPostgresChannel')

/** The name of a schema's channel: one that needs no quotes and fits PostgreSQL's 63 bytes, whatever the schema is called. */
export function channelName(schema: string): string {
  if (/^[a-z_][a-z0-9_]{0,54}$/.test(schema)) return `${schema}_changes`
  return `sentinel_changes_${createHash('sha256').update(schema).digest('hex').slice(0, 32)}`
}

/**
 * Hears through a session of its own and tells through the store's connections. It counts as connected once something that
 * went out through the store's connections has come back to the session: only that shows that no pooler keeps it back.
 */
export class PostgresChannel implements Channel {
  readonly #name: string
  readonly #timeout: number
  readonly #backoff = new Backoff()
  readonly #convoy: Convoy<string, undefined>
  #hearing: Hearing | undefined
  #retry: NodeJS.Timeout | undefined
  #sent = 0
  #lost = false
  #closed: Promise<void> | undefined

  constructor(
    private readonly connection: Pick<PostgresConnection, 'query'>,
    private readonly open: OpenSession,
    private readonly listener: ChannelListener,
    { schema, timeout }: ChannelOptions,
  ) {
    this.#name = channelName(schema)
    this.#timeout = timeout
    const carry = async (payloads: readonly string[], timeLeft: number): Promise<undefined[]> => {
      await this.#notify(payloads, timeLeft)
      return payloads.map(() => undefined)
    }
    // One statement at a time keeps them in order.
    this.#convoy = new Convoy(carry, { most: MOST_TOGETHER, flights: 1, timeout })
    outside.runInAsyncScope(() => this.#hear())
  }

  async send(message: string): Promise<void> {
    const length = Buffer.byteLength(message)
    if (length > LONGEST_MESSAGE) {
      throw new StoreError(`a message may have ${LONGEST_MESSAGE} bytes of UTF-8, not ${length}`)
    }
    if (message.includes('\0')) throw new StoreError('a message may not have the character U+0000')
    await this.#convoy.run(`m${++this.#sent} ${message}`)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    clearTimeout(this.#retry)
    const hearing = this.#hearing
    this.#hearing = undefined
    await Promise.all([this.#convoy.drain(), hearing?.end()])
  }

  #hear(): void {
    const hearing = new Hearing(this.#name, this.open, {
      tell: (payload) => this.#notify([payload], this.#timeout),
      heard: (payload) => this.#heard(payload),
      connected: () => this.#connected(),
      lost: (error) => this.#lose(error),
    })
    this.#hearing = hearing
    hearing.start()
  }

  #heard(payload: string): void {
    const [start] = MESSAGE.exec(payload) ?? []
    if (start !== undefined) this.listener.message(payload.slice(start.length))
  }

  #connected(): void {
    this.#backoff.reset()
    this.#lost = false
    this.listener.connected()
  }

  #lose(error: Error): void {
    const delay = error instanceof UnheardError ? RARELY : this.#backoff.next()
    this.#retry = outside.runInAsyncScope(() => setTimeout(() => this.#hear(), delay).unref())
    if (this.#lost) return
    this.#lost = true
    this.listener.lost(toError(error))
  }

  /** Nobody waits for the disk: who listens later does not hear it anyway, and NOTIFY takes turns while it commits. */
  async #notify(payloads: readonly string[], timeLeft: number): Promise<void> {
    const text =
      `SELECT set_config('synchronous_commit', 'off', true), count(pg_notify($1::text, payload)) ` +
      `FROM unnest($2::text::text[]) AS payload`
    await this.connection.query({ text, values: [this.#name, textArray(payloads)] }, timeLeft)
  }
}

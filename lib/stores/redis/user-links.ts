/** Clients that the bot has already: its own client or pool, or Sentinel. */
import { StoreError } from '../../errors'
import { isPool, sendOptions } from './clients'
import type { Openable, RedisClientLike, RedisSentinelLike } from './clients'
import type { Argument } from './connection'
import type { OwnClient } from './line'
import { CONNECT_TIMEOUT, MOST_LOST } from './link'
import type { Link, Route } from './link'
import { closeClient, destroyNow, Tenancy } from './openings'
import { duplicateOf, isDuplicable } from './own-client'

/** What opening and closing have in common. */
export abstract class UserLink<Client extends Openable> implements Link {
  readonly topology: Link['topology'] = 'one'
  abstract readonly name: string
  abstract readonly label: string
  abstract readonly newClient: Link['newClient']
  readonly mostLost: number = MOST_LOST
  readonly #tenancy: Tenancy

  constructor(protected readonly client: Client) {
    this.#tenancy = new Tenancy(client, () => this.end())
  }

  open(): Promise<void> {
    return this.#tenancy.open()
  }

  close(): Promise<void> {
    return this.#tenancy.close()
  }

  async send(args: Argument[], route: Route, signal: AbortSignal): Promise<unknown> {
    const { isOpen, isReady } = this.client
    if (!isOpen || isReady === false || this.#tenancy.isOpening) {
      const { complaint } = this.#tenancy
      // Its queue would keep the call until it is too late.
      if (isOpen && complaint !== undefined) throw complaint
      await this.open()
      if (signal.aborted) throw new Error('too late')
    }
    return this.dispatch(args, route, signal)
  }

  async masters(): Promise<readonly string[]> {
    return ['']
  }

  /** It is not ours to replace. */
  stalled(_route: Route): void {
    return undefined
  }

  /** Ends the client, which we have opened: what does not go in time is destroyed. */
  protected end(): Promise<void> {
    return closeClient(this.client)
  }

  protected abstract dispatch(args: Argument[], route: Route, signal: AbortSignal): Promise<unknown>
}

export class ClientLink extends UserLink<RedisClientLike> {
  readonly name = 'the Redis server of this client'
  readonly label = `redis ${addressOfClient(this.client)}`
  readonly newClient = this.#maker()

  protected override dispatch(args: Argument[], _route: Route, signal: AbortSignal): Promise<unknown> {
    return this.client.sendCommand(args, sendOptions(signal))
  }

  /** A pool says nothing of its options, but lends its clients. */
  #maker(): Link['newClient'] {
    const { client } = this
    if (isDuplicable(client)) return async () => duplicateOf(client, CONNECT_TIMEOUT)
    if (!isPool(client)) return undefined
    let lent: RedisClientLike | undefined
    return async () => {
      await this.open()
      // What its options are one of its clients knows for ever: later nobody waits for one that is free.
      lent ??= await client.execute(async (one) => one)
      return anotherOf(lent)
    }
  }
}

export class SentinelLink extends UserLink<RedisSentinelLike> {
  readonly name = 'the master of this Sentinel'
  readonly label = 'redis sentinel'
  readonly newClient = async (): Promise<OwnClient> => {
    await this.open()
    const made = await this.client._execute(false, anotherOf)
    return made as OwnClient
  }
  /** Of the masters that calls went to. */
  readonly #nodes = new Set<RedisClientLike>()

  onMoved(listener: () => void): () => void {
    const onChange = (change: object): void => {
      if ('type' in change && change.type === 'MASTER_CHANGE') listener()
    }
    this.client.on('topology-change', onChange)
    return () => void this.client.off('topology-change', onChange)
  }

  /**
   * A sentinel repeats what failed while its connection was lost, though it may have run. So what was written and came
   * to anything but a refusal by a replica is not written again.
   */
  protected override dispatch(args: Argument[], _route: Route, signal: AbortSignal): Promise<unknown> {
    let sent: { readonly error: unknown } | undefined
    return this.client._execute(false, async (client) => {
      if (sent !== undefined) throw sent.error
      this.#meet(client)
      try {
        return await client.sendCommand(args, sendOptions(signal))
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('READONLY'))) sent = { error }
        throw error
      }
    })
  }

  /** A Sentinel of redis 5 that is closing knows its nodes no more, and so cannot destroy those that do not answer. */
  protected override async end(): Promise<void> {
    try {
      await super.end()
    } finally {
      for (const client of this.#nodes) destroyNow(client)
      this.#nodes.clear()
    }
  }

  #meet(client: RedisClientLike): void {
    if (this.#nodes.has(client)) return
    for (const known of this.#nodes) if (!known.isOpen) this.#nodes.delete(known)
    this.#nodes.add(client)
  }
}

/** @throws StoreError where this kind of client cannot make any. */
export async function anotherOf(client: RedisClientLike): Promise<OwnClient> {
  if (isDuplicable(client)) return duplicateOf(client, CONNECT_TIMEOUT)
  throw new StoreError('this Redis client has no duplicate(), which listening needs')
}

function addressOfClient(client: RedisClientLike): string {
  if (!isDuplicable(client)) return 'pool'
  const { host = 'localhost', port = 6379, path = undefined } = client.options?.socket ?? {}
  return path ?? `${host}:${port}`
}

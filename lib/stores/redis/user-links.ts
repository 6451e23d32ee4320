/** Clients that the bot has already: its own client or pool, Cluster, or Sentinel. */
import { StoreError } from '../../errors'
import { sendOptions } from './clients'
import type { Openable, RedisClientLike, RedisClusterLike, RedisSentinelLike } from './clients'
import type { Argument } from './connection'
import type { Link, Route } from './link'
import { Tenancy } from './openings'
import { slotOf } from './slot'

/** What opening and closing have in common. */
abstract class UserLink<Client extends Openable> implements Link {
  readonly topology: Link['topology'] = 'one'
  abstract readonly name: string
  readonly #tenancy: Tenancy

  constructor(protected readonly client: Client) {
    this.#tenancy = new Tenancy(client)
  }

  open(): Promise<void> {
    return this.#tenancy.open()
  }

  close(): Promise<void> {
    return this.#tenancy.close()
  }

  async send(args: Argument[], route: Route, signal: AbortSignal): Promise<unknown> {
    const { isOpen, isReady } = this.client
    if (!isOpen || isReady === false) {
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
  stalled(_route: Route, _lost: number): void {
    return undefined
  }

  protected abstract dispatch(args: Argument[], route: Route, signal: AbortSignal): Promise<unknown>
}

export class ClientLink extends UserLink<RedisClientLike> {
  readonly name = 'the Redis server of this client'

  protected override dispatch(args: Argument[], _route: Route, signal: AbortSignal): Promise<unknown> {
    return this.client.sendCommand(args, sendOptions(signal))
  }
}

export class SentinelLink extends UserLink<RedisSentinelLike> {
  readonly name = 'the master of this Sentinel'

  /**
   * A sentinel repeats what failed while its connection was lost, though it may have run. So what was written and came
   * to anything but a refusal by a replica is not written again.
   */
  protected override dispatch(args: Argument[], _route: Route, signal: AbortSignal): Promise<unknown> {
    let sent: { readonly error: unknown } | undefined
    return this.client._execute(false, async (client) => {
      if (sent !== undefined) throw sent.error
      try {
        return await client.sendCommand(args, sendOptions(signal))
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('READONLY'))) sent = { error }
        throw error
      }
    })
  }
}

/** ms between two looks at who serves what. */
const REDISCOVER_EVERY = 1000

export class ClusterLink extends UserLink<RedisClusterLike> {
  override readonly topology = 'cluster'
  readonly name = 'this Redis Cluster'
  #rediscovered = -Infinity

  override async masters(): Promise<readonly string[]> {
    return this.client.masters.map(({ address }) => address).sort()
  }

  /**
   * A node that is dead but not closed looks well to the cluster's client, which therefore keeps to it after a replica
   * has been promoted: it is told to ask another master who serves what.
   */
  override stalled({ key }: Route): void {
    const now = performance.now()
    if (key === undefined || now - this.#rediscovered < REDISCOVER_EVERY) return
    this.#rediscovered = now
    const { masters, slots } = this.client
    const silent = slots[slotOf(key)]?.master.address
    const other = masters.find(({ address }) => address !== silent)
    if (other !== undefined) void this.#rediscover(other)
  }

  protected override async dispatch(args: Argument[], { key, node }: Route, signal: AbortSignal) {
    if (key !== undefined) return this.client.sendCommand(key, false, args, sendOptions(signal))
    const { masters } = this.client
    const master = node === undefined ? masters[0] : masters.find(({ address }) => address === node)
    if (master === undefined) throw new StoreError(`${node} is no master of this Redis Cluster any more`)
    const client = await this.#clientOf(master)
    return client.sendCommand(args, sendOptions(signal))
  }

  async #clientOf(node: object): Promise<RedisClientLike> {
    // One of the cluster's own nodes, whose full type is the package's business.
    return this.client.nodeClient(node as never)
  }

  /** There is no public way to ask for it; where this one is gone the client finds out by itself, only later. */
  async #rediscover(other: object): Promise<void> {
    const slots: unknown = Reflect.get(this.client, '_slots')
    if (!(slots instanceof Object && 'rediscover' in slots && typeof slots.rediscover === 'function')) return
    try {
      await slots.rediscover(await this.#clientOf(other))
    } catch {
      // The next call that gets no answer asks again.
      this.#rediscovered = -Infinity
    }
  }
}

/** A Redis Cluster that the bot has. */
import { StoreError } from '../../errors'
import { sendOptions } from './clients'
import type { RedisClientLike, RedisClusterLike } from './clients'
import type { Argument } from './connection'
import type { OwnClient } from './line'
import type { Route } from './link'
import { slotOf } from './slot'
import { anotherOf, UserLink } from './user-links'

/** ms between two looks at who serves what. */
const REDISCOVER_EVERY = 1000

export class ClusterLink extends UserLink<RedisClusterLike> {
  override readonly topology = 'cluster'
  readonly name = 'this Redis Cluster'
  readonly label = 'redis cluster'
  /** It has nodes that answer beside one that does not. */
  override readonly mostLost = 64
  /** On the masters in turn: what one publishes all hear. */
  readonly newClient = async (): Promise<OwnClient> => {
    await this.open()
    const { masters } = this.client
    const master = masters[this.#turn++ % masters.length]
    if (master === undefined) throw new StoreError('this Redis Cluster has no masters now')
    return anotherOf(await this.#clientOf(master))
  }
  #turn = Math.floor(Math.random() * 1000)
  #rediscovered = -Infinity

  override async masters(): Promise<readonly string[]> {
    return this.client.masters.map(({ address }) => address).sort()
  }

  masterOf(key: string): string | undefined {
    return this.client.slots[slotOf(key)]?.master.address
  }

  /**
   * A node that is dead but not closed looks well to the cluster's client, which therefore keeps to it after a replica
   * has been promoted: it is told to ask another master who serves what.
   */
  override stalled({ key }: Route): void {
    const now = performance.now()
    if (key === undefined || now - this.#rediscovered < REDISCOVER_EVERY) return
    this.#rediscovered = now
    const { masters } = this.client
    const silent = this.masterOf(key)
    const other = masters.find(({ address }) => address !== silent)
    if (other !== undefined) void this.#rediscover(other)
  }

  protected override async dispatch(args: Argument[], route: Route, signal: AbortSignal) {
    const { key, keyless } = route
    if (key !== undefined && keyless !== true) {
      return this.client.sendCommand(key, false, args, sendOptions(signal))
    }
    const client = await this.#clientOf(this.#masterOf(route))
    return client.sendCommand(args, sendOptions(signal))
  }

  /** The one that has the key's slot, the one that is named, or any. */
  #masterOf({ key, node }: Route): object {
    const { masters, slots } = this.client
    const named = node === undefined ? masters[0] : masters.find(({ address }) => address === node)
    const master = key === undefined ? named : slots[slotOf(key)]?.master
    if (master === undefined) {
      throw new StoreError(`${node ?? 'the node of this slot'} is no master of this Redis Cluster now`)
    }
    return master
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

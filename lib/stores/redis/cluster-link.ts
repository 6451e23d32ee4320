/** A Redis Cluster that the bot has. */
import { StoreError } from '../../errors'
import { within } from '../../promises'
import { sendOptions } from './clients'
import type { ClusterNode, RedisClientLike, RedisClusterLike } from './clients'
import type { Argument } from './connection'
import type { OwnClient } from './line'
import type { Route } from './link'
import { destroyNow, endsInTime } from './openings'
import { isDuplicable } from './own-client'
import type { Duplicable } from './own-client'
import { slotOf } from './slot'
import { anotherOf, UserLink } from './user-links'

/** ms between two looks at who serves what, and that the one who is asked may be silent. */
const REDISCOVER_EVERY = 1000
const REDISCOVER_SILENCE = 2000

/** What the package keeps to itself of a Cluster. */
interface Slots {
  /** Asks at the address in these options, then elsewhere; or joins a look that is under way. */
  rediscover(startWith?: { readonly options: object }): Promise<unknown>
}

const quiet = (): void => undefined

export class ClusterLink extends UserLink<RedisClusterLike> {
  override readonly topology = 'cluster'
  readonly name = 'this Redis Cluster'
  readonly label = 'redis cluster'
  /** Decisions that travel together are a call for each hash tag: not all of them are lost to one short stall. */
  override readonly mostLost = 64
  /** On the masters in turn: what one publishes all hear. */
  readonly newClient = async (): Promise<OwnClient> => {
    await this.open()
    const { masters } = this.client
    const master = masters[this.#turn++ % masters.length]
    if (master === undefined) throw new StoreError('this Redis Cluster has no masters now')
    // One that is connecting anew knows its options as well.
    return anotherOf(master.client ?? (await this.#clientOf(master)))
  }
  #turn = Math.floor(Math.random() * 1000)
  #rediscovered = -Infinity
  #looking: Promise<void> | undefined
  #closed = false

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
    if (key === undefined || this.#looking !== undefined || now - this.#rediscovered < REDISCOVER_EVERY)
      return
    this.#rediscovered = now
    const silent = this.masterOf(key)
    const others = this.client.masters.filter(({ address }) => address !== silent)
    // Whatever it comes to, the next call that gets no answer asks again.
    this.#looking = this.#rediscover(others)
      .catch(quiet)
      .finally(() => (this.#looking = undefined))
  }

  /** A look that is under way would connect the bot's client anew after the bot has closed it. */
  override async close(): Promise<void> {
    this.#closed = true
    await super.close()
    if (this.#looking !== undefined) await endsInTime(this.#looking)
  }

  protected override async dispatch(args: Argument[], route: Route, signal: AbortSignal) {
    const { key, keyless } = route
    if (key !== undefined && keyless !== true) {
      return this.client.sendCommand(key, false, args, sendOptions(signal))
    }
    const client = await this.#clientOf(this.#masterOf(route))
    return client.sendCommand(args, sendOptions(signal))
  }

  /** A Cluster that is closing knows its nodes no more, and so cannot destroy those that do not answer. */
  protected override async end(): Promise<void> {
    const clients = nodeClientsOf(this.client)
    try {
      await super.end()
    } finally {
      for (const client of clients) destroyNow(client)
    }
    // Closed it begins no look, but ends one that is under way, and that connects to all nodes anew.
    const looked = this.#slots()?.rediscover().catch(quiet)
    if (looked !== undefined) await endsInTime(looked.then(() => this.#destroyLeftovers()))
  }

  #destroyLeftovers(): void {
    const { isOpen, masters } = this.client
    if (!isOpen && masters.length > 0) destroyNow(this.client)
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

  /** One that does not answer either would keep the cluster's client waiting for ever: the first that does is asked. */
  async #rediscover(others: readonly ClusterNode[]): Promise<void> {
    const slots = this.#slots()
    if (slots === undefined) return
    const late = (): Error => new StoreError(`no other master answers within ${REDISCOVER_SILENCE} ms`)
    const answering = Promise.any(others.map((node) => this.#answering(node)))
    const { options } = await within(answering, REDISCOVER_SILENCE, late)
    if (this.#closed || options === undefined) return
    const socket = { ...options.socket, socketTimeout: REDISCOVER_SILENCE }
    await slots.rediscover({ options: { ...options, socket } })
  }

  async #answering(node: ClusterNode): Promise<Pick<Duplicable, 'options'>> {
    const client = await this.#clientOf(node)
    await client.sendCommand(['PING'], sendOptions(AbortSignal.timeout(REDISCOVER_SILENCE)))
    return isDuplicable(client) ? client : {}
  }

  /** There is no public way to ask who serves what; where this one is gone the client finds out by itself, only later. */
  #slots(): Slots | undefined {
    const slots: unknown = Reflect.get(this.client, '_slots')
    return isSlots(slots) ? slots : undefined
  }
}

function isSlots(value: unknown): value is Slots {
  return value instanceof Object && 'rediscover' in value && typeof value.rediscover === 'function'
}

function nodeClientsOf({ masters, replicas, pubSubNode }: RedisClusterLike): RedisClientLike[] {
  const nodes = [...masters, ...replicas, ...(pubSubNode === undefined ? [] : [pubSubNode])]
  return nodes.flatMap(({ client, pubSub }) => [client, pubSub?.client].filter((one) => one !== undefined))
}

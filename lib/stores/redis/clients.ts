/**
 * What the package redis (5 and 6) makes, as far as we use it. Clients are told apart by what they can do, never by
 * their class: a bot may well have another copy of the package than ours.
 */
import { SentinelOptionsError } from '../../errors'
import type { Argument } from './connection'

/** What we ask for with each command. */
export interface SendOptions {
  /** What strings become, by the first byte of their reply. */
  readonly typeMapping: object
  /** Takes the command out of the client's queue, unless it was written. */
  readonly abortSignal: AbortSignal
  /** None: the client's own would cost a timer per command. */
  readonly timeout: undefined
}

/** What all of them have. `isReady` is missing where a client is ready as long as it is open. */
export interface Openable {
  readonly isOpen: boolean
  readonly isReady?: boolean
  connect(): Promise<unknown>
  close(): unknown
  destroy(): unknown
  /** Missing where there are clients within. */
  unref?(): void
  on(event: string, listener: (error: Error) => void): unknown
  off(event: string, listener: (error: Error) => void): unknown
}

/** `createClient()` and `createClientPool()`. */
export interface RedisClientLike extends Openable {
  sendCommand(args: Argument[], options?: SendOptions): Promise<unknown>
}

/** `createClientPool()`. */
interface RedisPoolLike extends RedisClientLike {
  execute<T>(act: (client: RedisClientLike) => Promise<T>): Promise<T>
}

/** A node of a Cluster; its clients are missing until they are needed. */
export interface ClusterNode {
  readonly address: string
  readonly client?: RedisClientLike
  readonly pubSub?: { readonly client: RedisClientLike }
}

/** `createCluster()`. */
export interface RedisClusterLike extends Openable {
  readonly masters: readonly ClusterNode[]
  readonly replicas: readonly ClusterNode[]
  readonly pubSubNode?: ClusterNode
  readonly slots: readonly { readonly master: { readonly address: string } }[]
  nodeClient(node: never): RedisClientLike | Promise<RedisClientLike>
  sendCommand(
    firstKey: Argument | undefined,
    isReadonly: boolean | undefined,
    args: Argument[],
    options?: SendOptions,
  ): Promise<unknown>
}

/** `createSentinel()`. */
export interface RedisSentinelLike extends Openable {
  getMasterNode(): unknown
  _execute(
    isReadonly: boolean | undefined,
    act: (client: RedisClientLike) => Promise<unknown>,
  ): Promise<unknown>
}

/** Whatever the package redis makes. */
export type RedisLike = RedisClientLike | RedisClusterLike | RedisSentinelLike

const STRING_REPLIES = ['+', '$', '='].map((byte) => [byte.charCodeAt(0), Buffer] as const)

/** How we send: strings come back as bytes. */
export function sendOptions(abortSignal: AbortSignal): SendOptions {
  return { typeMapping: BYTES, abortSignal, timeout: undefined }
}

const BYTES = Object.fromEntries(STRING_REPLIES)

export function isPool(client: RedisClientLike): client is RedisPoolLike {
  return 'execute' in client && typeof client.execute === 'function'
}

export function isCluster(client: RedisLike): client is RedisClusterLike {
  return 'nodeClient' in client
}

export function isSentinel(client: RedisLike): client is RedisSentinelLike {
  return 'getMasterNode' in client && '_execute' in client
}

/** @throws SentinelOptionsError where it is nothing that we know how to use. */
export function assertRedisLike(source: unknown): asserts source is RedisLike {
  const methods = ['connect', 'close', 'destroy', 'sendCommand', 'on', 'off']
  const missing = isObject(source)
    ? methods.filter((method) => typeof Reflect.get(source, method) !== 'function')
    : methods
  if (missing.length === 0) return
  throw new SentinelOptionsError([
    {
      path: 'store',
      message:
        `RedisStore takes a URL ('redis://…', 'rediss://…') or what createClient, createClientPool, createCluster or ` +
        `createSentinel of the package redis (5 or 6) made; this has no ${missing.join(', ')}`,
    },
  ])
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

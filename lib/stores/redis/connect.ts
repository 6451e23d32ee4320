import { Calls } from './calls'
import { ClusterLink } from './cluster-link'
import { assertRedisLike, isCluster, isSentinel } from './clients'
import type { RedisLike } from './clients'
import type { RedisConnection } from './connection'
import type { Link } from './link'
import { OwnLink } from './own-link'
import type { OwnLinkOptions } from './own-link'
import { ClientLink, SentinelLink } from './user-links'

export interface ConnectionOptions {
  /** ms: what a StoreTimeoutError names, the store's `storeTimeout`. */
  readonly timeout: number
  /** Connections, where they are of our own. Default 1. */
  readonly pool?: number
}

/**
 * A connection to Redis or Valkey: of our own from a URL, or through what the bot has already, opened or not.
 *
 * What is open already is never closed; a client that we opened is closed with the last store on it.
 *
 * @throws SentinelOptionsError for a malformed URL, something that is no client, or the package redis missing.
 * @example
 * const connection = connectionOf('redis://localhost:6379', { timeout: 500 })
 * await connection.command(['PING'], 500)
 */
export function connectionOf(
  source: string | RedisLike,
  { timeout, pool = 1 }: ConnectionOptions,
): RedisConnection {
  return new Calls(linkOf(source, { timeout, pool }), timeout)
}

function linkOf(source: string | RedisLike, options: OwnLinkOptions): Link {
  if (typeof source === 'string') return new OwnLink(source, options)
  assertRedisLike(source)
  if (isCluster(source)) return new ClusterLink(source)
  return isSentinel(source) ? new SentinelLink(source) : new ClientLink(source)
}

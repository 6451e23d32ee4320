/** Clients of our own: from a URL, or with the options of a client that the bot has. */
import { createRequire } from 'node:module'
import { SentinelOptionsError } from '../../errors'
import type { RedisClientLike } from './clients'
import type { OwnClient } from './line'

type CreateClient = (options: object) => OwnClient

/** RESP 2, which all servers speak and which needs no greeting; nothing waits in the client, and nothing is tried again. */
const OPTIONS = {
  RESP: 2,
  disableOfflineQueue: true,
  disableClientInfo: true,
  maintNotifications: 'disabled',
}

/** What the bot's client may have that ours must not. */
const WITHOUT = {
  clientSideCache: undefined,
  emitInvalidate: false,
  commandsQueueMaxLength: undefined,
  pingInterval: undefined,
  readonly: false,
}

/** A client that can make another one with its options. */
export interface Duplicable extends RedisClientLike {
  readonly options?: {
    readonly socket?: { readonly host?: string; readonly port?: number; readonly path?: string }
  }
  duplicate(overrides: object): OwnClient
}

export function isDuplicable(client: RedisClientLike): client is Duplicable {
  return 'duplicate' in client && typeof client.duplicate === 'function'
}

/** @throws SentinelOptionsError where the package redis is missing. */
export function clientsOf(url: string, name: string, connectTimeout: number): () => OwnClient {
  const create = loadCreateClient(name)
  return () => create({ ...OPTIONS, url, socket: socketOptions(connectTimeout) })
}

/** A client to the same server, as the same user. */
export function duplicateOf(client: Duplicable, connectTimeout: number): OwnClient {
  const socket = { ...client.options?.socket, socketTimeout: undefined, ...socketOptions(connectTimeout) }
  return client.duplicate({ ...OPTIONS, ...WITHOUT, socket })
}

function socketOptions(connectTimeout: number): object {
  return { connectTimeout, reconnectStrategy: false }
}

function loadCreateClient(name: string): CreateClient {
  try {
    return (createRequire(__filename)('redis') as { createClient: CreateClient }).createClient
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) throw error
    throw new SentinelOptionsError([
      { path: 'store', message: `store '${name}' needs the package redis: npm install redis` },
    ])
  }
}

/** All stores that are tested alike, and how any process opens them. Servers are real, on loopback. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCluster } from 'redis'
import { MemoryStore } from '../../lib/stores/memory'
import { PostgresStore } from '../../lib/stores/postgres'
import { RedisStore } from '../../lib/stores/redis'
import type { StorageAdapter } from '../../lib/stores/store'
import { FileStore } from '../../samples/own-store/file-store'
import { MapStore } from './map-store'
import { startPostgres } from './servers/postgres'
import { startRedis, startRedisCluster } from './servers/redis'

/** Where a store is, in words that can be sent to another process. */
export type Address =
  | { readonly kind: 'memory' | 'map' }
  | { readonly kind: 'file' | 'pglite'; readonly folder: string }
  | { readonly kind: 'redis' | 'postgres'; readonly url: string }
  | { readonly kind: 'cluster'; readonly rootNodes: readonly { readonly url: string }[] }

export interface StoreUnderTest {
  readonly name: string
  /** In which order decisions that are asked for in one tick are taken: as they were asked for, or in any. */
  readonly order: 'as issued' | 'in some order'
  /** Over which checks of one decision it is atomic while others are taken. */
  readonly atomic: 'altogether' | 'per subject'
  /** Starts what the store needs. */
  start(): Promise<void>
  stop(): Promise<void>
  address(): Address
  /** Whether there is a server that can be made to hang. */
  readonly hangs: boolean
  /** The server stands still: connections stay open, nothing answers. */
  pause(): void
  resume(): void
  /** A new store on what was started, connected. The caller closes it. */
  make(): Promise<StorageAdapter>
}

/** A store that is not connected yet. */
export function openStore(address: Address): StorageAdapter {
  switch (address.kind) {
    case 'memory':
      return new MemoryStore()
    case 'map':
      return new MapStore()
    case 'file':
      return new FileStore(address.folder)
    case 'redis':
      return new RedisStore(address.url)
    case 'cluster':
      return new RedisStore(createCluster({ rootNodes: [...address.rootNodes] }))
    case 'postgres':
      return new PostgresStore(address.url)
    case 'pglite':
      return new PostgresStore(`pglite:${address.folder}`)
  }
}

/** Every store whose verdicts are compared. */
export function storesUnderTest(): StoreUnderTest[] {
  return [memory(), fourPrimitives(), ...withServers(), pglite()]
}

/** Every store that processes can share. */
export function sharedStores(): StoreUnderTest[] {
  return [file(), ...withServers()]
}

/** The stores that the contract is held against with real servers. */
export function nativeStores(): StoreUnderTest[] {
  return [...withServers(), pglite()]
}

function withServers(): StoreUnderTest[] {
  return [redis(), cluster(), postgres()]
}

function redis(): StoreUnderTest {
  const start = async (): Promise<Started> => {
    const server = await startRedis()
    return { ...handlesOf([server]), address: { kind: 'redis', url: server.url } }
  }
  return new Under('Redis', start, { hangs: true })
}

function cluster(): StoreUnderTest {
  const start = async (): Promise<Started> => {
    const { nodes, rootNodes, stop } = await startRedisCluster()
    return { ...handlesOf(nodes), stop, address: { kind: 'cluster', rootNodes } }
  }
  return new Under('Redis Cluster', start, { order: 'in some order', atomic: 'per subject', hangs: true })
}

function postgres(): StoreUnderTest {
  const start = async (): Promise<Started> => {
    const server = await startPostgres()
    return { ...handlesOf([server]), address: { kind: 'postgres', url: server.url } }
  }
  return new Under('PostgreSQL', start, { hangs: true })
}

function pglite(): StoreUnderTest {
  const start = async (): Promise<Started> => {
    const { root, stop } = temporary('pglite')
    return { address: { kind: 'pglite', folder: join(root, 'data') }, stop }
  }
  return new Under('PGlite', start)
}

interface Server {
  stop(): Promise<void>
  pause(): void
  resume(): void
}

function handlesOf(servers: readonly Server[]): Required<Omit<Started, 'address'>> {
  return {
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
    pause: () => servers.forEach((server) => server.pause()),
    resume: () => servers.forEach((server) => server.resume()),
  }
}

function temporary(name: string): { readonly root: string; stop(): Promise<void> } {
  const root = mkdtempSync(join(tmpdir(), `sentinel-${name}-`))
  return { root, stop: async () => rmSync(root, { recursive: true }) }
}

function memory(): StoreUnderTest {
  return new Under('memory', async () => ({ address: { kind: 'memory' } }))
}

function fourPrimitives(): StoreUnderTest {
  const order = 'in some order'
  return new Under('four primitives over a map', async () => ({ address: { kind: 'map' } }), { order })
}

function file(): StoreUnderTest {
  const start = async (): Promise<Started> => {
    const { root, stop } = temporary('file')
    return { address: { kind: 'file', folder: join(root, 'store') }, stop }
  }
  return new Under('FileStore', start, { order: 'in some order', atomic: 'per subject' })
}

interface Started {
  readonly address: Address
  stop?(): Promise<void>
  pause?(): void
  resume?(): void
}

type Nature = Pick<StoreUnderTest, 'order' | 'atomic' | 'hangs'>

class Under implements StoreUnderTest {
  readonly order: StoreUnderTest['order']
  readonly atomic: StoreUnderTest['atomic']
  readonly hangs: boolean
  #started: Started | undefined

  constructor(
    readonly name: string,
    private readonly begin: () => Promise<Started>,
    { order = 'as issued', atomic = 'altogether', hangs = false }: Partial<Nature> = {},
  ) {
    this.order = order
    this.atomic = atomic
    this.hangs = hangs
  }

  async start(): Promise<void> {
    this.#started = await this.begin()
  }

  async stop(): Promise<void> {
    await this.#started?.stop?.()
    this.#started = undefined
  }

  pause(): void {
    this.#started?.pause?.()
  }

  resume(): void {
    this.#started?.resume?.()
  }

  address(): Address {
    if (this.#started === undefined) throw new Error(`${this.name}: start() comes first`)
    return this.#started.address
  }

  async make(): Promise<StorageAdapter> {
    const store = openStore(this.address())
    await store.connect()
    return store
  }
}

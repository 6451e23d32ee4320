/**
 * Real Redis (or Valkey) servers for tests: one, a Cluster, a Sentinel. On 127.0.0.1 only, nothing on the disk but a
 * folder of their own, gone when they stop.
 */
import { chmodSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createClient } from 'redis'
import { temporaryFolder, until } from './child'
import { programOf } from './install'
import { freePort, ServerProcess } from './process'

/** The Cluster's bus listens this much above the port. */
const BUS = 10_000
const NODE_TIMEOUT = '1000'

export interface RedisOptions {
  /** More of redis-server's arguments: `['--requirepass', 'x', '--maxmemory', '2mb']`. */
  readonly args?: readonly string[]
  /** Lines of an ACL file: `user bot on >pw ~sentinel:* +@all`. A line for `default` is added where there is none. */
  readonly users?: readonly string[]
}

/** A server that a test may mistreat. */
export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Ends it and removes what it left. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** Kills it if it runs and starts it again on its port; without persistence it comes back empty. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): void
  resume(): void
  /** One command as the server's default user, on a connection of its own. */
  admin(...args: string[]): Promise<unknown>
}

export interface RedisCluster {
  /** For `createCluster({ rootNodes })`. */
  readonly rootNodes: readonly { readonly url: string }[]
  /** The first three started as masters, the others as their replicas, in the same order. */
  readonly nodes: readonly RedisServer[]
  /** Waits until every node that runs says that the Cluster is well. */
  ready(): Promise<void>
  stop(): Promise<void>
}

export interface RedisSentinels {
  readonly name: string
  /** For `createSentinel({ name, sentinelRootNodes })`. */
  readonly sentinelRootNodes: readonly { readonly host: string; readonly port: number }[]
  readonly master: RedisServer
  readonly replica: RedisServer
  stop(): Promise<void>
}

/** Whose tests are content with any server: `REDIS_URL` if that is set, else one of their own. */
export async function anyRedis(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const url = process.env['REDIS_URL']
  return url === undefined || url === '' ? startRedis() : { url, stop: async () => undefined }
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  return startServer(await freePort(), options)
}

async function startServer(port: number, { args = [], users }: RedisOptions): Promise<RedisServer> {
  const folder = temporaryFolder('redis')
  const acl = users === undefined ? [] : ['--aclfile', aclFile(folder, users)]
  return serverOf(port, folder, [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
    ...['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0', ...acl, ...args],
  ])
}

async function serverOf(port: number, folder: string, args: readonly string[]): Promise<RedisServer> {
  const command = await redisProgram()
  const server = await ServerProcess.start({ command, args, folder, ready: () => answers(port) })
  const password = args[args.indexOf('--requirepass') + 1]
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    restart: () => server.restart(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    admin: (...command) => administer(port, args.includes('--requirepass') ? password : undefined, command),
  }
}

function redisProgram(): Promise<string> {
  return programOf({
    programs: ['redis-server', 'valkey-server'],
    debian: 'redis-server',
    otherwise: 'for tests that need no server of their own, REDIS_URL may name one',
  })
}

function aclFile(folder: string, users: readonly string[]): string {
  const path = join(folder, 'users.acl')
  const all = users.some((line) => line.startsWith('user default '))
    ? []
    : ['user default on nopass ~* &* +@all']
  writeFileSync(path, [...all, ...users, ''].join('\n'))
  return path
}

/** Three masters and a replica for each, all of one mind. */
export async function startRedisCluster(options: RedisOptions = {}): Promise<RedisCluster> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', NODE_TIMEOUT, ...(options.args ?? [])]
  const nodes = await startAll(6, async () => startServer(await freePort([BUS]), { ...options, args }))
  const cluster: RedisCluster = {
    rootNodes: nodes.map(({ url }) => ({ url })),
    nodes,
    ready: () => untilOk(nodes),
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  }
  try {
    await introduce(nodes)
    await shareSlots(nodes.slice(0, 3))
    await replicate(nodes)
    await cluster.ready()
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

async function introduce(nodes: readonly RedisServer[]): Promise<void> {
  await Promise.all(nodes.map(({ admin }, index) => admin('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))))
  for (const { port } of nodes.slice(1)) await nodes[0].admin('CLUSTER', 'MEET', '127.0.0.1', String(port))
  await until(
    async () => {
      const known = await Promise.all(nodes.map((node) => nodesKnownTo(node)))
      return known.every((lines) => lines.length === nodes.length && !lines.join().includes('handshake'))
    },
    () => 'the nodes do not get to know each other',
  )
}

async function nodesKnownTo(node: RedisServer): Promise<string[]> {
  return String(await node.admin('CLUSTER', 'NODES'))
    .trim()
    .split('\n')
}

async function shareSlots(masters: readonly RedisServer[]): Promise<void> {
  const share = Math.ceil(16_384 / masters.length)
  await Promise.all(
    masters.map(({ admin }, index) => {
      const from = index * share
      const slots = Array.from({ length: Math.min(share, 16_384 - from) }, (_, n) => String(from + n))
      return admin('CLUSTER', 'ADDSLOTS', ...slots)
    }),
  )
}

async function replicate(nodes: readonly RedisServer[]): Promise<void> {
  const replicas = nodes.slice(3)
  await Promise.all(
    replicas.map(async (replica, index) => {
      await replica.admin('CLUSTER', 'REPLICATE', String(await nodes[index].admin('CLUSTER', 'MYID')))
      await untilLinked(replica)
    }),
  )
  await until(
    async () => {
      const known = await Promise.all(nodes.map((node) => nodesKnownTo(node)))
      return known.every((lines) => lines.filter((line) => line.includes('slave')).length === replicas.length)
    },
    () => 'some node does not know the replicas',
  )
}

function untilLinked(replica: RedisServer): Promise<void> {
  return until(
    async () => String(await replica.admin('INFO', 'replication')).includes('master_link_status:up'),
    () => 'the replica does not get its master’s data',
  )
}

async function untilOk(nodes: readonly RedisServer[]): Promise<void> {
  await until(
    async () => {
      const states = await Promise.all(
        nodes.map(({ admin }) => admin('CLUSTER', 'INFO').catch((error: unknown) => isRefused(error))),
      )
      return states.every((state) => state === true || String(state).includes('cluster_state:ok'))
    },
    () => 'not all nodes say cluster_state:ok',
  )
}

/** A node that was killed has no say. */
function isRefused(error: unknown): true {
  if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') return true
  throw error
}

/** A master, its replica, and sentinels that promote it within a second or two. */
export async function startRedisSentinel(options: RedisOptions = {}): Promise<RedisSentinels> {
  const name = 'mymaster'
  const started: RedisServer[] = []
  const stop = async () => void (await Promise.all(started.map((server) => server.stop())))
  try {
    const master = await startRedis(options)
    started.push(master)
    const follow = ['--replicaof', `127.0.0.1 ${master.port}`]
    const replica = await startRedis({ ...options, args: [...(options.args ?? []), ...follow] })
    started.push(replica)
    await untilLinked(replica)
    const sentinels = await startAll(3, () => startSentinel(name, master.port))
    started.push(...sentinels)
    await until(
      async () => {
        const views = await Promise.all(sentinels.map(({ admin }) => admin('SENTINEL', 'MASTER', name)))
        return views.every(
          (view) => knows(view, 'num-slaves', '1') && knows(view, 'num-other-sentinels', '2'),
        )
      },
      () => 'the sentinels do not get to know each other and the replica',
    )
    const sentinelRootNodes = sentinels.map(({ port }) => ({ host: '127.0.0.1', port }))
    return { name, sentinelRootNodes, master, replica, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Of a reply that is a flat list of names and values. */
function knows(view: unknown, name: string, value: string): boolean {
  return Array.isArray(view) && view[view.indexOf(name) + 1] === value
}

async function startSentinel(name: string, masterPort: number): Promise<RedisServer> {
  const port = await freePort()
  const folder = temporaryFolder('redis-sentinel')
  const config = join(folder, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${name} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 2000`,
  ]
  writeFileSync(config, lines.join('\n') + '\n')
  // A sentinel rewrites it, as a user that may be another than ours.
  chmodSync(config, 0o666)
  return serverOf(port, folder, [config, '--sentinel'])
}

/** All of them, or none is left running. */
async function startAll(count: number, start: () => Promise<RedisServer>): Promise<RedisServer[]> {
  const results = await Promise.allSettled(Array.from({ length: count }, start))
  const servers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed === undefined) return servers
  await Promise.all(servers.map((server) => server.stop()))
  throw failed.reason
}

async function administer(port: number, password: string | undefined, args: string[]): Promise<unknown> {
  const client = createClient({
    password,
    RESP: 2,
    disableClientInfo: true,
    socket: { host: '127.0.0.1', port, reconnectStrategy: false },
  })
  // Each command rejects with what went wrong.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await client.sendCommand(args)
  } finally {
    client.destroy()
  }
}

/** Whether a server answers a PING, if only to say that it wants a password. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const end = (answered: boolean): void => {
      socket.destroy()
      resolve(answered)
    }
    socket.setTimeout(1000, () => end(false))
    socket.once('data', (data) => end(/^(\+PONG|-NOAUTH)/.test(data.toString())))
    socket.once('error', () => end(false))
  })
}

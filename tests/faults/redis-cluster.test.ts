/** A Redis Cluster that loses a master, and Redis Sentinel that sees to a new one. */
import { createCluster, createSentinel } from 'redis'
import { RedisStore, type RedisStoreOptions } from 'telegraf-sentinel/redis'
import {
  startRedisCluster,
  startRedisSentinel,
  type RedisCluster,
  type RedisSentinels,
  type RedisServer,
} from '../support/servers/redis'
import { expectGuarded, expectOpen, suite, type Expected } from './suite'
import { withMemory } from './with-memory'

let cluster: RedisCluster
let sentinels: RedisSentinels[]
beforeAll(async () => {
  ;[cluster, ...sentinels] = await Promise.all([
    startRedisCluster(),
    startRedisSentinel(),
    startRedisSentinel(),
  ])
}, 60_000)
afterAll(async () => {
  await Promise.all([cluster, ...sentinels].map((servers) => servers?.stop()))
})

/** A replica takes over by itself: that is the recovery. */
const killed = (server: () => RedisServer): Pick<Expected, 'begin' | 'end' | 'countedFrom'> => ({
  begin: () => server().kill(),
  end: () => undefined,
  countedFrom: 'begin',
})

/** By way of those nodes that no scenario kills. */
const inCluster = (options?: RedisStoreOptions): RedisStore =>
  new RedisStore(createCluster({ rootNodes: cluster.rootNodes.slice(3) }), options)
const bySentinel = (n: number, options?: RedisStoreOptions): RedisStore => {
  const { name, sentinelRootNodes } = sentinels[n]
  return new RedisStore(createSentinel({ name, sentinelRootNodes: [...sentinelRootNodes] }), options)
}

/** For what is looked up before and after, on a machine that may be busy. */
const PATIENT = { timeout: '10s' } as const

const alone: readonly Expected[] = [
  {
    fault: 'a master of a Redis Cluster killed',
    store: "Redis Cluster alone, `onStoreError: 'allow'`",
    ...killed(() => cluster.nodes[0]),
    open: () => ({ store: inCluster() }),
    primary: () => inCluster(PATIENT),
    expected: expectOpen,
  },
  {
    fault: 'the master of a Redis Sentinel killed',
    store: "Redis Sentinel alone, `onStoreError: 'allow'`",
    ...killed(() => sentinels[0].master),
    open: () => ({ store: bySentinel(0) }),
    primary: () => bySentinel(0, PATIENT),
    expected: expectOpen,
  },
]

const guarded: readonly Expected[] = [
  {
    ...alone[0],
    store: 'Redis Cluster, then memory',
    ...killed(() => cluster.nodes[1]),
    open: () => withMemory(inCluster()),
    expected: expectGuarded,
  },
  {
    ...alone[1],
    store: 'Redis Sentinel, then memory',
    ...killed(() => sentinels[1].master),
    open: () => withMemory(bySentinel(1)),
    primary: () => bySentinel(1, PATIENT),
    expected: expectGuarded,
  },
]

suite('redis-cluster', [guarded[0], alone[0], guarded[1], alone[1]])

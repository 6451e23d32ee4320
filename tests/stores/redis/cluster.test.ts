/** On a Redis Cluster: decisions over several slots, nodes that are lost. */
import { setTimeout as delay } from 'node:timers/promises'
import { createCluster } from 'redis'
import { RedisStore } from '../../../lib/stores/redis'
import { ClusterLink } from '../../../lib/stores/redis/cluster-link'
import { connectionOf } from '../../../lib/stores/redis/connect'
import { deleteEntry, scanEntries, swapEntry } from '../../../lib/stores/redis/entries'
import { actorKey } from '../../../lib/stores/redis/keys'
import { slotOf } from '../../../lib/stores/redis/slot'
import { debounceOf, limitOf, queryOf, requestOf, START } from '../../../lib/testing/contract/requests'
import type { LimitParts } from '../../../lib/testing/contract/requests'
import type { DecisionRequest } from '../../../lib/stores/decision'
import { startRedisCluster } from '../../support/servers/redis'
import type { RedisCluster } from '../../support/servers/redis'
import { AMPLE, COUNT, eventually, failureOf, runsOf } from './probe'

jest.setTimeout(60_000)

const timeout = 500
let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster()
})
afterAll(async () => cluster.stop())

const make = () => createCluster({ rootNodes: [...cluster.rootNodes] })

describe('a connection', () => {
  test('opens what nobody has opened, and closes that', async () => {
    const client = make()
    const [one, two] = [1, 2].map(() => connectionOf(client, { timeout }))
    await Promise.all([one.connect(), two.connect()])
    await one.close()
    expect(client.isOpen).toBe(true)
    expect(await two.run(COUNT, ['opens'], [], AMPLE)).toBe(1)
    await two.close()
    expect(client.isOpen).toBe(false)
  })

  test('leaves open what was open', async () => {
    const client = make()
    client.on('error', () => undefined)
    await client.connect()
    const connection = connectionOf(client, { timeout })
    await connection.connect()
    expect(await connection.command(['PING'], AMPLE)).toEqual(Buffer.from('PONG'))
    await connection.close()
    expect(client.isOpen).toBe(true)
    await client.close()
  })

  test('finds the node of a key as the Cluster does', async () => {
    for (const key of ['', 'a', '{a}b', 'x{}y', 'x{y', '{{a}}', 'ключ', 'space:actor:{0a0}:42']) {
      expect([key, slotOf(key)]).toEqual([key, await cluster.nodes[0].admin('CLUSTER', 'KEYSLOT', key)])
    }
  })

  test('lists the records of all masters, whatever the page', async () => {
    const connection = connectionOf(make(), { timeout: AMPLE })
    const keys = Array.from({ length: 200 }, (_, n) => `scan:own:${n}`)
    await Promise.all(keys.map((key) => swapEntry(connection, key, null, 1, { timeout: AMPLE })))
    expect(await connection.masters()).toHaveLength(3)
    for (const limit of [7, 1000]) {
      const found: string[] = []
      let cursor: string | undefined
      do {
        const page = await scanEntries(connection, 'scan:own:', { cursor, limit, timeout: AMPLE })
        found.push(...page.entries.map(({ key }) => key))
        cursor = page.cursor
      } while (cursor !== undefined)
      expect(found.sort()).toEqual([...keys].sort())
    }
    await Promise.all(keys.map((key) => deleteEntry(connection, key, undefined, AMPLE)))
    await connection.close()
  })

  test('a plain client on a node is told what to use instead', async () => {
    const connection = connectionOf(cluster.nodes[0].url, { timeout })
    const failures = await Promise.allSettled(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => connection.run(COUNT, [`plain:${key}`], [], AMPLE)),
    )
    const messages = failures.flatMap((result) =>
      result.status === 'rejected' ? [String(result.reason)] : [],
    )
    expect(messages.length).toBeGreaterThan(0)
    expect(messages[0]).toContain('give the store createCluster({ rootNodes')
    await connection.close()
  })
})

describe('a decision over several slots', () => {
  let store: RedisStore
  let space: string
  let spaces = 0
  beforeAll(async () => {
    store = new RedisStore(make(), { timeout: AMPLE })
    await store.connect()
  })
  afterAll(async () => store.close())
  beforeEach(() => {
    space = `cluster:${++spaces}`
  })

  const decide = async (parts: Partial<DecisionRequest>) => store.decide(requestOf(space, parts))
  const chat = (parts: LimitParts = {}) => limitOf({ bucket: 'chat', scope: 'chat', limit: 2, ...parts })
  const global = (parts: LimitParts = {}) => limitOf({ bucket: 'all', scope: 'global', limit: 5, ...parts })
  const own = (parts: LimitParts = {}) =>
    limitOf({ bucket: 'own', scope: 'own', key: 'k', limit: 3, ...parts })
  const left = async (limit: ReturnType<typeof chat>) => (await store.peek(queryOf(space, limit))).remaining

  test('charges all of them, or none if any refuses, wherever it is', async () => {
    const limits = [limitOf({ limit: 9 }), chat(), global(), own()]
    for (const remaining of [
      [8, 1, 4, 2],
      [7, 0, 3, 1],
    ]) {
      const decision = await decide({ limits })
      expect(decision.reason).toBeUndefined()
      expect(decision.limits.map((state) => state.remaining)).toEqual(remaining)
    }
    for (let n = 0; n < 3; n++) {
      const refused = await decide({ limits })
      expect([refused.reason, refused.name, refused.retryAfter]).toEqual(['limited', 'chat', 10_000])
      expect(refused.limits.map((state) => state.remaining)).toEqual([7, 0, 3, 1])
    }
    expect(await Promise.all(limits.map(left))).toEqual([7, 0, 3, 1])
  })

  test('a refusal at home gives the others back', async () => {
    const limits = [global(), limitOf({ limit: 1 }), chat({ limit: 9 })]
    await decide({ limits })
    const refused = await decide({ limits })
    expect([refused.name, refused.limits.map((state) => state.remaining)]).toEqual(['shop', [4, 0, 8]])
    const debounces = [debounceOf({ scope: 'chat' })]
    const limited = await decide({ limits, debounces })
    expect(limited.name).toBe('shop')
    // The mark of the refused update is gone with it.
    expect((await decide({ actor: 43, debounces })).reason).toBeUndefined()
    expect((await decide({ actor: 44, debounces })).reason).toBe('debounced')
  })

  test('countRefused counts, elsewhere too, but not what was refused before it', async () => {
    const limits = [chat({ limit: 1, countRefused: true })]
    const at = (time: number, parts: Partial<DecisionRequest> = {}) =>
      decide({ now: START + time, limits, ...parts })
    await at(0)
    expect((await at(4_000)).retryAfter).toBe(10_000)
    expect((await at(6_000)).retryAfter).toBe(10_000)
    const required = await at(8_000, { registration: 'required' })
    expect([required.reason, required.limits[0].resetAfter]).toEqual(['unregistered', 8_000])
    expect((await at(15_999)).reason).toBe('limited')
  })

  test('a limit elsewhere blocks the actor at home', async () => {
    const limits = [chat({ limit: 1, blockFor: 60_000 })]
    await decide({ limits })
    const refused = await decide({ limits })
    expect([refused.retryAfter, refused.blockAdded?.until]).toEqual([60_000, START + 60_000])
    expect((await decide({ block: true })).reason).toBe('blocked')
  })

  test('a shadow limit elsewhere refuses nobody, and what it counts is counted', async () => {
    const limits = [chat({ limit: 1, shadow: true, countRefused: true }), global()]
    await decide({ limits })
    const shadowed = await decide({ now: START + 4_000, limits })
    expect([shadowed.reason, shadowed.shadowed]).toEqual([undefined, [{ name: 'chat', retryAfter: 10_000 }]])
    expect(shadowed.limits.map((state) => state.resetAfter)).toEqual([10_000, 10_000])
  })

  test('an album is one message in every slot', async () => {
    const limits = [limitOf({ limit: 9 }), chat({ limit: 1 }), global()]
    const part = (album: number) => decide({ limits, album })
    for (let n = 0; n < 3; n++) expect((await part(1)).reason).toBeUndefined()
    for (let n = 0; n < 3; n++) expect((await part(2)).name).toBe('chat')
    expect(await Promise.all(limits.map(left))).toEqual([8, 0, 4])
  })

  test('with no actor the global place is home', async () => {
    const decision = await decide({ actor: undefined, chat: undefined, limits: [global(), own()] })
    expect(decision.limits.map((state) => state.remaining)).toEqual([4, 2])
    const duplicate = { mark: 7, window: 1000 }
    const ask = () => decide({ actor: undefined, chat: undefined, duplicate, limits: [own()] })
    expect([(await ask()).reason, (await ask()).reason]).toEqual([undefined, 'duplicate'])
    expect(await left(own())).toBe(1)
  })

  test('of hundreds at once, exactly the limit passes, and nothing stays charged for the others', async () => {
    const limits = [limitOf({ limit: 1000 }), chat({ limit: 25 }), global({ limit: 1000 })]
    const decisions = await Promise.all(
      Array.from({ length: 200 }, (_, n) => decide({ actor: 1 + (n % 7), limits })),
    )
    expect(decisions.filter(({ reason }) => reason === undefined)).toHaveLength(25)
    expect([await left(limits[1]), await left(limits[2])]).toEqual([0, 975])
  })
})

test('the bound of those who wait is one for all masters', async () => {
  const store = new RedisStore(make(), { timeout: AMPLE, waiting: 100 })
  await store.connect()
  const outcomes = await Promise.allSettled(
    Array.from({ length: 1000 }, async (_, n) =>
      store.decide(requestOf('cluster:bound', { actor: n + 1, limits: [limitOf({ limit: 1000 })] })),
    ),
  )
  const failures = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))
  expect(failures).toHaveLength(900)
  expect(new Set(failures.map(({ name }) => name))).toEqual(new Set(['OverloadError']))
  expect((await store.health()).waiting).toBe(0)
  await store.close()
})

describe('a master that is lost', () => {
  /** Those that hold this process. */
  const openSockets = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length

  /** Clients of all nodes, their replicas aside. */
  async function connections(): Promise<number> {
    const lists = await Promise.all(
      cluster.nodes.map((node) => node.admin('CLIENT', 'LIST', 'TYPE', 'normal')),
    )
    return lists.map((list) => String(list).trim().split('\n').length).reduce((sum, count) => sum + count, 0)
  }

  const KEY = 'lost:0'

  /** The node that serves KEY. */
  async function serving() {
    for (const node of cluster.nodes) {
      const answer = await node.admin('SET', KEY, '0').catch((error: Error) => error.message)
      if (answer === 'OK') return node
    }
    throw new Error('no node serves it')
  }

  test('paused: calls end in time, other slots go on, its replica takes over by itself', async () => {
    const connection = connectionOf(make(), { timeout })
    await connection.connect()
    const node = await serving()
    node.pause()
    const failures = await Promise.all(
      Array.from({ length: 5 }, () => failureOf(connection.run(COUNT, [KEY], [], timeout))),
    )
    expect(failures.map(({ name }) => name)).toEqual(Array(5).fill('StoreTimeoutError'))
    expect(await eventually(() => connection.run(COUNT, [KEY], [], timeout))).toBeGreaterThan(0)
    node.resume()
    await cluster.ready()
    await connection.close()
  })

  /** Runs `act` while nobody takes over from a master that is silent. */
  async function withoutElections(act: () => Promise<void>): Promise<void> {
    const setTimeouts = (ms: string) =>
      Promise.all(cluster.nodes.map((node) => node.admin('CONFIG', 'SET', 'cluster-node-timeout', ms)))
    const [, before] = (await cluster.nodes[0].admin('CONFIG', 'GET', 'cluster-node-timeout')) as string[]
    await setTimeouts('60000')
    try {
      await act()
    } finally {
      // What the others have asked the silent one meanwhile is answered first.
      await delay(300)
      await setTimeouts(before)
      await cluster.ready()
    }
  }

  test('paused: decisions of the others’ users are taken meanwhile, also when many have been lost', async () => {
    await withoutElections(async () => {
      const client = make()
      const store = new RedisStore(client, { timeout })
      await store.connect()
      const silent = client.masters[0].address
      const actors = Array.from({ length: 90 }, (_, n) => n + 1)
      const isServed = (actor: number): boolean =>
        client.slots[slotOf(actorKey('cluster:paused', actor))].master.address !== silent
      const node = cluster.nodes.find(({ port }) => silent.endsWith(`:${port}`))
      const limits = [limitOf({ limit: 1000 })]
      /** Why there was no decision, by actor. */
      const decideAll = () =>
        Promise.all(
          actors.map(async (actor) => {
            const decided = store.decide(requestOf('cluster:paused', { actor, limits }))
            return { actor, failure: await Promise.resolve(decided).then(() => '', String) }
          }),
        )
      await decideAll()
      const waves: ReturnType<typeof decideAll>[] = []
      node?.pause()
      try {
        for (let n = 0; n < 40; n++) {
          waves.push(decideAll())
          await delay(50)
        }
        const outcomes = (await Promise.all(waves)).flat()
        const failuresOf = (some: typeof outcomes) =>
          new Set(some.map(({ failure }) => failure.replace(/\d+ calls/, 'so many calls')))
        expect(failuresOf(outcomes.filter(({ actor }) => isServed(actor)))).toEqual(new Set(['']))
        expect(failuresOf(outcomes.filter(({ actor }) => !isServed(actor)))).toEqual(
          new Set([
            'StoreTimeoutError: no answer within storeTimeout (500 ms)',
            `StoreError: ${silent} of this Redis Cluster does not answer: so many calls wait for it already`,
          ]),
        )
        node?.resume()
        // Those that were lost are answered, and then forgotten.
        await eventually(async () =>
          expect((await decideAll()).filter(({ failure }) => failure !== '')).toEqual([]),
        )
      } finally {
        node?.resume()
        await store.close()
      }
    })
  })

  test('a look for the new master that meets nobody ends, and the next one is made', async () => {
    const client = make()
    client.on('error', () => undefined)
    await client.connect()
    const link = new ClusterLink(client)
    const slots = Reflect.get(client, '_slots') as { rediscover(): Promise<unknown> }
    const looks = jest.spyOn(slots, 'rediscover')
    // A partition: neither an answer nor an error comes from any of them.
    const partition = jest.spyOn(client, 'nodeClient').mockReturnValue(new Promise(() => undefined))
    link.stalled({ key: KEY })
    await delay(1_100)
    partition.mockRestore()
    link.stalled({ key: KEY })
    expect(looks).not.toHaveBeenCalled()
    await eventually(async () => {
      link.stalled({ key: KEY })
      expect(looks).toHaveBeenCalled()
    })
    await link.close()
    client.destroy()
  })

  test('all paused: close() ends in time, and nothing of it stays', async () => {
    const before = await connections()
    // Those of the question are closed by then.
    await delay(100)
    const sockets = openSockets()
    const client = make()
    const store = new RedisStore(client, { timeout })
    await store.connect()
    const decideAll = () =>
      Promise.allSettled(
        Array.from({ length: 90 }, async (_, n) =>
          store.decide(requestOf('cluster:closed', { actor: n + 1, limits: [limitOf({ limit: 1000 })] })),
        ),
      )
    await decideAll()
    cluster.nodes.forEach((node) => node.pause())
    await decideAll()
    const start = performance.now()
    await store.close()
    expect(performance.now() - start).toBeLessThan(5_000)
    await eventually(async () => expect(openSockets()).toBeLessThanOrEqual(sockets))
    cluster.nodes.forEach((node) => node.resume())
    await cluster.ready()
    await eventually(async () => expect(await connections()).toBeLessThanOrEqual(before))
    expect(client.masters).toEqual([])
  })

  test('killed: calls end in time, and its replica takes over by itself', async () => {
    const connection = connectionOf(make(), { timeout })
    await connection.connect()
    await connection.run(COUNT, [KEY], [], AMPLE)
    const node = await eventually(serving)
    await node.kill()
    const start = performance.now()
    await failureOf(connection.run(COUNT, [KEY], [], timeout))
    expect(performance.now() - start).toBeLessThan(timeout + 500)
    const before = await eventually(() => runsOf(connection, KEY))
    expect(await connection.run(COUNT, [KEY], [], AMPLE)).toBe(before + 1)
    await connection.close()
    await node.restart()
    await cluster.ready()
  })
})

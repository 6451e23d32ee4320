/** The channel between processes on one Redis: what is said arrives, in order; what may have been missed is said. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import { StoreError } from '../../../lib/errors'
import type { Channel } from '../../../lib/stores/channel'
import { RedisStore } from '../../../lib/stores/redis'
import type { RedisLike } from '../../../lib/stores/redis'
import { LEAST_PRIVILEGES } from '../../../lib/stores/redis/problems'
import { TYPESCRIPT } from '../../hammer/workers'
import { startRedis, startRedisCluster, startRedisSentinel } from '../../support/servers/redis'
import type { RedisCluster, RedisSentinels, RedisServer } from '../../support/servers/redis'
import type { ChannelOrder, ChannelWord } from './channel-worker'
import { Ear } from './ear'
import { AMPLE, eventually, failureOf } from './probe'

jest.setTimeout(60_000)

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

function open(
  source: string | RedisLike,
  ear = new Ear(),
): { store: RedisStore; channel: Channel; ear: Ear } {
  const store = new RedisStore(source, { timeout: AMPLE })
  const channel = store.openChannel(ear)
  if (channel === undefined) throw new Error('it has no channel')
  opened.push(store, channel)
  return { store, channel, ear }
}

const numbers = Array.from({ length: 200 }, (_, n) => String(n))

describe('on one server', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterEach(() => server.resume())
  afterAll(async () => server.stop())

  const kinds = [
    ['a URL', () => server.url],
    ['createClient', () => createClient({ url: server.url })],
    ['createClientPool', () => createClientPool({ url: server.url }, { minimum: 3 })],
  ] as const

  describe.each(kinds)('with %s', (_name, make) => {
    test('everybody hears what one says, in its order', async () => {
      const [one, two] = [open(make()), open(make())]
      await Promise.all([one.ear.heard('connected'), two.ear.heard('connected')])
      await Promise.all(numbers.map((text) => one.channel.send(text)))
      await Promise.all([one, two].map(({ ear }) => ear.heard(':199')))
      expect(one.ear.messages).toEqual(numbers)
      expect(two.ear.messages).toEqual(numbers)
      expect(two.ear.told[0]).toBe('connected')
    })

    test('a lost connection is told once, and made anew', async () => {
      const { channel, ear } = open(make())
      await ear.heard('connected')
      await server.admin('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await ear.heard('connected', 2)
      await channel.send('again')
      await ear.heard(':again')
      expect(ear.told).toEqual(['connected', 'lost', 'connected', ':again'])
      expect(ear.errors[0]).toBeInstanceOf(StoreError)
      expect(ear.errors[0].message).toContain('was lost')
    })

    test('a server that stands still is noticed', async () => {
      const { channel, ear } = open(make())
      await ear.heard('connected')
      server.pause()
      await ear.heard('lost')
      expect(ear.errors[0].message).toContain('cannot be reached')
      server.resume()
      await ear.heard('connected', 2)
      await eventually(() => channel.send('awake'))
      await ear.heard(':awake')
      expect(ear.told.filter((word) => word === 'lost')).toHaveLength(1)
    })

    test('closing leaves neither a subscription nor its client, and nothing is told', async () => {
      const client = make()
      const { store, channel, ear } = open(client)
      await ear.heard('connected')
      await channel.close()
      await eventually(async () =>
        expect(await server.admin('PUBSUB', 'NUMSUB', 'sentinel:changes')).toEqual(['sentinel:changes', 0]),
      )
      expect((await failureOf(channel.send('more'))).message).toContain('closed')
      expect(await store.get('sentinel:main:own::a')).toBeUndefined()
      await store.close()
      expect(ear.told).toEqual(['connected'])
      await eventually(async () => expect(await connections(server)).toBe(1))
    })
  })

  test('a store that is closed takes its channels with it', async () => {
    const { store, channel, ear } = open(server.url)
    await ear.heard('connected')
    await store.close()
    expect((await failureOf(channel.send('more'))).message).toContain('closed')
    await eventually(async () => expect(await connections(server)).toBe(1))
    expect(ear.told).toEqual(['connected'])
  })

  test('closing while it connects leaves nothing', async () => {
    const { channel, store, ear } = open(server.url)
    await channel.close()
    await store.close()
    await eventually(async () => expect(await connections(server)).toBe(1))
    expect(ear.told).toEqual([])
  })

  test('a client that cannot make another one has no channel', async () => {
    const client = createClient({ url: server.url })
    const bare = new Proxy(client, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
      has: (target, name) => name !== 'duplicate' && name !== 'execute' && Reflect.has(target, name),
    })
    const store = new RedisStore(bare)
    opened.push(store)
    expect(store.openChannel(new Ear())).toBeUndefined()
  })
})

describe('processes', () => {
  let server: RedisServer
  const children: ChildProcess[] = []
  beforeEach(async () => {
    server = await startRedis()
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await server.stop()
  })

  function listen(): { child: ChildProcess; ear: Ear } {
    const child = fork(resolve(__dirname, 'channel-worker.ts'), [server.url], { execArgv: TYPESCRIPT })
    children.push(child)
    const ear = new Ear()
    child.on('message', (word: ChannelWord) => {
      if (word.kind === 'message') ear.message(word.text)
      else if (word.kind === 'lost') ear.lost(new Error(word.error))
      else if (word.kind === 'connected') ear.connected()
    })
    return { child, ear }
  }

  const tell = (child: ChildProcess, order: ChannelOrder): boolean => child.send(order)

  test('hear one another, after a restart of the server as well', async () => {
    const [one, two] = [listen(), listen()]
    await Promise.all([one.ear.heard('connected'), two.ear.heard('connected')])
    tell(one.child, numbers)
    await Promise.all([one.ear.heard(':199'), two.ear.heard(':199')])
    expect(two.ear.messages).toEqual(numbers)
    await server.restart()
    await Promise.all([one.ear.heard('connected', 2), two.ear.heard('connected', 2)])
    expect(one.ear.told.filter((word) => word === 'lost')).toHaveLength(1)
    tell(two.child, ['after'])
    await Promise.all([one.ear.heard(':after'), two.ear.heard(':after')])
  })

  test('end once they have closed', async () => {
    const { child, ear } = listen()
    await ear.heard('connected')
    const ended = once(child, 'exit')
    tell(child, 'close')
    expect((await ended)[0]).toBe(0)
  })

  test('are not held by an open channel', async () => {
    const { child, ear } = listen()
    await ear.heard('connected')
    const ended = once(child, 'exit')
    child.disconnect()
    expect((await ended)[0]).toBe(0)
  })

  test('are not held by a channel that looks for its server', async () => {
    const { child, ear } = listen()
    await ear.heard('connected')
    await server.kill()
    await ear.heard('lost')
    const ended = once(child, 'exit')
    child.disconnect()
    expect((await ended)[0]).toBe(0)
    await server.restart()
  })
})

describe('without the permission', () => {
  const rule = LEAST_PRIVILEGES.replace('<prefix>', 'sentinel')
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis({
      users: [
        `user least on >secret resetchannels ${rule}`,
        `user deaf on >secret resetchannels ${rule} -subscribe`,
        `user late on >secret resetchannels ${rule} -subscribe`,
        `user dumb on >secret resetchannels ${rule} -publish`,
        `user elsewhere on >secret ${rule.replace('&sentinel:changes', 'resetchannels')}`,
      ],
    })
  })
  afterAll(async () => server.stop())

  const as = (user: string): string => server.url.replace('//', `//${user}:secret@`)

  test('the least privileges are enough', async () => {
    const { channel, ear } = open(as('least'))
    await ear.heard('connected')
    await channel.send('heard')
    await ear.heard(':heard')
  })

  test.each(['deaf', 'elsewhere'])('the user %s is told what it needs to listen', async (user) => {
    const { ear } = open(as(user))
    await ear.heard('lost')
    expect(ear.errors[0]).toBeInstanceOf(StoreError)
    expect(ear.errors[0].message).toContain(`lacks a permission; it needs: ${LEAST_PRIVILEGES}`)
    expect(ear.errors[0].message).not.toContain('secret')
    // It is not asked again and again: nobody but an administrator can help.
    const asked = await connectionsEver(server)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(await connectionsEver(server)).toBeLessThanOrEqual(asked + 3)
    expect(ear.told).toEqual(['lost'])
  })

  test('who is given it later hears soon after', async () => {
    const { channel, ear } = open(as('late'))
    await ear.heard('lost')
    await server.admin('ACL', 'SETUSER', 'late', '+subscribe')
    await ear.heard('connected')
    await channel.send('at last')
    await ear.heard(':at last')
  })

  test('who may not publish is told so, and still listens', async () => {
    const [dumb, least] = [open(as('dumb')), open(as('least'))]
    await Promise.all([dumb.ear.heard('connected'), least.ear.heard('connected')])
    expect((await failureOf(dumb.channel.send('x'))).message).toContain('lacks a permission; it needs:')
    await least.channel.send('y')
    await dumb.ear.heard(':y')
  })
})

describe('behind Sentinel', () => {
  let sentinels: RedisSentinels
  beforeAll(async () => {
    sentinels = await startRedisSentinel()
  })
  afterAll(async () => sentinels.stop())

  test('it follows a failover', async () => {
    const { name, sentinelRootNodes } = sentinels
    const make = () => createSentinel({ name, sentinelRootNodes: [...sentinelRootNodes] })
    const [one, two] = [open(make()), open(make())]
    await Promise.all([one.ear.heard('connected'), two.ear.heard('connected')])
    await one.channel.send('before')
    await two.ear.heard(':before')
    await sentinels.master.kill()
    await Promise.all([one.ear.heard('connected', 2), two.ear.heard('connected', 2)])
    await eventually(() => one.channel.send('after'))
    await two.ear.heard(':after')
    expect(String(await sentinels.replica.admin('ROLE'))).toContain('master')
  })
})

describe('on a Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster()
  })
  afterAll(async () => cluster.stop())

  const make = () => createCluster({ rootNodes: [...cluster.rootNodes] })

  test('everybody hears what one says, in its order, wherever they listen', async () => {
    const all = Array.from({ length: 4 }, () => open(make()))
    await Promise.all(all.map(({ ear }) => ear.heard('connected')))
    await Promise.all(numbers.map((text) => all[0].channel.send(text)))
    await Promise.all(all.map(({ ear }) => ear.heard(':199')))
    for (const { ear } of all) expect(ear.messages).toEqual(numbers)
  })

  test('a node that stands still is left for another', async () => {
    const all = Array.from({ length: 3 }, () => open(make()))
    await Promise.all(all.map(({ ear }) => ear.heard('connected')))
    const node = cluster.nodes[0]
    node.pause()
    try {
      await eventually(async () => {
        await all[0].channel.send('still')
        expect(all.every(({ ear }) => ear.told.at(-1) === ':still')).toBe(true)
      })
    } finally {
      node.resume()
      await cluster.ready()
    }
  })
})

/** Clients of a server, the one that asks among them. */
async function connections(server: RedisServer): Promise<number> {
  return String(await server.admin('CLIENT', 'LIST'))
    .trim()
    .split('\n').length
}

/** How many connections the server has been asked for, that of this question among them. */
async function connectionsEver(server: RedisServer): Promise<number> {
  const stats = String(await server.admin('INFO', 'stats'))
  return Number(/total_connections_received:(\d+)/.exec(stats)?.[1])
}

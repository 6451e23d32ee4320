/** Whatever is wrong, the error says which and what to do, and shows no password. */
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { SentinelOptionsError } from '../../../lib/errors'
import { RedisStore } from '../../../lib/stores/redis'
import { connectionOf } from '../../../lib/stores/redis/connect'
import { LEAST_PRIVILEGES } from '../../../lib/stores/redis/problems'
import { Blocks, Registrations } from '../../../lib/stores/records'
import { debounceOf, limitOf, queryOf, requestOf } from '../../../lib/testing/contract/requests'
import { freePort } from '../../support/servers/process'
import { startRedis } from '../../support/servers/redis'
import type { RedisServer } from '../../support/servers/redis'
import { AMPLE, COUNT, eventually, failureOf } from './probe'

const timeout = AMPLE
const rule = LEAST_PRIVILEGES.replace('<prefix>', 'sentinel')

let server: RedisServer
beforeAll(async () => {
  server = await startRedis({
    users: [
      `user least on >secret resetchannels ${rule}`,
      'user reader on >secret ~sentinel:* +get +evalsha +eval',
      'user elsewhere on >secret ~other:* +@all',
      'user scriptless on >secret ~* +@all -@scripting',
    ],
  })
})
afterAll(async () => server.stop())

/** What a call on this URL fails with. */
async function failureAt(url: string, key = 'sentinel:key'): Promise<Error> {
  const connection = connectionOf(url, { timeout })
  const failure = await failureOf(connection.run(COUNT, [key], [], timeout))
  await connection.close()
  return failure
}

const as = (user: string, password = 'secret'): string => server.url.replace('//', `//${user}:${password}@`)

test.each([null, 5, 'x', []])('options that are %j are refused, with all else that is wrong', (options) => {
  const make = (): RedisStore => new RedisStore({ url: server.url, batch: 0 }, options as never)
  expect(make).toThrow(SentinelOptionsError)
  expect(make).toThrow(/^options: must be an object, not (null|a number|a string|an array)\nbatch: /)
})

describe('a URL that is none is an options error at once', () => {
  test.each([
    ['redis', 'is no URL'],
    ['redis://', 'names no host'],
    ['http://localhost', 'starts with http://'],
    ['redis://:hunter2@localhost:port', 'is no URL'],
    ['redis://:hunter2@localhost/db', 'has /db where the number of a database belongs'],
    ['redis://:hunter2@localhost/0?db=3', 'has parameters'],
    ['redis://:hunter2%zz@localhost', 'has a % in its user name or password that stands for nothing'],
  ])('%s', (url, says) => {
    let message = ''
    try {
      connectionOf(url, { timeout })
    } catch (error) {
      message = String(error)
    }
    expect(message).toContain(`SentinelOptionsError: store: this Redis URL ${says}`)
    expect(message).not.toContain('hunter2')
  })

  test.each([[null], [{}], [{ sendCommand: () => undefined }], [42]])('%p is no client', (source) => {
    expect(() => connectionOf(source as never, { timeout })).toThrow('RedisStore takes a URL')
  })
})

test('nobody listens', async () => {
  const url = `redis://127.0.0.1:${await freePort()}`
  expect(await failureAt(url.replace('//', '//:hunter2@'))).toMatchObject({
    name: 'StoreError',
    message: `nothing listens at ${url}: is the server running, are host and port right?`,
  })
})

test('a host that does not exist', async () => {
  expect((await failureAt('redis://no-such-host.invalid')).message).toBe(
    'the host of redis://no-such-host.invalid:6379 is not found: check the name',
  )
})

test('a server that hangs up', async () => {
  const rude = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve))
  const { port } = rude.address() as AddressInfo
  expect((await failureAt(`redis://127.0.0.1:${port}`)).message).toContain('was lost')
  expect((await failureAt(`rediss://127.0.0.1:${port}`)).message).toMatch(/TLS|was lost/)
  await new Promise((resolve) => rude.close(resolve))
})

test('a wrong password, an unknown user, and none where one is wanted', async () => {
  for (const url of [as('least', 'hunter2'), as('nobody', 'hunter2')]) {
    const { message } = await failureAt(url)
    expect(message).toContain('does not accept this user name and password')
    expect(message).not.toContain('hunter2')
  }
  const locked = await startRedis({ args: ['--requirepass', 'hunter2'] })
  const { message } = await failureAt(locked.url)
  expect(message).toContain('wants a password: redis://user:password@host:port')
  await locked.stop()
})

test.each([
  ['reader', 'sentinel:key', 'run this command'],
  ['elsewhere', 'sentinel:key', 'access one of the keys'],
  ['scriptless', 'sentinel:key', "'evalsha'"],
])('the user %s may not: the error says what a user needs', async (user, key, says) => {
  const { message } = await failureAt(as(user), key)
  expect(message).toContain(`it needs: ${LEAST_PRIVILEGES}`)
  expect(message).toContain(says)
})

test('these are the least privileges: all of the store works with them', async () => {
  const store = new RedisStore(as('least'), { timeout })
  await store.connect()
  const space = 'sentinel:main'
  const limits = [
    limitOf({ limit: 1, blockFor: 60_000 }),
    limitOf({ bucket: 'all', scope: 'global', limit: 9 }),
  ]
  const parts = {
    ...{ now: undefined, block: true, registration: 'vouched' as const, limits, debounces: [debounceOf()] },
    ...{ duplicate: { mark: 5, window: 1000 }, album: 7, notices: { blocked: true, unregistered: true } },
  }
  expect((await store.decide(requestOf(space, parts))).reason).toBeUndefined()
  expect((await store.decide(requestOf(space, { limits }))).blockAdded).toBeDefined()
  await store.peek(queryOf(space, limits[0]))
  await store.reset(queryOf(space, limits[0]))
  await store.migrateChat(space, -1, -2, [{ bucket: 'shop', scope: 'chat' }])
  const blocks = new Blocks(store, space, () => Date.now())
  await blocks.add(7, { for: '1h' })
  expect((await blocks.get(7))?.userId).toBe(7)
  expect((await blocks.list({ limit: 10 })).entries.length).toBeGreaterThan(0)
  await blocks.remove(7)
  await new Registrations(store, space, () => Date.now()).add(7, { name: 'x' })
  const version = await store.swap(`${space}:own::a`, null, 1, 1000)
  expect((await store.scan(`${space}:own:`, { limit: 10 })).entries).toHaveLength(1)
  expect(await store.delete(`${space}:own::a`, version ?? '')).toBe(true)
  expect(Math.abs((await store.now()) - Date.now())).toBeLessThan(60_000)
  expect((await store.health()).status).toBe('ok')
  await store.close()
})

test.each(['evalsha', 'eval', 'get', 'mget', 'set', 'scan', 'time'])(
  'without %s something fails, and says so',
  async (command) => {
    await server.admin('ACL', 'SETUSER', 'less', 'reset', 'on', '>secret', ...rule.split(' '), `-${command}`)
    await server.admin('SCRIPT', 'FLUSH')
    const store = new RedisStore(as('less'), { timeout })
    const work = async (): Promise<void> => {
      const limits = [limitOf(), limitOf({ bucket: 'chat', scope: 'chat' })]
      await store.decide(requestOf('sentinel:main', { now: undefined, limits }))
      await store.swap('sentinel:main:own::b', null, 1)
      await store.get('sentinel:main:own::b')
      await store.scan('sentinel:main:own:', { limit: 1 })
      await store.now()
      const { error } = await store.health()
      if (error !== undefined) throw new Error(error)
    }
    expect((await failureOf(work())).message).toContain('lacks a permission; it needs:')
    await store.close()
  },
)

describe('a server that does not write', () => {
  test('a read-only replica', async () => {
    const master = await startRedis()
    const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${master.port}`] })
    const { message } = await eventually(async () => {
      const failure = await failureAt(replica.url)
      if (!failure.message.includes('read-only')) throw failure
      return failure
    })
    expect(message).toContain('is a read-only replica: connect to its master')
    await Promise.all([master.stop(), replica.stop()])
  })

  test('a full memory', async () => {
    const full = await startRedis({ args: ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'] })
    const store = new RedisStore(full.url, { timeout })
    const decide = async () => store.decide(requestOf('sentinel:main', { limits: [limitOf()] }))
    const { name, message } = await failureOf(decide())
    expect(name).toBe('StoreError')
    expect(message).toContain('is full (maxmemory with maxmemory-policy noeviction)')
    await full.admin('CONFIG', 'SET', 'maxmemory', '0')
    expect((await decide()).reason).toBeUndefined()
    await store.close()
    await full.stop()
  })

  test('one that is busy with somebody’s script', async () => {
    const busy = await startRedis({ args: ['--lua-time-limit', '50'] })
    const connection = connectionOf(busy.url, { timeout })
    await connection.connect()
    const endless = busy.admin('EVAL', 'while true do end', '0').catch(() => 'killed')
    const { message } = await eventually(async () => {
      const failure = await failureOf(connection.command(['GET', 'a'], timeout))
      if (!failure.message.includes('busy')) throw failure
      return failure
    })
    expect(message).toContain('SCRIPT KILL ends one that has written nothing')
    await busy.admin('SCRIPT', 'KILL')
    expect(await endless).toBe('killed')
    await connection.close()
    await busy.stop()
  })
})

test('a server without scripts', async () => {
  const bare = await startRedis({ args: ['--rename-command', 'EVALSHA', ''] })
  expect((await failureAt(bare.url)).message).toContain('runs no scripts (EVALSHA, EVAL)')
  await bare.stop()
})

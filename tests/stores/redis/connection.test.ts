/** Whatever is behind it, a connection opens and closes what is its own, answers in time, and comes back by itself. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createClient, createClientPool } from 'redis'
import { StoreError, StoreTimeoutError } from '../../../lib/errors'
import { connectionOf as connect } from '../../../lib/stores/redis/connect'
import type { RedisConnection } from '../../../lib/stores/redis/connection'
import { freePort } from '../../support/servers/process'
import { startRedis } from '../../support/servers/redis'
import type { RedisServer } from '../../support/servers/redis'
import { AMPLE, COUNT, eventually, failureOf, runsOf } from './probe'

const run = promisify(execFile)

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(async () => server.stop())

const timeout = 300

const opened: RedisConnection[] = []
function connectionOf(...args: Parameters<typeof connect>): RedisConnection {
  const connection = connect(...args)
  opened.push(connection)
  return connection
}
afterEach(async () => {
  for (const connection of opened.splice(0)) await connection.close()
})

const kinds = [
  ['createClient', () => createClient({ url: server.url })],
  ['createClientPool', () => createClientPool({ url: server.url })],
] as const

describe.each(kinds)('on what %s made', (_name, make) => {
  test('it opens what nobody has opened, and closes that', async () => {
    const client = make()
    const connection = connectionOf(client, { timeout })
    expect(await connection.run(COUNT, [`opens:${_name}`], [], AMPLE)).toBe(1)
    expect(client.isOpen).toBe(true)
    await connection.connect()
    await connection.close()
    expect(client.isOpen).toBe(false)
  })

  test('it leaves open what was open', async () => {
    const client = make()
    client.on('error', () => undefined)
    await client.connect()
    const connection = connectionOf(client, { timeout })
    await connection.connect()
    await connection.connect()
    expect(await connection.command(['PING'], AMPLE)).toEqual(Buffer.from('PONG'))
    await connection.close()
    expect(client.isOpen).toBe(true)
    await client.close()
  })

  test('stores that share an unopened one open it once; the last one closes it', async () => {
    const client = make()
    const connections = [1, 2, 3].map(() => connectionOf(client, { timeout }))
    await Promise.all(connections.map((connection) => connection.connect()))
    await connections[0].close()
    await connections[1].close()
    expect(client.isOpen).toBe(true)
    expect(await connections[2].command(['PING'], AMPLE)).toEqual(Buffer.from('PONG'))
    await connections[2].close()
    expect(client.isOpen).toBe(false)
  })

  test('a client that the bot is just opening is the bot’s', async () => {
    const client = make()
    client.on('error', () => undefined)
    const opening = client.connect()
    const connection = connectionOf(client, { timeout })
    expect(await connection.command(['PING'], AMPLE)).toEqual(Buffer.from('PONG'))
    await opening
    await connection.close()
    expect(client.isOpen).toBe(true)
    await client.close()
  })

  test('it takes the listener that keeps the process away again', async () => {
    const client = make()
    const connection = connectionOf(client, { timeout })
    await connection.connect()
    expect(client.listenerCount('error')).toBe(1)
    await connection.close()
    expect(client.listenerCount('error')).toBe(0)
  })
})

describe('a call', () => {
  test('carries any bytes there and back', async () => {
    const connection = connectionOf(server.url, { timeout })
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    await connection.command(['SET', 'bytes', bytes], AMPLE)
    expect(await connection.command(['GET', 'bytes'], AMPLE)).toEqual(bytes)
    await connection.close()
  })

  test('runs a script that the server has forgotten, once', async () => {
    const connection = connectionOf(server.url, { timeout })
    expect(await connection.run(COUNT, ['forgotten'], [], AMPLE)).toBe(1)
    await server.admin('SCRIPT', 'FLUSH')
    expect(await connection.run(COUNT, ['forgotten'], [], AMPLE)).toBe(2)
    const evals = String(await server.admin('INFO', 'commandstats'))
    expect(await connection.run(COUNT, ['forgotten'], [], AMPLE)).toBe(3)
    const now = String(await server.admin('INFO', 'commandstats'))
    expect(callsOf('eval', now)).toBe(callsOf('eval', evals))
    await connection.close()
  })

  test('after closing is a StoreError', async () => {
    const connection = connectionOf(server.url, { timeout })
    await connection.connect()
    await connection.close()
    const failure = await failureOf(connection.command(['PING'], AMPLE))
    expect([failure.name, failure.message]).toEqual(['StoreError', `the store on ${server.url} was closed`])
  })
})

let still: RedisServer

describe('a server that stands still', () => {
  beforeAll(async () => {
    still = await startRedis()
  })
  afterEach(() => still.resume())
  afterAll(async () => still.stop())

  test.each([
    ['a URL', () => connectionOf(still.url, { timeout })],
    ['a client', () => connectionOf(createClient({ url: still.url }), { timeout })],
    ['a pool', () => connectionOf(createClientPool({ url: still.url }), { timeout })],
  ])('%s: every call ends by its deadline, and comes back by itself', async (name, make) => {
    const connection = make()
    await connection.connect()
    still.pause()
    const start = performance.now()
    const failures = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        failureOf(connection.run(COUNT, [`still:${name}:${n}`], [], timeout)),
      ),
    )
    expect(performance.now() - start).toBeLessThan(timeout + 500)
    // Those under way when a connection of ours is given up fail with it, a little before their time.
    expect(failures.every((failure) => failure instanceof StoreError)).toBe(true)
    expect(failures.some((failure) => failure instanceof StoreTimeoutError)).toBe(true)
    // So many were lost that nothing more is sent.
    const more = await failureOf(connection.run(COUNT, [`still:${name}:more`], [], timeout))
    expect(more).toBeInstanceOf(StoreError)
    still.resume()
    expect(await eventually(() => connection.run(COUNT, [`after:${name}`], [], timeout))).toBe(1)
    expect(await runsOf(connection, `still:${name}:more`)).toBe(0)
    for (let n = 0; n < 20; n++) expect(await runsOf(connection, `still:${name}:${n}`)).toBeLessThanOrEqual(1)
    await connection.close()
  })

  test.each([
    ['a URL', () => connectionOf(still.url.replace('//', '//default:any@'), { timeout })],
    ['a client', () => connectionOf(createClient({ url: still.url }), { timeout })],
    ['a pool', () => connectionOf(createClientPool({ url: still.url }), { timeout })],
  ])('%s: what was not sent when its time was up is never sent', async (name, make) => {
    const connection = make()
    // The greeting gets no answer, so nothing else is written.
    still.pause()
    const failures = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        failureOf(connection.run(COUNT, [`late:${name}:${n}`], [], timeout)),
      ),
    )
    expect(failures.every((failure) => failure instanceof StoreError)).toBe(true)
    still.resume()
    expect(await eventually(() => connection.run(COUNT, [`greeted:${name}`], [], timeout))).toBe(1)
    for (let n = 0; n < 20; n++) expect(await runsOf(connection, `late:${name}:${n}`)).toBe(0)
    await connection.close()
  })

  test('a client: what did not fit into its socket any more is never sent', async () => {
    const connection = connectionOf(createClient({ url: still.url }), { timeout })
    await connection.connect()
    still.pause()
    const large = Buffer.alloc(8 * 1024 * 1024)
    const keys = Array.from({ length: 8 }, (_, n) => `large:${n}`)
    await Promise.all(keys.map((key) => failureOf(connection.run(COUNT, [key], [large], timeout))))
    still.resume()
    expect(await eventually(() => connection.run(COUNT, ['after:large'], [], timeout))).toBe(1)
    const runs = await Promise.all(keys.map((key) => runsOf(connection, key)))
    expect(runs.slice(-4)).toEqual([0, 0, 0, 0])
  })
})

describe('a server that is killed', () => {
  test.each([
    ['a URL', (url: string) => connectionOf(url, { timeout })],
    ['a client', (url: string) => connectionOf(createClient({ url }), { timeout })],
    ['a pool', (url: string) => connectionOf(createClientPool({ url }), { timeout })],
  ])('%s: calls fail in time and are not repeated; it comes back by itself', async (_name, make) => {
    const mortal = await startRedis()
    const connection = make(mortal.url)
    expect(await connection.run(COUNT, ['before'], [], AMPLE)).toBe(1)
    const waiting = failureOf(connection.run(COUNT, ['meanwhile'], [], AMPLE))
    mortal.pause()
    await mortal.kill()
    // It may have been answered before the server stood still.
    await waiting.catch(() => undefined)
    const failure = await failureOf(connection.run(COUNT, ['away'], [], timeout))
    expect(failure).toBeInstanceOf(StoreError)
    await mortal.restart()
    expect(await eventually(() => connection.run(COUNT, ['again'], [], timeout))).toBe(1)
    // Without persistence it has come back empty, and nothing was sent to it that failed before.
    expect(await runsOf(connection, 'before')).toBe(0)
    expect(await runsOf(connection, 'away')).toBe(0)
    expect(await runsOf(connection, 'meanwhile')).toBe(0)
    await connection.close()
    await mortal.stop()
  })

  test('a connection of ours fails at once while there is no server, and finds it when it is there', async () => {
    const port = await freePort()
    const connection = connectionOf(`redis://127.0.0.1:${port}`, { timeout })
    expect((await failureOf(connection.connect())).message).toContain('nothing listens at')
    const start = performance.now()
    for (let n = 0; n < 100; n++) await failureOf(connection.command(['PING'], AMPLE))
    expect(performance.now() - start).toBeLessThan(1000)
    await connection.close()
  })
})

describe('a process', () => {
  const root = join(__dirname, '../../..')
  const alone = (code: string): Promise<{ stdout: string }> =>
    run(process.execPath, ['-r', 'ts-node/register/transpile-only', '-e', code], {
      cwd: root,
      timeout: 20_000,
    })

  const using = (url: string): string => `
    const { connectionOf } = require('./lib/stores/redis/connect')
    const connection = connectionOf('${url}', { timeout: 500 })
    connection.command(['PING'], 500).then((reply) => console.log(String(reply)), (error) => console.log(error.message))`

  test('ends by itself with an idle connection of ours', async () => {
    expect((await alone(using(server.url))).stdout).toBe('PONG\n')
  })

  test('ends by itself while a connection of ours looks for its server', async () => {
    expect((await alone(using(`redis://127.0.0.1:${await freePort()}`))).stdout).toContain(
      'nothing listens at',
    )
  })

  test('without the package redis is told to install it', async () => {
    const { stdout } = await alone(`
      const Module = require('node:module')
      const original = Module._resolveFilename
      Module._resolveFilename = function (request, ...rest) {
        return original.call(this, request === 'redis' ? 'redis-is-not-here' : request, ...rest)
      }
      const { connectionOf } = require('./lib/stores/redis/connect')
      try { connectionOf('redis://user:secret@h:1', { timeout: 500 }) } catch (error) { console.log(error.name + ': ' + error.message) }`)
    expect(stdout).toBe(
      "SentinelOptionsError: store: store 'redis://h:1' needs the package redis: npm install redis\n",
    )
  })
})

function callsOf(command: string, stats: string): string | undefined {
  return new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1]
}

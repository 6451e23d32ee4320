/** Behind Redis Sentinel: the master that is, whichever it was. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { createSentinel } from 'redis'
import { connectionOf } from '../../../lib/stores/redis/connect'
import type { RedisConnection } from '../../../lib/stores/redis/connection'
import { startRedisSentinel } from '../../support/servers/redis'
import type { RedisSentinels } from '../../support/servers/redis'
import { AMPLE, COUNT, eventually, failureOf, runsOf } from './probe'

jest.setTimeout(60_000)

const timeout = 500
let sentinels: RedisSentinels
beforeAll(async () => {
  sentinels = await startRedisSentinel()
})
afterAll(async () => sentinels.stop())

function make() {
  const { name, sentinelRootNodes } = sentinels
  return createSentinel({ name, sentinelRootNodes: [...sentinelRootNodes] })
}

test('it opens what nobody has opened, and closes that', async () => {
  const client = make()
  const [one, two] = [1, 2].map(() => connectionOf(client, { timeout }))
  await Promise.all([one.connect(), two.connect()])
  expect(await one.run(COUNT, ['sentinel'], [], AMPLE)).toBe(1)
  await one.close()
  expect(client.isOpen).toBe(true)
  expect(await two.run(COUNT, ['sentinel'], [], AMPLE)).toBe(2)
  await two.close()
  expect(client.isOpen).toBe(false)
})

test('it leaves open what was open', async () => {
  const client = make()
  client.on('error', () => undefined)
  await client.connect()
  const connection = connectionOf(client, { timeout })
  expect(await connection.command(['SET', 'bytes', Buffer.from([0, 255])], AMPLE)).toEqual(Buffer.from('OK'))
  expect(await connection.command(['GET', 'bytes'], AMPLE)).toEqual(Buffer.from([0, 255]))
  expect(await connection.masters()).toEqual([''])
  await connection.close()
  expect(client.isOpen).toBe(true)
  await client.close()
})

test('a call that may have run is not repeated, though the client would', async () => {
  const { master, name, sentinelRootNodes } = sentinels
  const road = await roadTo(master.port)
  const nodeAddressMap = { [`127.0.0.1:${master.port}`]: { host: '127.0.0.1', port: road.port } }
  const client = createSentinel({ name, sentinelRootNodes: [...sentinelRootNodes], nodeAddressMap })
  const connection = connectionOf(client, { timeout })
  await connection.run(COUNT, ['known'], [], AMPLE)
  road.cutAfterNextCall()
  expect((await failureOf(connection.run(COUNT, ['once'], [], AMPLE))).message).toContain('was lost')
  expect(await eventually(() => runsOf(connection, 'once'))).toBe(1)
  // The client itself, asked in the usual way, does repeat it.
  road.cutAfterNextCall()
  await client.sendCommand(false, ['EVALSHA', COUNT.sha1, '1', 'twice'])
  expect(await eventually(() => runsOf(connection, 'twice'))).toBe(2)
  await connection.close()
  await road.close()
})

test('when the master is killed, calls end in time, and go to the next one by themselves', async () => {
  const connection = await connected()
  await connection.run(COUNT, ['before'], [], AMPLE)
  await sentinels.master.kill()
  const start = performance.now()
  await failureOf(connection.run(COUNT, ['meanwhile'], [], timeout))
  expect(performance.now() - start).toBeLessThan(timeout + 500)
  expect(await eventually(() => connection.run(COUNT, ['after'], [], timeout))).toBeGreaterThan(0)
  expect(await runsOf(connection, 'meanwhile')).toBe(0)
  expect(String(await sentinels.replica.admin('ROLE'))).toContain('master')
  await connection.close()
})

/** A way to a server that can be cut between a call and its answer. */
async function roadTo(target: number) {
  let armed = false
  const sockets = new Set<Socket>()
  const road = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    let called = false
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from)
      from.on('close', () => to.destroy())
      // A connection that is cut is what this is about.
      from.on('error', () => to.destroy())
    }
    near.on('data', (data) => {
      called = armed && data.includes('EVALSHA')
      far.write(data)
    })
    far.on('data', (data) => {
      if (!called) return near.write(data)
      armed = false
      return near.destroy()
    })
  })
  road.listen(0, '127.0.0.1')
  await once(road, 'listening')
  return {
    port: (road.address() as AddressInfo).port,
    cutAfterNextCall: () => void (armed = true),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      road.close()
      await once(road, 'close')
    },
  }
}

async function connected(): Promise<RedisConnection> {
  const connection = connectionOf(make(), { timeout })
  await connection.connect()
  return connection
}

/** That each run of this folder tests what it says it tests, and all runs together what package.json promises. */
import 'reflect-metadata'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { Composer, Context, session, Telegraf } from 'telegraf'
import { message } from 'telegraf/filters'
import * as redis from 'redis'
import { Controller, createSentinel, Use } from 'telegraf-sentinel'
import config from '../../jest.config'
import { PostgresStore } from '../../lib/stores/postgres'
import { loadPg } from '../../lib/stores/postgres/peers'
import { RedisStore } from '../../lib/stores/redis'
import { startRedis } from '../support/servers/redis'
import { isOf, versionOf, versions, type Versions } from './loaded'

@Controller()
class Anything {
  @Use()
  use() {}
}

test.each(['telegraf', 'redis', 'pg'] as const)(
  'the %s that tests load is of the line that is named',
  (name) => {
    const version = versionOf(require.resolve(name))
    expect([version, isOf(version, versions[name])]).toEqual([version, true])
  },
)

test('the Node is the one that `npm run interop` was asked for', () => {
  const { INTEROP_NODE = process.versions.node } = process.env
  expect(process.versions.node).toBe(INTEROP_NODE)
})

test('the Telegraf that lib/ loads is the same', () => {
  expect(createSentinel().scan(Anything)).toBeInstanceOf(Composer)
  expect(versionOf(require.resolve('telegraf/filters'))).toBe(versionOf(require.resolve('telegraf')))
  expect([Telegraf, Context, session, message].map((one) => typeof one)).toEqual(Array(4).fill('function'))
})

test('the redis that a URL loads is the same', async () => {
  const server = await startRedis()
  const created = jest.spyOn(redis, 'createClient')
  const store = new RedisStore(server.url)
  await store.connect()
  expect(created).toHaveBeenCalledTimes(1)
  await store.close()
  created.mockRestore()
  await server.stop()
})

test('the pg that a URL loads is the same', () => {
  expect(loadPg().Client).toBe(pg.Client)
  expect(new PostgresStore('postgres://nobody@127.0.0.1:1/none')).toBeInstanceOf(PostgresStore)
})

test('all runs together have the oldest and the newest that package.json allows', () => {
  const runs = (config.projects ?? []).flatMap((one) =>
    typeof one === 'string' ? [] : [(one.globals as { VERSIONS: Versions }).VERSIONS],
  )
  const lines = (name: keyof Versions) => [...new Set(runs.map((run) => run[name]))].sort()
  expect(lines('telegraf')).toEqual(['4.11', '4.13', '4.16'])
  expect(lines('redis')).toEqual(['5', '6'])
  const { peerDependencies: peers } = manifest()
  expect(peers.telegraf).toBe(`^${lines('telegraf')[0]}.0`)
  expect(peers.redis).toBe(
    lines('redis')
      .map((line) => `^${line}.0.0`)
      .join(' || '),
  )
  expect(peers.pg).toMatch(/^\^8\./)
})

function manifest(): { peerDependencies: Record<keyof Versions, string> } {
  return JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as ReturnType<
    typeof manifest
  >
}

import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { createSentinel, MemoryStore, SentinelOptionsError } from 'telegraf-sentinel'
import { maskUrl } from '../../lib/mask'
import { isStore, openStore } from '../../lib/stores/open'
import { PostgresStore } from '../../lib/stores/postgres'
import { RedisStore } from '../../lib/stores/redis'
import { mistakes } from '../outcomes/mistakes'
import { MapStore } from '../support/map-store'

// What is opened here is never connected, so nothing needs to listen.
test.each([
  ['memory', MemoryStore],
  ['redis://bot:secret@localhost:6379/3', RedisStore],
  ['redis://[::1]', RedisStore],
  ['rediss://localhost', RedisStore],
  ['postgres://bot:secret@localhost:5432/bot?sslmode=require', PostgresStore],
  ['postgresql://localhost/bot', PostgresStore],
  ['pglite:./data', PostgresStore],
])('%s', async (url, Class) => {
  const store = openStore(url, { timeout: 250 })
  expect(store).toBeInstanceOf(Class)
  expect(isStore(store)).toBe(true)
  await store.close()
  const sentinel = createSentinel({ store: url, storeTimeout: '100ms' })
  await sentinel.close()
})

test('a store made from a text is the sentinel’s to close, a given one is not', async () => {
  const close = jest.spyOn(RedisStore.prototype, 'close')
  const given = new RedisStore('redis://localhost')
  await createSentinel({ store: given }).close()
  expect(close).not.toHaveBeenCalled()
  const sentinel = createSentinel({ store: 'redis://localhost' })
  await sentinel.close()
  await sentinel.close()
  expect(close).toHaveBeenCalledTimes(1)
  close.mockRestore()
})

describe('what names no store', () => {
  test.each<[string, RegExp]>([
    ['redi://host', /'memory', 'redis:\/\/…', .*not 'redi:\/\/host'; did you mean 'redis:\/\/'\?/],
    ['redis:host', /did you mean 'redis:\/\/'\?/],
    ['REDIS://host', /did you mean 'redis:\/\/'\?/],
    ['postgress://host', /did you mean 'postgres:\/\/'\?/],
    ['pg-lite:./x', /did you mean 'pglite:'\?/],
    ['memry', /did you mean 'memory'\?/],
    ['mongodb://u:secret@h/db', /not 'mongodb:\/\/…@h\/db'$/],
    ['mongodb://h/db?authToken=secret', /not 'mongodb:\/\/h\/db\?authToken=…'$/],
    ['redis//h', /must be 'memory'/],
    ['', /not ''/],
    ['redis://u:secret@h:port', /is no URL/],
    ['redis://h/database', /number of a database/],
    ['redis://u:secret%zz@h', /./],
    ['postgres://u:sec/ret@h:x/y', /looks like postgres:/],
    ['pglite:', /pglite:/],
  ])('%s', (url, said) => {
    expect(() => openStore(url)).toThrow(SentinelOptionsError)
    expect(() => openStore(url)).toThrow(said)
    const { store } = mistakes({ store: url })
    expect(store).toMatch(said)
    expect(store).not.toMatch(/secret|sec\/ret/)
  })

  test('is one mistake among the others', () => {
    const found = mistakes({ store: 'redis://h:x', prefix: '', rateLimit: { limit: 0, window: '1m' } })
    expect(Object.keys(found).sort()).toEqual(['prefix', 'rateLimit.limit', 'store'])
  })

  test.each([5, {}, null, new Map(), { get() {}, swap() {}, delete() {}, scan() {} }])('%p', (store) => {
    expect(isStore(store)).toBe(false)
    expect(mistakes({ store })).toEqual({ store: expect.stringMatching(/extends StorageAdapter, not/) })
  })

  test('a store of another copy of the package is one', () => {
    expect(isStore(Object.create(new MapStore()))).toBe(true)
  })
})

test.each([
  ['redis://u:p@h/0', 'redis://…@h/0'],
  ['redis://u:p@q@h/0', 'redis://…@h/0'],
  ['redis://u:p/q?r#s@h', 'redis://…@h'],
  ['postgres://h/db?user=u&password=p&x=1', 'postgres://h/db?user=u&password=…&x=1'],
  ['postgres://h/db?sslPassword=p', 'postgres://h/db?sslPassword=…'],
  ['pglite:./data', 'pglite:./data'],
])('%s is shown without its secrets', (url, shown) => {
  expect(maskUrl(url)).toBe(shown)
})

test.each([
  ['redis', 'redis://u:secret@localhost'],
  ['pg', 'postgres://u:secret@localhost/bot'],
  ['@electric-sql/pglite', 'pglite:./data'],
])('without the package %s, createSentinel says what to install', (name, store) => {
  const root = resolve(__dirname, '../..')
  const script = `
    const Module = require('node:module')
    const original = Module._resolveFilename
    Module._resolveFilename = function (request, ...rest) {
      if (request !== ${JSON.stringify(name)}) return original.call(this, request, ...rest)
      throw Object.assign(new Error("Cannot find module '" + request + "'"), { code: 'MODULE_NOT_FOUND' })
    }
    const { createSentinel } = require('telegraf-sentinel')
    try { createSentinel({ store: ${JSON.stringify(store)} }) }
    catch (error) { console.log(error.code + ' ' + error.message) }`
  const preload = ['-r', 'ts-node/register/transpile-only', '-r', join(root, 'tests/support/self.js')]
  const { stdout, stderr } = spawnSync(process.execPath, [...preload, '-e', script], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^SENTINEL_OPTIONS store: /)
  expect(stdout).toContain(`npm install ${name}`)
  expect(stdout).not.toContain('secret')
})

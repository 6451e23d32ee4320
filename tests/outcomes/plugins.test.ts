import { Command, Controller, Exempt, MemoryStore, type Plugin, type PluginRecords } from 'telegraf-sentinel'
import type { StorageAdapter } from 'telegraf-sentinel'
import { guarded, stopAll } from '../support/guarded'
import { MapStore } from '../support/map-store'
import { FaultyStore } from './faulty-store'

afterEach(stopAll)

/** A plugin that only hands out its records. */
function keeper(name: string): { plugin: Plugin; records: () => PluginRecords } {
  let records: PluginRecords | undefined
  return {
    plugin: { name, setup: (host) => void (records = host.records) },
    records: () => records as PluginRecords,
  }
}

describe('policies', () => {
  test('are judged bot-wide, together with the bot’s own, once', async () => {
    const { send, updates, events, sentinel } = await guarded({
      rateLimit: { limit: 5, window: '1m' },
      plugins: [
        { name: 'tenants', policy: { rateLimit: { limit: 2, window: '1m' } } },
        { name: 'roles', policy: { requireRegistered: { reply: 'Who?' } } },
        { name: 'calm', policy: { debounce: { window: '10s', fingerprint: () => undefined } } },
      ],
    })
    await send(updates.text('hi'))
    await sentinel.registrations.add(42)
    for (let i = 0; i < 3; i++) await send(updates.text('hi'))
    expect(events.map(({ type }) => type)).toEqual([
      'unregistered',
      'registrationAdded',
      'allowed',
      'allowed',
      'limited',
    ])
    expect(events.at(-1)).toMatchObject({
      verdict: { name: 'tenants', limits: [{ name: 'bot' }, { name: 'tenants' }] },
    })
    expect(await sentinel.limits.peek('tenants', { userId: 42 })).toMatchObject({ remaining: 0 })
  })

  test('are lifted by @Exempt as all that is bot-wide', async () => {
    @Controller()
    class Shop {
      @Command('help')
      @Exempt()
      help() {}
    }
    const { send, updates, types } = await guarded({
      controllers: [Shop],
      plugins: [{ name: 'p', policy: { rateLimit: { limit: () => 0, window: '1m' } } }],
    })
    await send(updates.text('/help'))
    await send(updates.text('hi'))
    expect(types()).toEqual(['allowed', 'limited'])
  })

  test('may name their bucket', async () => {
    const { sentinel } = await guarded({
      plugins: [{ name: 'p', policy: { name: 'quota', rateLimit: { limit: 2, window: '1m' } } }],
    })
    expect(await sentinel.limits.peek('quota', { userId: 42 })).toMatchObject({ name: 'quota' })
  })
})

describe('events', () => {
  test('reach a plugin until it stops listening', async () => {
    const heard: string[] = []
    const listener = ({ type }: { type: string }) => void heard.push(type)
    let stop = (): void => undefined
    const plugin: Plugin = {
      name: 'audit',
      setup({ on, off }) {
        on('allowed', listener)
        on('blockAdded', listener)
        stop = () => off('allowed', listener)
      },
    }
    const { send, updates, sentinel } = await guarded({ plugins: [plugin] })
    await send(updates.text('hi'))
    stop()
    await send(updates.text('hi'))
    await sentinel.blocks.add(7)
    expect(heard).toEqual(['allowed', 'blockAdded'])
  })

  test('a plugin whose listener fails disturbs nobody', async () => {
    const plugin: Plugin = {
      name: 'audit',
      setup: ({ on }) => on('allowed', () => Promise.reject(new Error('audit'))),
    }
    const { send, updates, types, passed, caught } = await guarded({ plugins: [plugin] })
    await send(updates.text('hi'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(types()).toEqual(['allowed', 'hookError'])
    expect(passed).toHaveLength(1)
    expect(caught).toEqual([])
  })
})

describe.each<[string, () => StorageAdapter]>([
  ['memory', () => new MemoryStore()],
  ['map', () => new MapStore()],
])('records on the %s store', (_name, makeStore) => {
  test('are a plugin’s own: no other plugin, bot or key reaches them', async () => {
    const store = makeStore()
    const first = keeper('a')
    const second = keeper('a-b')
    const other = keeper('a')
    await guarded({ store, plugins: [first.plugin, second.plugin] })
    await guarded({ store, bot: 'other', plugins: [other.plugin] })
    const keys = ['x', 'b:x', ':', '', '../blocks', '*', '%', '\u0000', 'ünï', '__proto__']
    for (const [n, key] of keys.entries()) await first.records().swap(key, null, n)
    for (const { records } of [second, other]) {
      for (const key of keys) expect(await records().get(key)).toBeUndefined()
      expect(await records().scan({ limit: 100 })).toEqual({ entries: [] })
    }
    for (const [n, key] of keys.entries()) expect(await first.records().get(key)).toMatchObject({ value: n })
  })

  test('are listed under the keys that the plugin gave them', async () => {
    const { plugin, records } = keeper('audit')
    await guarded({ store: makeStore(), plugins: [plugin] })
    const keys = ['1', 'two', 'a:b', 'a%b', 'ünï', '💥', '', 'with space']
    for (const key of keys) await records().swap(key, null, { key })
    const found: string[] = []
    let cursor: string | undefined
    do {
      const page = await records().scan({ limit: 3, cursor })
      for (const { key, value } of page.entries) {
        expect(value).toEqual({ key })
        found.push(key)
      }
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(found.sort()).toEqual(keys.sort())
    for (const key of found) expect(await records().delete(key)).toBe(true)
    expect(await records().scan({ limit: 10 })).toEqual({ entries: [] })
  })

  test('compare and set', async () => {
    const { plugin, records } = keeper('audit')
    await guarded({ store: makeStore(), plugins: [plugin] })
    const version = await records().swap('x', null, 1)
    expect(await records().swap('x', null, 2)).toBeNull()
    expect(await records().delete('x', 'another')).toBe(false)
    expect(await records().swap('x', version, 2)).not.toBeNull()
    expect(await records().get('x')).toMatchObject({ value: 2 })
  })
})

test('records connect the store first', async () => {
  const store = new FaultyStore()
  const { plugin, records } = keeper('audit')
  await guarded({ store, plugins: [plugin] })
  expect(store.connects).toBe(0)
  await records().get('x')
  expect(store.connects).toBe(1)
})

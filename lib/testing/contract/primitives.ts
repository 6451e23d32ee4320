import { keyOf } from '../../keys'
import type { KeyedEntry, StorageAdapter } from '../../stores/store'
import type { Bench } from './globals'

/** What users and developers may put into a name. */
const HOSTILE = [
  ...[
    '',
    ' ',
    '.',
    '..',
    '/',
    '\\',
    ':',
    'a:b',
    '*',
    '?',
    '[a]',
    '%',
    '_',
    '~',
    "' OR 1=1 --",
    '"',
    '$1',
    '{x}',
  ],
  ...[
    '\u0000',
    'a\u0000b',
    '\ud800',
    '\udc00\ud800',
    '💥',
    'ключ',
    'a\nb',
    '__proto__',
    'constructor',
    'toString',
  ],
  ...['a', 'A', 'x'.repeat(5000), 'x'.repeat(5001), '%0061', 'undefined', 'null', '0', '-1'],
]

const VALUES = [
  ...[null, true, false, 0, -1.5, 1e308, Number.MAX_SAFE_INTEGER, '', 'a\u0000b\ud800', 'x'.repeat(100_000)],
  ...[
    [],
    {},
    [[], {}, null],
    { a: { b: [1, 'two', null] }, '': 1, 'a.b': 2, '\u0000': 3, '\ud800': 4, $set: 5 },
  ],
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as unknown,
]

/** get, swap, delete and scan do what everything else is built on. */
export function testPrimitives({ describe, test, expect, withStore }: Bench): void {
  const own = (space: string, name: string): string => keyOf(space, 'own', '', name)

  describe('primitives', () => {
    test(
      'a record is there once it is written, with the version that swap returned',
      withStore(async (store, space) => {
        const key = own(space, 'a')
        expect(await store.get(key)).toBe(undefined)
        const version = await store.swap(key, null, { n: 1 })
        expect(version === null).toBe(false)
        const entry = await store.get(key)
        expect([entry?.value, entry?.version]).toEqual([{ n: 1 }, version])
      }),
    )

    test(
      'swap writes only over the expected version',
      withStore(async (store, space) => {
        const key = own(space, 'a')
        const first = await written(store, key, 1)
        expect(await store.swap(key, null, 2)).toBe(null)
        const second = await store.swap(key, first, 2)
        expect(second === null || second === first).toBe(false)
        expect(await store.swap(key, first, 3)).toBe(null)
        expect((await store.get(key))?.value).toBe(2)
        expect(await store.swap(own(space, 'b'), first, 1)).toBe(null)
        expect(await store.get(own(space, 'b'))).toBe(undefined)
      }),
    )

    test(
      'delete compares where a version is given, and says whether it deleted',
      withStore(async (store, space) => {
        const key = own(space, 'a')
        expect(await store.delete(key)).toBe(false)
        const first = await written(store, key, 1)
        const second = await store.swap(key, first, 2)
        expect(await store.delete(key, first)).toBe(false)
        expect((await store.get(key))?.value).toBe(2)
        expect(await store.delete(key, second ?? undefined)).toBe(true)
        expect(await store.get(key)).toBe(undefined)
        await written(store, key, 3)
        expect(await store.delete(key)).toBe(true)
        expect(await store.get(key)).toBe(undefined)
      }),
    )

    test(
      'a version is never used again, not even after a delete',
      withStore(async (store, space) => {
        const key = own(space, 'a')
        const first = await written(store, key, 1)
        await store.delete(key)
        const second = await written(store, key, 2)
        expect(second).not.toBe(first)
        expect(await store.swap(key, first, 3)).toBe(null)
        expect(await store.delete(key, first)).toBe(false)
        expect((await store.get(key))?.value).toBe(2)
      }),
    )

    test(
      'of writers at the same time, one succeeds',
      withStore(async (store, space) => {
        const key = own(space, 'a')
        const race = (expected: Parameters<StorageAdapter['swap']>[1]) =>
          Promise.all(Array.from({ length: 20 }, (_, n) => store.swap(key, expected, n)))
        const created = (await race(null)).filter((version) => version !== null)
        expect(created.length).toBe(1)
        const changed = (await race(created[0])).filter((version) => version !== null)
        expect(changed.length).toBe(1)
        expect((await store.get(key))?.version).toBe(changed[0])
        const deleted = await Promise.all(
          Array.from({ length: 20 }, () => store.delete(key, changed[0] ?? '')),
        )
        expect(deleted.filter(Boolean).length).toBe(1)
      }),
    )

    test(
      'any name is a key of its own',
      withStore(async (store, space) => {
        for (const [n, name] of HOSTILE.entries()) await written(store, own(space, name), n)
        for (const [n, name] of HOSTILE.entries()) {
          expect([name, (await store.get(own(space, name)))?.value]).toEqual([name, n])
        }
        const listed = (await listAll(store, `${space}:own:`, 7)).map(({ value }) => Number(value))
        expect(listed.sort((a, b) => a - b)).toEqual([...HOSTILE.keys()])
      }),
    )

    test(
      'any JSON comes back as it was',
      withStore(async (store, space) => {
        for (const [n, value] of VALUES.entries()) {
          const key = own(space, String(n))
          await written(store, key, value)
          expect((await store.get(key))?.value).toEqual(value)
        }
        const last = Object((await store.get(own(space, String(VALUES.length - 1))))?.value) as object
        expect([Object.hasOwn(last, '__proto__'), 'polluted' in last]).toEqual([true, false])
      }),
    )

    test(
      'a stored value is nobody’s to change',
      withStore(async (store, space) => {
        const key = own(space, 'a')
        const value = { list: [1] }
        await written(store, key, value)
        value.list.push(2)
        const read = (await store.get(key))?.value as typeof value
        expect(read).toEqual({ list: [1] })
        read.list.push(3)
        expect((await store.get(key))?.value).toEqual({ list: [1] })
      }),
    )

    test(
      'a record outlives no less than its ttl, even one of months',
      withStore(async (store, space) => {
        for (const ttl of [60_000, 90 * 86_400_000]) {
          const key = own(space, String(ttl))
          const before = Date.now()
          await store.swap(key, null, 1, ttl)
          const entry = await store.get(key)
          // A server's clock may differ from ours, though hardly by half a minute.
          const early = entry?.expiresAt !== undefined && entry.expiresAt < before + ttl - 30_000
          expect([entry?.value, early]).toEqual([1, false])
        }
      }),
    )

    test(
      'scan lists each record of a prefix once, in pages, and no other',
      withStore(async (store, space) => {
        const keys = Array.from({ length: 25 }, (_, n) => keyOf(space, 'member', '-1', n))
        for (const key of keys) await written(store, key, 1)
        for (const other of [keyOf(space, 'member', '-10', 1), keyOf(space, 'members', '', 1)]) {
          await written(store, other, 2)
        }
        for (const limit of [1, 10, 25, 100]) {
          const found = await listAll(store, keyOf(space, 'member', '-1', ''), limit)
          expect(found.map(({ key }) => key).sort()).toEqual([...keys].sort())
        }
        expect(await listAll(store, keyOf(space, 'nothing', '', ''), 10)).toEqual([])
      }),
    )

    test(
      'scan misses nothing while records are deleted',
      withStore(async (store, space) => {
        const keys = Array.from({ length: 30 }, (_, n) => own(space, `k${n}`))
        for (const key of keys) await written(store, key, 1)
        const seen: string[] = []
        let cursor: string | undefined
        do {
          const page = await store.scan(`${space}:own:`, { cursor, limit: 7 })
          for (const { key } of page.entries) {
            seen.push(key)
            await store.delete(key)
          }
          cursor = page.cursor
        } while (cursor !== undefined)
        expect(seen.sort()).toEqual(keys.sort())
      }),
    )

    test(
      'it has a clock, and says that it is well',
      withStore(async (store) => {
        const now = await store.now()
        expect(Math.abs(now - Date.now()) < 86_400_000).toBe(true)
        expect((await store.health()).status).toBe('ok')
      }),
    )
  })

  async function written(store: StorageAdapter, key: string, value: unknown) {
    const version = await store.swap(key, null, value)
    if (version === null) throw new Error(`swap refused to create ${JSON.stringify(key)}`)
    return version
  }

  async function listAll(store: StorageAdapter, prefix: string, limit: number): Promise<KeyedEntry[]> {
    const all: KeyedEntry[] = []
    let cursor: string | undefined
    do {
      const page = await store.scan(prefix, { cursor, limit })
      expect(page.entries.length <= limit).toBe(true)
      all.push(...page.entries)
      cursor = page.cursor
    } while (cursor !== undefined)
    return all
  }
}

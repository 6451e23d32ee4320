import { MemoryStore } from '../../../lib/stores/memory'
import { Shelf } from '../../../lib/stores/memory/shelf'
import { IDS, limit, request } from './requests'

const SPACE = 'sentinel:main'

async function list(store: MemoryStore, prefix: string, limit: number): Promise<string[]> {
  const keys: string[] = []
  let cursor: string | undefined
  do {
    const page = await store.scan(prefix, { cursor, limit })
    expect(page.entries.length).toBeLessThanOrEqual(limit)
    keys.push(...page.entries.map(({ key }) => key))
    cursor = page.cursor
  } while (cursor !== undefined)
  return keys
}

describe('records of the memory store', () => {
  it.each(IDS)('are the blocks and registrations that decisions see, user %d', async (userId) => {
    const store = new MemoryStore()
    const judged = () => store.decide(request({ actor: userId, registration: 'required' }))
    expect(judged().reason).toBe('unregistered')
    await store.swap(`${SPACE}:registrations::${userId}`, null, {
      userId,
      profile: { plan: 'pro' },
      since: 1,
    })
    expect(judged()).toMatchObject({ reason: undefined, registration: { profile: { plan: 'pro' } } })
    const version = await store.swap(`${SPACE}:blocks::${userId}`, null, { userId, since: 1 })
    expect(judged().reason).toBe('blocked')
    expect(store.decide(request({ actor: userId, space: 'sentinel:other' })).reason).toBeUndefined()
    expect(await store.delete(`${SPACE}:blocks::${userId}`, Number(version))).toBe(true)
    expect(judged().reason).toBeUndefined()
  })

  it('show a block that a refusal added', async () => {
    const store = new MemoryStore()
    const limits = [limit({ rule: { limit: 0 }, blockFor: 60_000 })]
    const { blockAdded } = store.decide(request({ actor: -1_001_234_567_890, limits }))
    const page = await store.scan(`${SPACE}:blocks::`, { limit: 10 })
    expect(page.entries.map(({ key, value }) => [key, value])).toEqual([
      [`${SPACE}:blocks::-1001234567890`, blockAdded],
    ])
  })

  it('keep a block whatever a listener does to the one it is told of', () => {
    const store = new MemoryStore()
    const limits = [limit({ rule: { limit: 0 }, blockFor: 60_000 })]
    const { blockAdded } = store.decide(request({ limits }))
    Object.assign(blockAdded ?? {}, { until: 0 })
    expect(store.decide(request()).reason).toBe('blocked')
  })

  it('cannot be changed through what was written or read', async () => {
    const store = new MemoryStore()
    const profile = { tags: ['a'] }
    await store.swap(`${SPACE}:registrations::7`, null, { userId: 7, profile, since: 1 })
    profile.tags.push('b')
    const read = await store.get(`${SPACE}:registrations::7`)
    ;(read?.value as { profile: typeof profile }).profile.tags.push('c')
    const judged = store.decide(request({ registration: 'required' }))
    ;(judged.registration?.profile as typeof profile).tags.push('d')
    expect(await store.get(`${SPACE}:registrations::7`)).toMatchObject({
      value: { profile: { tags: ['a'] } },
    })
  })

  it('never share a version, even after they were deleted', async () => {
    const store = new MemoryStore()
    const first = await store.swap('k', null, 1)
    await store.delete('k')
    const second = await store.swap('k', null, 1)
    expect(second).not.toBe(first)
    expect(await store.swap('k', first, 2)).toBeNull()
    expect(await store.delete('k', Number(first))).toBe(false)
    expect(await store.swap('k', null, 2)).toBeNull()
    expect(await store.swap('k', second, 2)).not.toBeNull()
  })

  it('are gone when their time is over, whether they were collected or not', async () => {
    const store = new MemoryStore()
    await store.swap('a:b:c:d:e', null, 1, 0)
    expect(await store.get('a:b:c:d:e')).toBeUndefined()
    expect((await store.scan('a:b:c:', { limit: 10 })).entries).toEqual([])
    expect(await store.delete('a:b:c:d:e')).toBe(false)
    expect(await store.swap('a:b:c:d:e', null, 2, 60_000)).not.toBeNull()
    expect(await store.get('a:b:c:d:e')).toMatchObject({ value: 2, expiresAt: expect.any(Number) })
  })

  it.each([
    '',
    'k',
    'a:b',
    'a:b:c:',
    'a:b:blocks::',
    'a:b:blocks::-0',
    'a:b:blocks::01',
    'a:b:blocks::1e3',
    'a:b:c:__proto__:x',
  ])('keep the key %p apart', async (key) => {
    const store = new MemoryStore()
    await store.swap(key, null, 'mine')
    for (const other of ['a:b:blocks::0', 'a:b:blocks::1', 'a:b:blocks::1000', 'a:b:c', 'x']) {
      await store.swap(other, null, 'other')
    }
    expect(await store.get(key)).toMatchObject({ value: 'mine' })
    expect((await list(store, key, 100)).filter((found) => found === key)).toHaveLength(1)
  })

  it('are listed in order of creation, across namespaces, by any prefix', async () => {
    const store = new MemoryStore()
    const keys = [
      'a:b:blocks::3',
      'a:b:members::1',
      'a:c:blocks::2',
      'a:b:blocks::-7',
      'a:b:blocks:x:y',
      'zzz',
    ]
    for (const key of keys) await store.swap(key, null, 1)
    await store.swap('a:b:blocks::3', (await store.get('a:b:blocks::3'))?.version ?? null, 2)
    for (const prefix of ['', 'a', 'a:b', 'a:b:', 'a:b:blocks:', 'a:b:blocks::', 'a:b:blocks::-', 'z', 'q']) {
      for (const size of [1, 2, 100]) {
        expect(await list(store, prefix, size)).toEqual(keys.filter((key) => key.startsWith(prefix)))
      }
    }
  })

  it('are listed once each while others come and go', async () => {
    const store = new MemoryStore()
    const key = (id: number) => `${SPACE}:blocks::${id}`
    for (let id = 1; id <= 3000; id++) await store.swap(key(id), null, id)
    const seen: string[] = []
    let cursor: string | undefined
    for (let turn = 0; ; turn++) {
      const page = await store.scan(`${SPACE}:blocks::`, { cursor, limit: 7 })
      seen.push(...page.entries.map((entry) => entry.key))
      cursor = page.cursor
      if (cursor === undefined) break
      // Every second one goes, behind and ahead of the cursor; the one at the cursor goes too.
      await store.delete(key(2 * ((turn * 37) % 1500) + 2))
      await store.delete(seen.at(-1) ?? '')
      if (turn < 50) await store.swap(key(10_000 + turn), null, 1)
    }
    expect(new Set(seen).size).toBe(seen.length)
    for (let id = 1; id <= 3000; id += 2) expect(seen).toContain(key(id))
  })
})

describe('Shelf', () => {
  it('keeps its order in pieces that shrink as records go', () => {
    const shelf = new Shelf('a:b:c:')
    for (let serial = 1; serial <= 10_000; serial++) shelf.write(serial, serial, Infinity, serial, 0)
    const kept = (serial: number) => serial % 100 === 0
    for (const item of shelf.after(0)) if (!kept(item.serial)) shelf.remove(item)
    expect(shelf.size).toBe(100)
    expect([...shelf.after(5000)].map(({ serial }) => serial)).toEqual(
      Array.from({ length: 50 }, (_, i) => 5100 + 100 * i),
    )
    for (const item of shelf.after(0)) shelf.remove(item)
    expect([...shelf.after(0)]).toEqual([])
    shelf.write('x', 1, Infinity, 20_000, 0)
    expect([...shelf.after(0)].map(({ name }) => name)).toEqual(['x'])
  })
})

import { SentinelUsageError } from '../../lib/errors'
import { keyOf } from '../../lib/keys'
import { Blocks, Members, Registrations } from '../../lib/stores/records'
import type { RecordChange } from '../../lib/stores/records'
import { START } from '../../lib/testing/contract/requests'
import { Process } from '../support/faulty-store'
import { MapStore } from '../support/map-store'

const SPACE = 'test:records'
const now = (): number => START

describe('what is no user id', () => {
  const store = new MapStore()
  const calls: Record<string, (id: number) => Promise<unknown>> = {
    'blocks.add': (id) => new Blocks(store, SPACE, now).add(id),
    'blocks.remove': (id) => new Blocks(store, SPACE, now).remove(id),
    'blocks.get': (id) => new Blocks(store, SPACE, now).get(id),
    'registrations.add': (id) => new Registrations(store, SPACE, now).add(id),
    'members.get': (id) => new Members(store, SPACE, now).get(id),
  }

  test.each(Object.entries(calls))('%s refuses it and says what is right', async (_name, call) => {
    for (const id of ['5', 0, 1.5, NaN, Infinity, 2 ** 53, null, undefined, {}]) {
      const failed = call(id as number)
      await expect(failed).rejects.toThrow(SentinelUsageError)
      await expect(failed).rejects.toThrow(/ctx\.from\.id/)
    }
    await expect(call('5' as unknown as number)).rejects.toThrow("the text '5'")
    expect(store.calls.swap).toBe(0)
  })
})

describe('blocks', () => {
  test('what is no duration, no text, no page size is refused', async () => {
    const blocks = new Blocks(new MapStore(), SPACE, now)
    for (const length of ['5', 'soon', 0, -1, Infinity, NaN]) {
      await expect(blocks.add(5, { for: length })).rejects.toThrow(
        /for must be a positive number of milliseconds/,
      )
    }
    await expect(blocks.add(5, { by: 7 as unknown as string })).rejects.toThrow('by must be a text, not 7')
    for (const limit of [0, -1, 1.5, NaN])
      await expect(blocks.list({ limit })).rejects.toThrow(SentinelUsageError)
    expect(await blocks.get(5)).toBeUndefined()
  })

  test('a mistyped option is no block without end', async () => {
    const blocks = new Blocks(new MapStore(), SPACE, now)
    await expect(blocks.add(1, { fro: '7d' } as never)).rejects.toThrow(
      "no option 'fro'; did you mean 'for'?",
    )
    expect(await blocks.get(1)).toBeUndefined()
  })

  test('each change is told once it is stored', async () => {
    const told: RecordChange[] = []
    const changed = (change: RecordChange): void => void told.push(change)
    const store = new MapStore()
    const blocks = new Blocks(store, SPACE, now, { changed })
    const registrations = new Registrations(store, SPACE, now, { changed })
    const block = await blocks.add(5, { for: '1m' })
    await blocks.remove(5)
    await blocks.remove(5)
    const registration = await registrations.add(5, { a: 1 })
    await registrations.remove(5)
    await registrations.remove(5)
    expect(told).toEqual([
      { type: 'blockAdded', record: block },
      { type: 'blockRemoved', record: block },
      { type: 'registrationAdded', record: registration },
      { type: 'registrationRemoved', record: registration },
    ])
  })

  test('a record is collected a day after its end, an endless one never', async () => {
    const store = new MapStore()
    await new Blocks(store, SPACE, now).add(5, { for: '1h' })
    await new Blocks(store, SPACE, now).add(6)
    const lives = async (id: number) => (await store.get(keyOf(SPACE, 'blocks', '', id)))?.expiresAt
    expect(Math.abs(((await lives(5)) ?? 0) - Date.now() - 90_000_000)).toBeLessThan(10_000)
    expect(await lives(6)).toBeUndefined()
  })

  test('a block that is replaced while it is removed stays', async () => {
    const store = new Process()
    const blocks = new Blocks(store, SPACE, now)
    await blocks.add(5)
    const other = new Blocks(new Process(store.shared), SPACE, now)
    store.interfere('delete', ':blocks:', async () => {
      await other.remove(5)
      await other.add(5, { for: 1 })
      await other.remove(5)
    })
    expect(await blocks.remove(5)).toBe(false)
  })

  test('a page that is not full goes on reading; the last one has no cursor', async () => {
    const store = new MapStore()
    const blocks = new Blocks(store, SPACE, now)
    for (let id = 1; id <= 50; id++) await blocks.add(id, { for: 1 })
    const later = new Blocks(store, SPACE, () => START + 1)
    expect(await later.list({ limit: 5 })).toEqual({ entries: [] })
    await later.add(99)
    expect(await later.list({ limit: 5 })).toEqual({ entries: [{ userId: 99, since: START + 1 }] })
  })
})

describe('registrations', () => {
  test('a profile that is not plain JSON is refused, with the part that is not', async () => {
    const registrations = new Registrations(new MapStore(), SPACE, now)
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    for (const [profile, said] of [
      [{ born: new Date(0) }, 'born is an instance of Date'],
      [{ a: { b: [1, NaN] } }, 'a.b.1 is NaN'],
      [{ big: 1n }, 'big is a bigint'],
      [() => 1, 'it is a function'],
      [new Map(), 'it is an instance of Map'],
      [[undefined], '0 is undefined'],
      [cyclic, 'contains itself'],
    ] as const) {
      await expect(registrations.add(5, profile)).rejects.toThrow(said)
    }
    expect(await registrations.get(5)).toBeUndefined()
  })

  test('a profile is copied, its undefined members left out; null and "" are profiles', async () => {
    const registrations = new Registrations(new MapStore(), SPACE, now)
    const profile = { tags: ['a'], username: undefined }
    await registrations.add(5, profile)
    profile.tags.push('b')
    expect((await registrations.get(5))?.profile).toStrictEqual({ tags: ['a'] })
    for (const plain of [null, '', 0, false, []]) {
      await registrations.add(6, plain)
      expect(await registrations.get(6)).toEqual({ userId: 6, profile: plain, since: START })
    }
    await registrations.add(6)
    expect(await registrations.get(6)).toEqual({ userId: 6, since: START })
  })

  test('of two who register a user at once, both keep the first date', async () => {
    const store = new Process()
    const other = new Registrations(new Process(store.shared), SPACE, () => START - 5)
    store.interfere('swap', ':registrations:', () => other.add(5, 'theirs'))
    await new Registrations(store, SPACE, now).add(5, 'ours')
    expect(await other.get(5)).toEqual({ userId: 5, profile: 'ours', since: START - 5 })
  })
})

describe('members', () => {
  test('the later date wins, then the later update; a replay changes nothing', async () => {
    const members = new Members(new MapStore(), SPACE, now)
    expect(await members.record(5, true, 2_000, 10)).toBe(true)
    expect(await members.record(5, false, 1_000, 11)).toBe(false)
    expect(await members.record(5, false, 2_000, 9)).toBe(false)
    expect(await members.record(5, true, 2_000, 10)).toBe(false)
    expect(await members.record(5, false, 2_000, 11)).toBe(true)
    expect(await members.get(5)).toEqual({ userId: 5, reachable: false, since: 2_000 })
  })

  test('a later word that comes in between stands', async () => {
    const store = new Process()
    const other = new Members(new Process(store.shared), SPACE, now)
    store.interfere('swap', ':members:', () => other.record(5, false, 3_000, 3))
    expect(await new Members(store, SPACE, now).record(5, true, 2_000, 2)).toBe(false)
    expect(await other.get(5)).toEqual({ userId: 5, reachable: false, since: 3_000 })
  })
})

/** What is remembered is bounded, by number and by age. */
import type { Decision } from '../../../lib/stores/decision'
import { MemoryStore } from '../../../lib/stores/memory'
import {
  debounceOf,
  limitOf,
  registrationsOf,
  requestOf,
  START,
} from '../../../lib/testing/contract/requests'
import { layers } from './support'

const SPACE = 'bounds:test'

test('the oldest refusals go first, and are asked for anew', () => {
  const made = layers(new MemoryStore(), { maxKeys: 100, staleness: '10m' })
  const ask = (actor: number) =>
    (made.store.decide(requestOf(SPACE, { actor, block: true, limits: [limitOf({ limit: 0 })] })) as Decision)
      .reason
  for (let actor = 1; actor <= 1_000; actor++) {
    expect(ask(actor)).toBe('limited')
    expect(made.store.remembered).toBeLessThanOrEqual(100)
  }
  expect(made.store.remembered).toBeGreaterThan(90)
  const { trips } = made
  expect([ask(1_000), made.trips]).toEqual(['limited', trips])
  expect([ask(1), made.trips]).toEqual(['limited', trips + 1])
})

test.each(['actor', 'chat', 'own', 'global'] as const)(
  'a refusal that is used (limit of scope %s) outlives those who come but once, however many they are',
  (scope) => {
    const maxKeys = 60
    const made = layers(new MemoryStore(), { maxKeys })
    const flooder = requestOf(SPACE, {
      actor: 1,
      chat: -1,
      block: true,
      limits: [limitOf({ limit: 0, scope, key: scope === 'own' ? 'key' : undefined })],
    })
    const ask = (request = flooder) => (made.store.decide(request) as Decision).reason
    expect(ask()).toBe('limited')
    for (let actor = 1_001; actor <= 1_000 + 3 * maxKeys; actor++) {
      expect(ask(requestOf(SPACE, { actor, chat: actor, block: true, debounces: [debounceOf()] }))).toBe(
        undefined,
      )
      if (actor % 10 === 0) expect(ask()).toBe('limited')
      expect(made.store.remembered).toBeLessThanOrEqual(maxKeys)
    }
    expect(made.trips).toBe(1 + 3 * maxKeys)
    // Whoever came but once and is not asked for has made room.
    const first = requestOf(SPACE, { actor: 1_001, chat: 1_001, block: true, debounces: [debounceOf()] })
    expect([ask(first), made.trips]).toEqual(['debounced', 2 + 3 * maxKeys])
  },
)

test('a record that is looked up again and again stays as well', async () => {
  const back = new MemoryStore()
  const find = jest.spyOn(back, 'findRecord')
  const made = layers(back, { maxKeys: 30 })
  const place = registrationsOf(SPACE)
  await made.store.putRecords(place, [{ userId: 1, since: START }], 'replace')
  for (let userId = 2; userId <= 100; userId++) {
    await made.store.putRecords(place, [{ userId, since: START }], 'replace')
    expect(await made.store.findRecord(place, 1)).toMatchObject({ userId: 1 })
  }
  expect(made.store.remembered).toBeLessThanOrEqual(30)
  expect(find).not.toHaveBeenCalled()
})

test('marks and costs of one place push one another out, not everybody else', () => {
  const made = layers(new MemoryStore(), { staleness: '10m' })
  for (let n = 0; n < 5_000; n++) {
    void made.store.decide(
      requestOf(SPACE, { debounces: [debounceOf({ text: `text ${n}`, window: 60_000 })] }),
    )
    void made.store.decide(requestOf(SPACE, { limits: [limitOf({ limit: 1, cost: 2 + n })] }))
  }
  expect(made.store.remembered).toBeLessThan(600)
})

test('copies of records go with what is known of them', async () => {
  const front = new MemoryStore()
  const made = layers(new MemoryStore(), { maxKeys: 50, staleness: '10m' }, front)
  const place = registrationsOf(SPACE)
  for (let userId = 1; userId <= 500; userId++) {
    await made.store.putRecords(place, [{ userId, since: START, profile: { userId } }], 'replace')
  }
  expect(await made.store.findRecord(place, 500)).toMatchObject({ userId: 500 })
  await new Promise(setImmediate)
  const { records } = await front.listRecords(place, { limit: 1_000 })
  expect(records.length).toBeLessThanOrEqual(50)
  expect(records.length).toBeGreaterThan(40)
  await made.store.close()
  await new Promise(setImmediate)
  expect((await front.listRecords(place, { limit: 1_000 })).records).toEqual([])
})

test('what is too old to be used is collected by the way', () => {
  const made = layers(new MemoryStore())
  const ask = (actor: number) =>
    made.store.decide(requestOf(SPACE, { actor, block: true, limits: [limitOf({ limit: 0 })] }))
  for (let actor = 1; actor <= 400; actor++) ask(actor)
  const before = made.store.remembered
  made.local += 30_000
  for (let actor = 1_001; actor <= 1_150; actor++) ask(actor)
  expect(before).toBeGreaterThan(400)
  expect(made.store.remembered).toBeLessThan(before / 2)
})

test('nothing holds the process: no timer, no handle', async () => {
  const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const made = layers(new MemoryStore())
  await made.store.connect()
  for (let actor = 1; actor <= 10; actor++) {
    void made.store.decide(requestOf(SPACE, { actor, block: true, limits: [limitOf({ limit: 0 })] }))
  }
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBe(before)
})

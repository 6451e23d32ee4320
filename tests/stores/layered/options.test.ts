import { layered, MemoryStore, SentinelOptionsError } from '../../../lib'
import { MapStore } from '../../support/map-store'

function problems(make: () => unknown): string[] {
  try {
    make()
  } catch (thrown) {
    if (thrown instanceof SentinelOptionsError) return thrown.message.split('\n')
    throw thrown
  }
  return []
}

const bad = (front: unknown, back: unknown, options?: object) =>
  problems(() => layered(front as string, back as string, options))

test('a memory in front of a text or a store', async () => {
  const store = layered('memory', new MapStore(), { staleness: '2s', recheck: 5_000, maxKeys: 10 })
  await store.connect()
  expect(await store.health()).toMatchObject({
    name: 'layered',
    status: 'ok',
    lag: 0,
    stores: [{ status: 'ok' }, { status: 'ok' }],
  })
  await store.close()
  expect(bad(new MemoryStore({ maxKeys: 10 }), 'redis://localhost:1')).toEqual([])
})

test('every mistake at once', () => {
  const store = new MemoryStore()
  expect(bad(store, store)).toEqual(['front: must be another store than back'])
  expect(bad('memry', undefined, { staleness: 0, rechek: '1s', recheck: 'soon', maxKeys: 0 })).toEqual([
    expect.stringMatching(/^front: must be .* not 'memry'; did you mean 'memory'\?/),
    expect.stringMatching(/^back: must be .*, not null/),
    "rechek: is not an option of layered; did you mean 'recheck'?",
    expect.stringMatching(/^staleness: must be a positive number of milliseconds .*, not 0/),
    expect.stringMatching(/^recheck: must be .*, not soon/),
    'maxKeys: must be a positive integer, not 0',
  ])
  expect(bad('memory', store, 7 as unknown as object)).toEqual([
    expect.stringMatching(/^options: must be an object/),
  ])
})

test('a front that cannot answer at once is no front', () => {
  const message = "front: must be a store that answers at once: 'memory', or new MemoryStore({ … })"
  expect(bad(new MapStore(), 'memory')).toEqual([message])
  expect(bad('redis://user:secret@localhost:1', 'memory')).toEqual([message])
})

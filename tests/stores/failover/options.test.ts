import { SentinelOptionsError } from '../../../lib/errors'
import { failover, type FailoverOptions } from '../../../lib/stores/failover'
import { MemoryStore } from '../../../lib/stores/memory'
import type { StorageAdapter } from '../../../lib/stores/store'

function mistakes(stores: unknown, options?: unknown): string[] {
  try {
    failover(stores as StorageAdapter[], options as FailoverOptions)
  } catch (error) {
    if (error instanceof SentinelOptionsError) {
      return error.problems.map(({ path, message }) => `${path}: ${message}`)
    }
    throw error
  }
  return []
}

const two = (): StorageAdapter[] => [new MemoryStore(), new MemoryStore()]

test('two stores and nothing else are enough', () => {
  expect(mistakes(two())).toEqual([])
  expect(mistakes(['redis://localhost:1', 'memory'])).toEqual([])
})

test('stores that are none, too few, or there twice', () => {
  const [one] = two()
  expect(mistakes([])).toEqual(['stores: must be two or more, not 0: one stands behind another'])
  expect(mistakes([one])).toEqual(['stores: must be two or more, not 1: one stands behind another'])
  expect(mistakes(one)).toEqual(['stores: must be an array of stores, the one to ask first at its head'])
  expect(mistakes([one, one])).toEqual(['stores[1]: is stores[0] once more: each store may be there once'])
  expect(mistakes([one, 'reddis://x'])[0]).toMatch(
    /^stores\[1\]: must be 'memory', .*did you mean 'redis:\/\/'/,
  )
  expect(mistakes([undefined, {}]).map((line) => line.slice(0, 19))).toEqual([
    'stores[0]: must be ',
    'stores[1]: must be ',
  ])
})

test('a password is not shown', () => {
  const url = 'redis://user:hunter2@localhost:1'
  expect(mistakes([url, url]).join()).not.toContain('hunter2')
})

test('every mistake at once, and the nearest name for an unknown one', () => {
  const options = {
    timout: 1,
    timeout: 'soon',
    connectTimeout: 0,
    failures: 0,
    successes: 1.5,
    settle: -1,
    probeEvery: 2 ** 40,
    journal: { most: 0, file: 7, fiel: 'x' },
    copies: { most: -1, refresh: '5', refreshes: 1 },
  }
  expect(mistakes([], options).map((line) => line.split(', not')[0])).toEqual([
    "timout: is not an option of failover; did you mean 'timeout'?",
    ...['timeout', 'connectTimeout', 'settle', 'probeEvery'].map(
      (name) => expect.stringMatching(`^${name}: must be a positive number of milliseconds`) as string,
    ),
    'failures: must be a positive integer',
    'successes: must be a positive integer',
    "journal.fiel: is not an option of failover; did you mean 'file'?",
    'journal.most: must be a positive integer',
    'journal.file: must be the path of a file',
    "copies.refreshes: is not an option of failover; did you mean 'refresh'?",
    'copies.most: must be a positive integer',
    expect.stringMatching('^copies.refresh: must be a positive number'),
    'stores: must be two or more',
  ])
})

test('options that are no objects', () => {
  expect(mistakes(two(), 5)).toEqual(['options: must be an object, not a number'])
  expect(mistakes(two(), { journal: 'x', copies: true })).toEqual([
    'journal: must be an object, not a string',
    'copies: must be an object, not a boolean',
  ])
})

test('stores are called what they are, and no two alike', async () => {
  const store = failover(['redis://user:hunter2@localhost:1', ...two(), 'memory'])
  const { stores } = await store.health()
  expect(stores?.map(({ name }) => name)).toEqual([
    'redis://…@localhost:1',
    'MemoryStore',
    'MemoryStore 2',
    'memory',
  ])
  await store.close()
})

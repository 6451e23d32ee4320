import { spaceOf } from '../keys'
import type { StorageAdapter } from '../stores/store'
import { testBuckets } from './contract/buckets'
import { testCrowds } from './contract/crowds'
import { testDecisions } from './contract/decisions'
import { testDifferential } from './contract/differential'
import { testGlobals } from './contract/globals'
import type { Bench } from './contract/globals'
import { testLimits } from './contract/limits'
import { testMeetings } from './contract/meetings'
import { testOwnLimiters } from './contract/own'
import { testPrimitives } from './contract/primitives'
import { testRecords } from './contract/records'
import { testUserRecords } from './contract/user-records'

export interface StoreContractOptions {
  /** Where the random traces start; it stands in their tests' names. Default 1. */
  seed?: number
  /** Length of a random trace, and a 25th of the records written at once: more finds more, takes longer. Default 100. */
  steps?: number
}

/**
 * Declares jest tests of everything that the sentinel expects of a store: the four primitives, every kind of check,
 * every limiter step by step, concurrency, records. Time is injected, so hours take milliseconds.
 *
 * Each test makes a store and closes it. Stores may share one server: every test works in a space of its own.
 *
 * @param name what the tests are called after.
 * @param makeStore a store to test; it is connected here.
 * @throws Error where `describe`, `test` and `expect` are no globals.
 * @example
 * import { storeContract } from 'telegraf-sentinel/testing'
 *
 * storeContract('MyStore', () => new MyStore('/tmp/test.db'))
 */
export function storeContract(
  name: string,
  makeStore: () => StorageAdapter | Promise<StorageAdapter>,
  { seed = 1, steps = 100 }: StoreContractOptions = {},
): void {
  const bench: Bench = { ...testGlobals(), seed, steps, withStore: storesFrom(makeStore) }
  bench.describe(`store contract: ${name}`, () => {
    testPrimitives(bench)
    testLimits(bench)
    testDecisions(bench)
    testOwnLimiters(bench)
    testBuckets(bench)
    testRecords(bench)
    testMeetings(bench)
    testUserRecords(bench)
    testCrowds(bench)
    testDifferential(bench)
  })
}

function storesFrom(makeStore: () => StorageAdapter | Promise<StorageAdapter>): Bench['withStore'] {
  // Stores that outlive a run (a server) must not show it what an earlier run left.
  const run = `${process.pid}-${Date.now()}`
  let tests = 0
  return (body) => async () => {
    const store = await makeStore()
    await store.connect()
    try {
      await body(store, spaceOf('contract', `${run}-${++tests}`))
    } finally {
      await store.close()
    }
  }
}

import type { StorageAdapter } from '../../stores/store'

/** The part of jest that the contract uses, so that the published package needs no types of it. */
interface Matchers {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
  readonly not: { toBe(expected: unknown): void; toEqual(expected: unknown): void }
}

export interface TestGlobals {
  describe(name: string, body: () => void): void
  test(name: string, body: () => Promise<void> | void): void
  expect(value: unknown): Matchers
}

/** What one part of the contract is given. */
export interface Bench extends TestGlobals {
  /** A fresh store, connected, and a space that no other test uses; the store is closed after the test. */
  withStore(body: (store: StorageAdapter, space: string) => Promise<void>): () => Promise<void>
  readonly seed: number
  readonly steps: number
}

/** @throws Error outside of a test runner with jest's globals. */
export function testGlobals(): TestGlobals {
  const { describe, test, expect } = globalThis as Partial<TestGlobals>
  if (describe === undefined || test === undefined || expect === undefined) {
    throw new Error(
      'storeContract() declares tests: call it in a test file, under a runner that has the globals describe, test ' +
        'and expect (jest, or vitest with globals: true)',
    )
  }
  return { describe, test, expect }
}

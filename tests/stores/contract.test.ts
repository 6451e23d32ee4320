import { storeContract } from '../../lib/testing/store-contract'
import { MapStore } from '../support/map-store'
import { NativeStore } from '../support/native-store'

storeContract('four primitives over a map', () => new MapStore())
storeContract('a store with an engine of its own', () => new NativeStore())

test('outside of a test runner, the contract says what it needs', () => {
  const { describe } = globalThis
  Reflect.deleteProperty(globalThis, 'describe')
  try {
    expect(() => storeContract('nowhere', () => new MapStore())).toThrow(/call it in a test file/)
  } finally {
    globalThis.describe = describe
  }
})

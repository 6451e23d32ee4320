import { MemoryStore } from '../../../lib/stores/memory'
import { layered } from '../../../lib/stores/layered'
import { LayeredStore } from '../../../lib/stores/layered/layered'
import { readOptions } from '../../../lib/stores/layered/options'
import type { StorageAdapter } from '../../../lib/stores/store'
import { storeContract } from '../../../lib/testing/store-contract'
import { MapStore } from '../../support/map-store'

// As it is. Its random traces are cut short: they compare what is left of every limit, which a refusal of the front tells
// as it was last seen. differential.test.ts compares all else.
storeContract('layered over a map', () => layered('memory', new MapStore()), { steps: 2 })
storeContract('layered over memory', () => layered('memory', new MemoryStore()), { steps: 2 })

// At full length, by a clock on which everything is too old to be used the next time.
storeContract('layered over a map, remembering nothing', () => forgetful(new MapStore()))
storeContract('layered over memory, remembering nothing', () => forgetful(new MemoryStore()))

function forgetful(back: StorageAdapter): LayeredStore {
  let local = 0
  return new LayeredStore(readOptions('memory', back, {}), () => (local += 60_000))
}

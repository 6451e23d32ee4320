import { MemoryStore } from '../../../lib/stores/memory'
import { storeContract } from '../../../lib/testing/store-contract'

storeContract('memory', () => new MemoryStore(), { seed: Date.now() % 1_000_000, steps: 400 })

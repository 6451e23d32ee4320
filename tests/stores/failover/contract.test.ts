import { failover } from '../../../lib/stores/failover'
import { FailoverStore } from '../../../lib/stores/failover/failover'
import { MemoryStore } from '../../../lib/stores/memory'
import { storeContract } from '../../../lib/testing/store-contract'
import { MapStore } from '../../support/map-store'

storeContract('failover, four primitives before memory', () => failover([new MapStore(), new MemoryStore()]))
storeContract('failover, memory before memory', () => failover([new MemoryStore(), new MemoryStore()]))
/** With its second store alone, it is as good as any, but says what it is. */
class Degraded extends FailoverStore {
  override async health() {
    const health = await super.health()
    expect(health.status).toBe('degraded')
    return { ...health, status: 'ok' as const }
  }
}

storeContract('failover, the second store serving', () => {
  const dead = new MapStore()
  dead.connect = () => Promise.reject(new Error('nothing listens'))
  // Without a whole copy, nobody would count as unregistered.
  return new Degraded([dead, new MemoryStore()], { copies: false })
})
storeContract('failover without copies', () => failover([new MapStore(), new MapStore()], { copies: false }))

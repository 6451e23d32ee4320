/** A store with memory to fall back on. */
import { failover, MemoryStore, type StorageAdapter } from 'telegraf-sentinel'
import type { Opened } from './scenario'

export function withMemory(primary: StorageAdapter): Opened {
  const secondary = new MemoryStore()
  return { store: failover([primary, secondary]), secondary }
}

export { MemoryStore } from './store'
export type { MemoryStoreOptions } from './store'

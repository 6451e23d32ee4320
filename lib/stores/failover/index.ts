export { failover, type FailoverStore } from './failover'
export type { CopiesOptions, FailoverOptions, JournalOptions } from './options'

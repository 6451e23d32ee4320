export { RedisStore } from './store'
export type { RedisStoreOptions, RedisStoreSource } from './options'
export type { RedisLike } from './clients'

const SHARDS = 256
/** Characters at a string's end that choose its shard: where ids and names differ. */
const SUFFIX = 12

/** A Map in many parts, so that growing never rehashes a million entries in one go. */
export class ShardedMap<K extends string | number, V> {
  private readonly shards = new Array<Map<K, V> | undefined>(SHARDS).fill(undefined)
  private count = 0

  get size(): number {
    return this.count
  }

  get(key: K): V | undefined {
    return this.count === 0 ? undefined : this.shards[shardOf(key)]?.get(key)
  }

  set(key: K, value: V): void {
    const number = shardOf(key)
    const shard = (this.shards[number] ??= new Map())
    const before = shard.size
    shard.set(key, value)
    this.count += shard.size - before
  }

  delete(key: K): void {
    const number = shardOf(key)
    const shard = this.shards[number]
    if (shard?.delete(key) !== true) return
    this.count--
    if (shard.size === 0) this.shards[number] = undefined
  }
}

function shardOf(key: string | number): number {
  if (typeof key === 'number') return key & (SHARDS - 1)
  let hash = key.length
  for (let i = Math.max(0, key.length - SUFFIX); i < key.length; i++) {
    hash = Math.imul(hash, 31) + key.charCodeAt(i)
  }
  return (hash ^ (hash >>> 15)) & (SHARDS - 1)
}

// A part of a peer that comes without types: only what the benchmarks touch.

declare module 'telegraf-ratelimit/lib/memory-store.js' {
  export default class MemoryStore {
    constructor(clearPeriod: number)
    incr(key: number): number
  }
}

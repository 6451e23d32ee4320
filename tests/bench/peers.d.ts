// The peers that come without types: only what the benchmarks touch.

declare module 'telegraf-ratelimit' {
  import type { Context, MiddlewareFn } from 'telegraf'
  export default function limit(options: { window: number; limit: number }): MiddlewareFn<Context>
}

declare module 'telegraf-ratelimit/lib/memory-store.js' {
  export default class MemoryStore {
    constructor(clearPeriod: number)
    incr(key: number): number
  }
}

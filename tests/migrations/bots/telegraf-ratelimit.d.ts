// telegraf-ratelimit.d.ts
declare module 'telegraf-ratelimit' {
  import type { Context, MiddlewareFn } from 'telegraf'
  export default function rateLimit(options: {
    window?: number
    limit?: number
    keyGenerator?: (ctx: Context) => number | string | undefined
    onLimitExceeded?: (ctx: Context, next: () => Promise<void>) => unknown
  }): MiddlewareFn<Context>
}

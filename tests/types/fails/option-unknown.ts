// TS2561: 'windw' does not exist in type 'RateLimitOptions<Context<Update>>'. Did you mean to write 'window'?
import { RateLimit } from 'telegraf-sentinel'

export const limit = RateLimit({ limit: 1, window: '1s', windw: '2s' })

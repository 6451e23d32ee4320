// TS2345: Property 'window' is missing
import { RateLimit } from 'telegraf-sentinel'

export const limit = RateLimit({ limit: 1 })

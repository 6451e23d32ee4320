// TS2322: is not assignable to type
import { RateLimit } from 'telegraf-sentinel'

export const limit = RateLimit({ limit: 1, window: '1s', cost: (text: string) => text.length })

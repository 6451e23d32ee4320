// TS2345: Argument of type '(text: string) => number' is not assignable
import { RateLimit } from 'telegraf-sentinel'

export const limit = RateLimit((text: string) => text.length, '1s')

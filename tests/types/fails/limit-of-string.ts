// TS2345: Argument of type 'string' is not assignable to parameter of type
import { RateLimit } from 'telegraf-sentinel'

export const limit = RateLimit('3', '1s')

// TS2345: Argument of type '"mesage"' is not assignable
import { On } from 'telegraf-sentinel'

export const listener = On('mesage')

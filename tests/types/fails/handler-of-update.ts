// TS1241: is not assignable to
import type { Update } from 'telegraf/types'
import { On } from 'telegraf-sentinel'

export class Shop {
  @On('message')
  buy(_update: Update) {}
}

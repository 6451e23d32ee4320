// TS1240:
import type { Context } from 'telegraf'
import { Use } from 'telegraf-sentinel'

export class Shop {
  @Use()
  buy = (_ctx: Context) => undefined
}

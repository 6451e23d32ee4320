// TS1241:
import type { Context } from 'telegraf'
import { Controller } from 'telegraf-sentinel'

export class Shop {
  @Controller()
  buy(_ctx: Context) {}
}

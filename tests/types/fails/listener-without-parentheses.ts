// TS1329: Did you mean to call it first and write '@Start()'
import type { Context } from 'telegraf'
import { Start } from 'telegraf-sentinel'

export class Shop {
  @Start
  buy(_ctx: Context) {}
}

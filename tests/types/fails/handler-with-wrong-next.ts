// TS1241: is not assignable to
import type { Context } from 'telegraf'
import { Action } from 'telegraf-sentinel'

export class Shop {
  @Action('buy')
  buy(_ctx: Context, _next: string) {}
}

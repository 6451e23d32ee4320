// TS1241: Target signature provides too few arguments
import type { Context } from 'telegraf'
import { Hears } from 'telegraf-sentinel'

export class Shop {
  @Hears('buy')
  buy(_ctx: Context, _next: () => Promise<void>, _more: string) {}
}

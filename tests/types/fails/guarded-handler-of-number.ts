// TS1241: is not assignable to
import { Command, RateLimit } from 'telegraf-sentinel'

export class Shop {
  @Command('buy')
  @RateLimit(1, '1s')
  buy(_n: number) {}
}

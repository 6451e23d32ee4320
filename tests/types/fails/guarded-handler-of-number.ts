// TS1241: is not assignable to
import { RateLimit } from 'telegraf-sentinel'

export class Shop {
  @RateLimit(1, '1s')
  buy(_n: number) {}
}

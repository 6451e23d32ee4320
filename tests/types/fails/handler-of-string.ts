// TS1241: Type 'Context<Update>' is not assignable to type 'string'
import { Command } from 'telegraf-sentinel'

export class Shop {
  @Command('buy')
  buy(_text: string) {}
}

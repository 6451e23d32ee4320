import type { Telegraf } from 'telegraf'
import type { Context } from 'telegraf'
import { Command, Controller, createSentinel, Debounce, RateLimit, RequireRegistered } from '../../../lib'
import type { Sentinel, StorageAdapter } from '../../../lib'
import { CLASS_LIMIT, DEBOUNCE, ROUTE_LIMIT } from '../stores/contender'
import { bareBot } from '../update/bot'
import { COMMANDS } from './traffic'

/** What a user gets past the guard within the flood, which is shorter than the limits' window. */
export const MOST = Math.min(CLASS_LIMIT.limit, ROUTE_LIMIT.limit)

/** Is told of each update that reaches its handler. */
export type Handled = (userId: number) => void

export function plainBot(handled: Handled): Telegraf {
  const bot = bareBot()
  bot.command([...COMMANDS], (ctx) => handled(ctx.from.id))
  return bot
}

/** Behind block, registration, debounce and two limits. */
export function guardedBot(store: StorageAdapter, handled: Handled): { bot: Telegraf; sentinel: Sentinel } {
  @Controller('shop')
  @RateLimit(CLASS_LIMIT)
  @RequireRegistered()
  class Shop {
    @Command([...COMMANDS])
    @RateLimit(ROUTE_LIMIT)
    @Debounce(DEBOUNCE)
    serve({ from }: Context) {
      if (from !== undefined) handled(from.id)
    }
  }
  const sentinel = createSentinel({ store, controllers: [Shop], reply: false })
  const bot = bareBot()
  bot.use(sentinel)
  return { bot, sentinel }
}

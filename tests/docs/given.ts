/** What the documents' fragments take as given, and no more: whatever else a block uses, it imports. */
import type { Context, Telegraf } from 'telegraf'
import { Command, Controller, createSentinel, RateLimit } from 'telegraf-sentinel'
import { MapStore } from '../support/map-store'

@Controller()
class Shop {
  @Command('buy')
  @RateLimit({ limit: 3, window: '10s' })
  async buy(ctx: Context, _next?: () => Promise<void>): Promise<void> {
    await ctx.reply('Bought.')
  }
}

/** A store of the reader's own. */
class MyStore extends MapStore {
  constructor(readonly file?: string) {
    super()
  }
}

/** "The bot", "the sentinel" and so on of a guide's text. */
export function givenTo(bot: Telegraf) {
  const sentinel = createSentinel({ controllers: [Shop] })
  bot.use(sentinel)
  return {
    bot,
    sentinel,
    Shop,
    MyStore,
    userId: 42,
    spammers: [13, 14, 15],
    async *customers() {
      yield { userId: 7, profile: { plan: 'free' } }
    },
  }
}

export type Given = ReturnType<typeof givenTo>

import { Telegraf } from 'telegraf'

/** A bot that knows itself, so that nothing is asked over the network. */
export function bareBot(): Telegraf {
  const bot = new Telegraf('1:benchmark')
  bot.botInfo = {
    id: 1,
    is_bot: true,
    first_name: 'Bench',
    username: 'bench_bot',
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
  }
  return bot
}

import { createBot } from './bot'
import { Screen } from './screen'
import { Tally } from './tally'

/** The bot on the real Telegram, until it is interrupted. */
export async function live(token: string, out: NodeJS.WriteStream): Promise<void> {
  const tally = new Tally()
  const screen = new Screen(out, (userId) => `user ${userId}`)
  const { bot } = createBot(token, ({ from }, verdict, took) => {
    if (from === undefined) return
    tally.add(from.id, verdict, took)
    screen.tell(from.id, verdict)
    screen.draw(tally, 'telegraf-sentinel on Telegram; Ctrl+C ends it')
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => bot.stop(signal))
  await bot.launch(() => out.write(`@${bot.botInfo?.username} is guarded. Write to it; Ctrl+C ends it.\n`))
  screen.finish(tally, 'telegraf-sentinel on Telegram')
}

import { setTimeout as until } from 'node:timers/promises'
import { FakeTelegram } from 'telegraf-sentinel/testing'
import { createBot } from './bot'
import { crowd, SHOW } from './crowd'
import { Screen } from './screen'
import { Tally } from './tally'

const REDRAW = 100

/** The bot on a Telegram in this process, with a crowd that ends by itself. */
export async function show(out: NodeJS.WriteStream): Promise<void> {
  out.write('Five users, one bot: how many updates of each the sentinel let through or refused, and why.\n\n')
  const telegram = await FakeTelegram.start()
  const tally = new Tally()
  const { bot, sentinel } = createBot(
    telegram.token,
    ({ from }, verdict, took) => {
      if (from === undefined) return
      tally.add(from.id, verdict, took)
      screen.tell(from.id, verdict)
    },
    { telegram: { apiRoot: telegram.apiRoot } },
  )
  const { deeds, cast } = crowd(telegram, (userId) =>
    sentinel.blocks.add(userId, { for: '1h', reason: 'spam' }),
  )
  const screen = new Screen(out, (userId) => cast.get(userId) ?? String(userId))
  const running = bot.launch()

  const start = performance.now()
  const title = (): string => `telegraf-sentinel: ${((performance.now() - start) / 1000).toFixed(1)} s`
  const redraw = setInterval(() => screen.draw(tally, title()), REDRAW)
  for (const deed of deeds) {
    const wait = start + deed.at - performance.now()
    if (wait > 0) await until(wait)
    await deed.do()
  }
  await until(Math.max(0, start + SHOW - performance.now()))
  await telegram.idle()
  clearInterval(redraw)

  screen.finish(tally, title())
  const refused = tally.decisions - (tally.total().get('allowed') ?? 0)
  const sent = telegram.callsTo('sendMessage').length
  out.write(`${refused} updates were refused; the bot sent ${sent} messages in all.\n`)
  bot.stop()
  await running
  await sentinel.close()
  await telegram.stop()
}

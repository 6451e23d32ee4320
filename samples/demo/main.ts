/**
 * `npm run demo`: a guarded bot holds off a flood. With no settings it talks to a Telegram in this process and ends by
 * itself; with BOT_TOKEN set, the same bot runs on the real one until it is interrupted.
 */
import { setTimeout as until } from 'node:timers/promises'
import { FakeTelegram } from 'telegraf-sentinel/testing'
import { createBot } from './bot'
import { crowd, SHOW } from './crowd'
import { Screen } from './screen'
import { Tally } from './tally'

const REDRAW = 100

async function show(out: NodeJS.WriteStream): Promise<void> {
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

async function live(token: string, out: NodeJS.WriteStream): Promise<void> {
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

// `npm run demo | head` closes our output early.
process.stdout.on('error', () => process.exit(0))

const token = process.env.BOT_TOKEN
const demo = token ? live(token, process.stdout) : show(process.stdout)
demo.catch((error: Error) => {
  process.stderr.write(`The demo failed: ${error.message}\n`)
  process.exitCode = 1
})

import { performance } from 'node:perf_hooks'
import type { Telegraf } from 'telegraf'
import type { Course, Traffic } from './traffic'

/** As many updates as one poll of Telegram brings are handed over before others get their turn. */
const AT_ONCE = 100

/**
 * An open loop: updates arrive at a fixed rate whether or not the bot keeps up. Returns the ms of each, from when it
 * was due to arrive until the bot was done with it, so that whoever is kept waiting is counted with all of the wait.
 */
export function drive(bot: Telegraf, traffic: Traffic, { updates, rate }: Course): Promise<Float64Array> {
  const times = new Float64Array(updates)
  const perMs = rate / 1000
  let sent = 0
  let done = 0
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const finish = (index: number): void => {
      times[index] = performance.now() - started - index / perMs
      if (++done === updates) resolve(times)
    }
    const turn = (): void => {
      const due = Math.min(updates, sent + AT_ONCE, Math.floor((performance.now() - started) * perMs))
      for (; sent < due; sent++) {
        const index = sent
        bot.handleUpdate(traffic.update(index)).then(() => finish(index), reject)
      }
      if (sent < updates) setImmediate(turn)
    }
    turn()
  })
}

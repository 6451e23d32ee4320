import { performance } from 'node:perf_hooks'
import type { Telegraf } from 'telegraf'
import type { Update } from 'telegraf/types'
import { median, quantile } from '../suite'
import type { Values } from '../suite'
import { botOf } from './sides'
import type { Side } from './sides'
import { commandNames, updatesOf } from './updates'

/** How many updates travel together, as Telegraf handles up to 100 of one poll. */
export type AtOnce = 1 | 100

/** Microseconds per update through `bot.handleUpdate`: the median, and what 99 of 100 stay under. */
export async function measureUpdates(side: Side, atOnce: AtOnce, rounds: number): Promise<Values> {
  let handled = 0
  const bot = await botOf(side, () => void handled++)
  const next = updatesOf(commandNames(side.commands))
  const warmUp = Math.ceil(rounds / 4)
  const samples = new Float64Array(rounds)
  for (let round = -warmUp; round < rounds; round++) {
    const batch = Array.from({ length: atOnce }, next)
    const started = performance.now()
    await handle(bot, batch)
    const took = performance.now() - started
    if (round >= 0) samples[round] = (took * 1000) / atOnce
  }
  const sent = (warmUp + rounds) * atOnce
  if (handled !== sent) throw new Error(`${side.name}: ${handled} of ${sent} updates reached their handler`)
  return { median: median(samples), p99: quantile(samples, 0.99) }
}

async function handle(bot: Telegraf, batch: readonly Update[]): Promise<void> {
  if (batch.length === 1) await bot.handleUpdate(batch[0])
  else await Promise.all(batch.map((update) => bot.handleUpdate(update)))
}

/** What is seen while a soak runs: kept for the end, and a line of it printed each time. */
import type { FakeTelegram } from '../../lib/testing'
import type { BotOrder, BotSample, DriverOrder, DriverSample } from './words'
import type { Worker } from './worker'

/** What was seen at one moment (s since the start). */
export interface Sample {
  readonly at: number
  readonly bot: BotSample
  readonly driver: DriverSample
}

/** Who is asked. */
export interface Asked {
  readonly bot: Worker<BotOrder>
  readonly driver: Worker<DriverOrder>
  readonly telegram: FakeTelegram
}

/** Of troubles that come again and again, so many are kept. */
const MOST_TROUBLES = 20

export class Show {
  readonly samples: Sample[] = []
  readonly troubles: string[] = []
  readonly calls = { all: 0, limited: 0 }
  /** What goes on, in a few words. */
  now = 'begins'
  #started = 0

  constructor(private readonly print: (line: string) => void) {}

  /** From now on time is counted. */
  begin(): void {
    this.#started = performance.now()
  }

  trouble(text: string): void {
    this.print(`! ${text}`)
    if (this.troubles.length < MOST_TROUBLES) this.troubles.push(text)
  }

  async sample({ bot, driver, telegram }: Asked): Promise<void> {
    const before = this.samples.at(-1)
    const sample: Sample = {
      bot: await bot.ask<BotSample>({ act: 'sample' }),
      driver: await driver.ask<DriverSample>({ act: 'sample' }),
      at: (performance.now() - this.#started) / 1000,
    }
    this.samples.push(sample)
    this.calls.all += telegram.calls.length
    this.calls.limited += telegram.calls.filter(({ error }) => error?.code === 429).length
    telegram.clear()
    this.print(lineOf(sample, before, this.now))
  }
}

function lineOf({ at, bot, driver }: Sample, before: Sample | undefined, now: string): string {
  const seconds = at - (before?.at ?? 0)
  const rate = (driver.answered - (before?.driver.answered ?? 0)) / seconds
  return [
    `${at.toFixed(0).padStart(4)} s`,
    `${rate.toFixed(0).padStart(5)} updates/s`,
    `p99 ${driver.lately.toFixed(0).padStart(3)} ms`,
    `longest ${driver.longest.toFixed(0).padStart(4)} ms`,
    `unjudged ${bot.unjudged}`,
    `wrong ${wrong(driver)}`,
    `heap ${megabytes(bot.heap)}`,
    `resident ${megabytes(bot.resident)}`,
    now,
  ].join('  ')
}

/** Updates that were not treated as they should. */
function wrong({ mistakes }: DriverSample): number {
  return Object.values(mistakes).reduce((sum, { inTrouble, otherwise }) => sum + inTrouble + otherwise, 0)
}

/** `12.3 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`
}

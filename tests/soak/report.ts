/** What a run came to, and whether that is good enough. */
import type { Target } from '../bench/suite'
import type { Table } from '../bench/report/table'
import type { Outcome } from './ledger'
import { megabytes, type Sample } from './show'
import { slopeOf } from './slope'
import type { Past, SoakResult } from './soak'
import { LATEST, type Wanted } from './words'

/**
 * Bytes that the heap may grow by per update: the least that anything takes which is kept (a number in a box). Whatever
 * an update leaves behind for good is more than that.
 */
const MOST_GROWTH = 16
/** Of a run so much is warming up: code that is compiled, users who are new. */
const WARM_UP = 0.2
/** s of measured time below which the noise of single samples is larger than what is looked for. */
const LONG_ENOUGH = 90

const WANTED: readonly Wanted[] = ['served', 'refused as banned', 'refused as unregistered']

export function checksOf(result: SoakResult): Target[] {
  const { driver } = last(result)
  const { mistakes } = driver
  const { bans, registrations, troubles, calls } = result
  const lost = (outcome: Outcome) => outcome.lost.length + outcome.resurrected.length
  return [
    none('bans lost or resurrected', lost(bans)),
    none('registrations lost or resurrected', lost(registrations)),
    ...WANTED.map((wanted) => none(`updates not ${wanted}, while all was well`, mistakes[wanted].otherwise)),
    none('updates without an answer', driver.sent - driver.answered),
    none(`updates answered after more than ${LATEST} ms`, driver.late),
    none('warnings, unhandled rejections, uncaught exceptions', troubles.length),
    none('calls that Telegram’s limits refused', calls.limited),
    rate(result),
    ...flatness(result),
  ]
}

export function resultTables(result: SoakResult, checks: readonly Target[]): Table[] {
  return [
    faultTable(result.faults),
    recordTable(result),
    trafficTable(result),
    memoryTable(result),
    {
      caption: 'Checks',
      head: ['', 'wanted', 'got', ''],
      rows: checks.map(({ what, wanted, got, ok }) => [what, wanted, got, ok ? 'ok' : 'FAILED']),
    },
  ]
}

function none(what: string, count: number): Target {
  return { what, wanted: 'none', got: String(count), ok: count === 0 }
}

/** The rate was reached: a soak at half of it would show half as much. */
function rate({ options, samples }: SoakResult): Target {
  const [first, end] = [samples[0], samples[samples.length - 2] ?? samples[0]]
  const seconds = end.at - first.at
  const got = seconds === 0 ? options.rate : (end.driver.sent - first.driver.sent) / seconds
  const wanted = options.rate * 0.98
  return { what: 'updates a second', wanted: `at least ${wanted}`, got: got.toFixed(0), ok: got >= wanted }
}

function flatness(result: SoakResult): Target[] {
  const points = warm(result)
  const seconds = points.length < 2 ? 0 : points[points.length - 1].at - points[0].at
  if (seconds < LONG_ENOUGH) return []
  const perUpdate = slopeOf(points.map(({ at, bot }) => ({ at, value: bot.heap }))) / result.options.rate
  return [
    {
      what: 'growth of the heap per update',
      wanted: `at most ${MOST_GROWTH} B`,
      got: `${perUpdate.toFixed(1)} B`,
      ok: perUpdate <= MOST_GROWTH,
    },
  ]
}

/** The samples after the warm-up; the last one is of a bot that idles. */
function warm({ samples }: SoakResult): Sample[] {
  return samples.slice(Math.ceil(samples.length * WARM_UP), -1)
}

function faultTable(faults: readonly Past[]): Table {
  const names = [...new Set(faults.map(({ name }) => name))].sort()
  const longest = (values: readonly number[]) => (values.length === 0 ? '' : Math.max(...values).toFixed(0))
  return {
    caption: 'Faults (ms)',
    head: ['', 'times', 'longest', 'recovered before the next', 'longest recovery'],
    rows: names.map((name) => {
      const these = faults.filter((fault) => fault.name === name)
      const recovered = these.flatMap((fault) => fault.recovered ?? [])
      return [
        name,
        String(these.length),
        longest(these.map(({ lasted }) => lasted)),
        String(recovered.length),
        longest(recovered),
      ]
    }),
  }
}

function recordTable({ bans, registrations }: SoakResult): Table {
  const row = (name: string, outcome: Outcome) => [
    name,
    String(outcome.added),
    String(outcome.removed),
    String(outcome.rejected),
    String(outcome.unseen),
    outcome.longest.toFixed(0),
    String(outcome.lost.length),
    String(outcome.resurrected.length),
  ]
  return {
    caption: 'Bans and registrations',
    head: ['', 'added', 'removed', 'rejected', 'removed unseen', 'longest call (ms)', 'lost', 'resurrected'],
    rows: [row('bans', bans), row('registrations', registrations)],
  }
}

function trafficTable(result: SoakResult): Table {
  const { driver, bot } = last(result)
  const events = Object.entries(bot.events).map(([name, count]) => [`event ${name}`, String(count)])
  const failed = Object.entries(driver.failed).map(([name, count]) => [`failed: ${name}`, String(count)])
  return {
    caption: 'Updates',
    head: ['', ''],
    rows: [
      ['sent', String(driver.sent)],
      ['answered', String(driver.answered)],
      ['served', String(driver.served)],
      ['judged by no store (onStoreError)', String(bot.unjudged)],
      ...WANTED.map((wanted) => [`not ${wanted}, in trouble`, String(driver.mistakes[wanted].inTrouble)]),
      [
        'until the answer: p50, p99, longest (ms)',
        [driver.p50, driver.p99, driver.longest].map((ms) => ms.toFixed(1)).join(', '),
      ],
      ['calls to the Bot API', String(result.calls.all)],
      ...failed,
      ...events,
    ],
  }
}

function memoryTable(result: SoakResult): Table {
  const points = warm(result)
  const row = (name: string, of: (sample: Sample) => number) => {
    const values = points.map(of)
    const slope = slopeOf(points.map((sample) => ({ at: sample.at, value: of(sample) })))
    const ends = [values[0], values[values.length - 1], Math.max(...values)]
    return [name, ...ends.map(megabytes), `${(slope / 1024).toFixed(1)} kB/s`]
  }
  return {
    caption: 'Memory of the bot, after the warm-up',
    head: ['', 'first', 'last', 'most', 'slope'],
    rows:
      points.length === 0
        ? []
        : [row('heap', ({ bot }) => bot.heap), row('resident', ({ bot }) => bot.resident)],
  }
}

function last({ samples }: SoakResult): Sample {
  return samples[samples.length - 1]
}

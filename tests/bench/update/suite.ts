import { ceilingTarget, ratioTarget, Results } from '../suite'
import type { Measurement, Report, Suite, Target, Task } from '../suite'
import type { Table } from '../report/table'
import { measureUpdates } from './measure'
import { sides } from './sides'

const ALONE = '1 at a time'
const TOGETHER = '100 at once'
const SCENARIOS = [ALONE, TOGETHER]
const OURS = 'telegraf-sentinel, 20 commands'
const OURS_200 = 'telegraf-sentinel, 200 commands'
const PLAIN = 'plain Telegraf, 20 commands'
/** The whole round of bots is measured this often: what else the machine does then meets all of them. */
const REPEATS = 3

export const update: Suite = {
  name: 'update',

  tasks(quick) {
    const once = SCENARIOS.flatMap((scenario) =>
      sides.map(({ name }): Task => ({ suite: 'update', contender: name, scenario, quick })),
    )
    return quick ? once : Array.from({ length: REPEATS }, () => once).flat()
  },

  measure({ contender, scenario, quick }) {
    const side = sides.find(({ name }) => name === contender)
    if (side === undefined) throw new Error(`no such bot: ${contender}`)
    const updates = quick ? 2_000 : (side.updates ?? 200_000)
    return scenario === ALONE ? measureUpdates(side, 1, updates) : measureUpdates(side, 100, updates / 100)
  },

  report: reportOf,
}

function reportOf(measurements: readonly Measurement[]): Report {
  const results = new Results(measurements)
  return {
    title: 'A whole update, through `bot.handleUpdate`',
    method: [
      'Ours: each command in a controller, behind block, registration, debounce and two limits (class and method), in ' +
        'the memory store. Peers: one limit per user, as middleware in front of the same commands in plain Telegraf. All ' +
        'bots end with `bot.on(message())`; handlers do nothing; every update is allowed, and that is checked.',
      '200,000 updates (20,000 for 200 commands in plain Telegraf) from 100,000 users in turn, each a command picked at random; built before the clock starts.',
      `Median and p99 over updates (100 at once: over batches, divided by 100); the median of ${REPEATS} processes each.`,
    ],
    tables: [timeTable(results)],
    targets: targetsOf(results),
    chart: {
      file: 'benchmarks-update.svg',
      title: 'Microseconds per update, 1 at a time (less is better)',
      bars: sides.map(({ name, kind }) => {
        const value = results.median(name, ALONE, 'median')
        return { label: name, value, text: `${value.toFixed(1)} us`, ours: kind === 'ours' }
      }),
    },
  }
}

function timeTable(results: Results): Table {
  const plain = (scenario: string) => results.median(PLAIN, scenario, 'median')
  return {
    caption: 'Microseconds per update',
    head: ['', ...SCENARIOS.flatMap((scenario) => [`${scenario}: median`, 'p99', 'of plain'])],
    rows: sides.map(({ name }) => [
      name,
      ...SCENARIOS.flatMap((scenario) => {
        const time = results.median(name, scenario, 'median')
        const p99 = results.median(name, scenario, 'p99')
        return [time.toFixed(2), p99.toFixed(2), `${(time / plain(scenario)).toFixed(2)}x`]
      }),
    ]),
  }
}

function targetsOf(results: Results): Target[] {
  const time = (name: string, scenario: string) => results.median(name, scenario, 'median')
  return [
    ...SCENARIOS.flatMap((scenario) => [
      ratioTarget(
        `20 guarded commands, ${scenario}, of 20 in plain Telegraf`,
        time(OURS, scenario) / time(PLAIN, scenario),
        'at most',
        0.5,
      ),
      ratioTarget(
        `200 guarded commands, ${scenario}, of our 20`,
        time(OURS_200, scenario) / time(OURS, scenario),
        'at most',
        1.2,
      ),
    ]),
    ceilingTarget('p99 of a guarded update, 1 at a time', results.median(OURS, ALONE, 'p99'), 100, 'us'),
  ]
}

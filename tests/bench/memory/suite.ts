import { ceilingTarget, ratioTarget, Results } from '../suite'
import type { Measurement, Report, Suite, Target, Task } from '../suite'
import { perSecond } from '../report/table'
import type { Table } from '../report/table'
import { LIMIT } from './contender'
import { measureDecisions, measureExpiry } from './measure'
import { ours } from './ours'
import { peers } from './peers'
import { nothing, references } from './references'

const SUBJECTS = [1, 10_000, 1_000_000]
const MOST = String(SUBJECTS[2])
const EXPIRY = 'expiry'
/** Longer than it takes to fill any of them (ms). */
const EXPIRING_WINDOW = 4_000
const contenders = [...ours, ...peers, ...references]
const expiring = [...ours, ...peers, nothing]

export const memory: Suite = {
  name: 'memory',

  tasks(quick) {
    const decisions = SUBJECTS.flatMap((count) =>
      contenders.map(({ name }): Task => ({
        suite: 'memory',
        contender: name,
        scenario: String(count),
        quick,
      })),
    )
    const expiries = expiring.map(({ name }): Task => ({
      suite: 'memory',
      contender: name,
      scenario: EXPIRY,
      quick,
    }))
    return [...decisions, ...expiries]
  },

  measure({ contender: name, scenario, quick }) {
    const contender = [...contenders, nothing].find((candidate) => candidate.name === name)
    if (contender === undefined) throw new Error(`no such contender: ${name}`)
    if (scenario === EXPIRY) {
      return quick
        ? measureExpiry(contender, 2_000, 200, 300)
        : measureExpiry(contender, 1_000_000, EXPIRING_WINDOW, contender.forgetsWithin(EXPIRING_WINDOW))
    }
    const subjects = Number(scenario)
    return quick
      ? measureDecisions(contender, Math.min(subjects, 2_000), 2_000)
      : measureDecisions(contender, subjects, 1_000_000)
  },

  report: reportOf,
}

function reportOf(measurements: readonly Measurement[]): Report {
  const results = new Results(measurements)
  return {
    title: 'Memory: one decision, one thread',
    method: [
      `A limit of ${LIMIT} per minute. Ours through \`MemoryStore.decide()\`, a new request for each decision; peers through ` +
        'their memory store, each promise awaited, as their own middleware do.',
      'Seven rounds of a million decisions over the same sequence of ids, in a new random order each round; the median ' +
        'round counts. At a million subjects five rounds pass and two are refused; below that nearly all are refused.',
      'Bytes: heap and array buffers after a collection, after the rounds, less before, per subject. Every subject ' +
        'has then used up its limit.',
      'Stall: the longest turn of the event loop, by the clock or by processor time, whichever is less, while a million ' +
        'subjects expire (window: 4 s) and one hit comes per millisecond. Each is watched for as long as it needs to ' +
        'forget them; what it then still holds is beside it. `nothing` is the machine itself.',
      'References count and compare, and never expire: the least that any limiter could cost.',
    ],
    tables: [speedTable(results), expiryTable(results)],
    targets: targetsOf(results),
    chart: {
      file: 'benchmarks-memory.svg',
      title: 'Decisions per second, 1,000,000 subjects in random order',
      bars: contenders.map(({ name, kind }) => {
        const value = results.median(name, MOST, 'rate')
        return { label: name, value, text: perSecond(value), ours: kind === 'ours' }
      }),
    },
  }
}

function speedTable(results: Results): Table {
  return {
    caption: 'Decisions per second, and bytes per subject',
    head: [
      '',
      ...SUBJECTS.map((count) => count.toLocaleString('en')),
      'bytes at 10,000',
      'bytes at 1,000,000',
    ],
    rows: contenders.map(({ name }) => [
      name,
      ...SUBJECTS.map((count) => perSecond(results.median(name, String(count), 'rate'))),
      ...SUBJECTS.slice(1).map((count) => results.median(name, String(count), 'bytes').toFixed(0)),
    ]),
  }
}

function expiryTable(results: Results): Table {
  return {
    caption: 'A million subjects expire',
    head: ['', 'longest stall', 'bytes per subject kept'],
    rows: expiring.map(({ name }) => [
      name,
      `${results.median(name, EXPIRY, 'stall').toFixed(1)} ms`,
      results.median(name, EXPIRY, 'kept').toFixed(0),
    ]),
  }
}

function targetsOf(results: Results): Target[] {
  const rate = (name: string) => results.median(name, MOST, 'rate')
  return ours.flatMap(({ name }) => {
    const exact = name === 'sliding-window'
    return [
      ratioTarget(
        `${name}, a million subjects, of rate-limiter-flexible`,
        rate(name) / rate('rate-limiter-flexible'),
        'at least',
        exact ? 6 : 10,
      ),
      ...(exact
        ? []
        : [
            ratioTarget(
              `${name}, a million subjects, of telegraf-ratelimit`,
              rate(name) / rate('telegraf-ratelimit'),
              'at least',
              4,
            ),
          ]),
      ceilingTarget(`${name}, bytes per subject`, results.median(name, MOST, 'bytes'), exact ? 120 : 64, 'B'),
      ceilingTarget(`${name}, longest stall of expiry`, results.median(name, EXPIRY, 'stall'), 5, 'ms'),
    ]
  })
}

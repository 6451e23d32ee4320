import { layered } from '../../../lib/stores/layered'
import { Results } from '../suite'
import type { Measurement, Report, Suite, Target, Task } from '../suite'
import type { Table } from '../report/table'
import { measureGuarded, measurePlain } from './measure'
import type { Contender } from './measure'
import { MOST } from './bot'
import { courseOf } from './traffic'

const SCENARIO = 'flood'
const PLAIN = 'no sentinel'
/** The target of a refused update of a flooder behind the layered store. */
const MOST_TRIPS = 0.01

const guards: readonly (Contender & { readonly layered: boolean })[] = [
  { name: 'memory', server: 'memory', layered: false, guard: (store) => store },
  { name: 'Redis', server: 'Redis', layered: false, guard: (store) => store },
  { name: 'memory in front of Redis', server: 'Redis', layered: true, guard: inFront },
  { name: 'PostgreSQL', server: 'PostgreSQL', layered: false, guard: (store) => store },
  { name: 'memory in front of PostgreSQL', server: 'PostgreSQL', layered: true, guard: inFront },
]
const CONTENDERS = [PLAIN, ...guards.map(({ name }) => name)]

function inFront(back: Parameters<Contender['guard']>[0]) {
  return layered('memory', back)
}

export const flood: Suite = {
  name: 'flood',

  tasks: (quick) =>
    CONTENDERS.map((contender): Task => ({ suite: 'flood', contender, scenario: SCENARIO, quick })),

  measure({ contender, quick }) {
    const course = courseOf(quick)
    if (contender === PLAIN) return measurePlain(course)
    const guard = guards.find(({ name }) => name === contender)
    if (guard === undefined) throw new Error(`no such contender: ${contender}`)
    return measureGuarded(guard, course)
  },

  report: reportOf,
}

type Value = (contender: string, value: string) => number

function reportOf(measurements: readonly Measurement[]): Report {
  const results = new Results(measurements)
  const value: Value = (contender, name) => results.median(contender, SCENARIO, name)
  const course = courseOf(false)
  const perSecond = course.rate.toLocaleString('en')
  return {
    title: 'A flood',
    method: [
      `${course.updates.toLocaleString('en')} updates from ${course.users.toLocaleString('en')} users through ` +
        '`bot.handleUpdate`, in random order, all of registered users: 99,000 send one or two each, ' +
        `${course.flooders.toLocaleString('en')} flooders the rest, some 850 each. The same order for every bot.`,
      'The guard: block, registration, debounce (2 s) and two limits (30 and 20 per minute), with the default algorithm, so ' +
        `that each flooder gets ${MOST} through, which is checked, as is that every update of a good user passes. \`reply: false\`: refusals are not ` +
        'answered, and handlers do nothing. Stores have their default options, and have not seen the users since the bot started.',
      `An open loop: ${perSecond} updates arrive per second whether or not the bot keeps up, and a time runs from when the ` +
        'update was due to arrive until the bot was done with it. A closed loop would send less while it waits, and so hide ' +
        'what a flood does to the others.',
      'Store trips: decisions that the durable store was asked for. Calls: what arrived there (scripts in Redis, ' +
        'transactions in PostgreSQL): decisions that wait travel together. Let through unjudged: the store did not answer in time (`onStoreError`).',
      'Memory: growth of the heap and of array buffers by the flood, the most that the whole process held (driver, compiler and all), ' +
        'and what the server stores. One process each; client and server share the cores.',
    ],
    tables: [latencyTable(value), tripTable(value), memoryTable(value)],
    targets: targetsOf(value),
    chart: {
      file: 'benchmarks-flood.svg',
      title: 'A good user’s update during a flood: p99 in milliseconds (less is better)',
      bars: CONTENDERS.map((name) => {
        const p99 = value(name, 'p99')
        return { label: name, value: p99, text: `${p99.toFixed(2)} ms`, ours: name !== PLAIN }
      }),
    },
  }
}

function latencyTable(value: Value): Table {
  return {
    caption: 'Milliseconds of a good user’s update, and what the handlers got',
    head: ['', 'p50', 'p99', 'longest', 'handled, of good users', 'handled, of flooders'],
    rows: CONTENDERS.map((name) => [
      name,
      ...['p50', 'p99', 'longest'].map((time) => value(name, time).toFixed(2)),
      ...['passedGood', 'passedFlood'].map((count) => value(name, count).toLocaleString('en')),
    ]),
  }
}

function tripTable(value: Value): Table {
  return {
    caption: 'What the durable store was asked',
    head: ['', 'trips per update', 'trips per refused update', 'calls per update', 'let through unjudged'],
    rows: behindServers().map(({ name }) => [
      name,
      value(name, 'trips').toFixed(3),
      value(name, 'refusalTrips').toFixed(4),
      value(name, 'calls').toFixed(4),
      value(name, 'unjudged').toLocaleString('en'),
    ]),
  }
}

function memoryTable(value: Value): Table {
  const stored = new Set(behindServers().map(({ name }) => name))
  return {
    caption: 'Megabytes after the flood',
    head: ['', 'heap', 'resident at most', 'in the server'],
    rows: CONTENDERS.map((name) => [
      name,
      megabytes(value(name, 'bytes')),
      megabytes(value(name, 'rss')),
      stored.has(name) ? megabytes(value(name, 'serverBytes')) : '',
    ]),
  }
}

function targetsOf(value: Value): Target[] {
  return guards
    .filter((guard) => guard.layered)
    .map(({ name }) => {
      const trips = value(name, 'refusalTrips')
      return {
        what: `store trips of a refused update of a flooder, ${name}`,
        wanted: `at most ${MOST_TRIPS}`,
        got: trips.toFixed(4),
        ok: trips <= MOST_TRIPS,
      }
    })
}

function behindServers() {
  return guards.filter(({ server }) => server !== 'memory')
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1)
}

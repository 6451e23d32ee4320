import { perSecond } from '../report/table'
import type { Table } from '../report/table'
import type { Results } from '../suite'
import { valueName } from './rounds'
import type { Lap } from './lap'

/** The scenario of a suite's one process, in which all contenders take turns. */
export const SIDE_BY_SIDE = 'side by side'
export const ALL = 'all contenders'

/** Before the values of the one key that everybody shares. */
export const HOT = 'hot key: '

/** How many decisions are under way at any time. */
export const LEVELS = [1, 16, 64, 256]
export const HOT_LEVELS = [64, 256]

/** A number of a lap, the median over the rounds. */
export type LapValue = (contender: string, atOnce: number, what: keyof Lap, group?: string) => number

export function lapValues(results: Results): LapValue {
  return (contender, atOnce, what, group) =>
    results.median(ALL, SIDE_BY_SIDE, valueName(contender, atOnce, what, group))
}

export function rateTable(value: LapValue, contenders: readonly string[]): Table {
  return {
    caption: 'Decisions per second, by how many are under way at any time',
    head: ['', ...LEVELS.map(String)],
    rows: contenders.map((name) => [name, ...LEVELS.map((atOnce) => perSecond(value(name, atOnce, 'rate')))]),
  }
}

export function latencyTable(value: LapValue, contenders: readonly string[]): Table {
  return {
    caption: 'Milliseconds per decision',
    head: ['', ...LEVELS.flatMap((atOnce) => [`${atOnce}: p50`, 'p99'])],
    rows: contenders.map((name) => [
      name,
      ...LEVELS.flatMap((atOnce) => [
        value(name, atOnce, 'p50').toFixed(2),
        value(name, atOnce, 'p99').toFixed(2),
      ]),
    ]),
  }
}

export function cpuTable(value: LapValue, contenders: readonly string[]): Table {
  return {
    caption: 'Processor time of the client per decision, in microseconds',
    head: ['', ...LEVELS.map(String)],
    rows: contenders.map((name) => [name, ...LEVELS.map((atOnce) => value(name, atOnce, 'cpu').toFixed(1))]),
  }
}

export function hotTable(value: LapValue, contenders: readonly string[]): Table {
  return {
    caption: 'One limit for all users: decisions per second, milliseconds',
    head: ['', ...HOT_LEVELS.flatMap((atOnce) => [`${atOnce} at once`, 'p50', 'p99'])],
    rows: contenders.map((name) => [
      name,
      ...HOT_LEVELS.flatMap((atOnce) => [
        perSecond(value(name, atOnce, 'rate', HOT)),
        value(name, atOnce, 'p50', HOT).toFixed(2),
        value(name, atOnce, 'p99', HOT).toFixed(2),
      ]),
    ]),
  }
}

/** Under which names the bytes stand in the values. */
export function bytesName(contender: string, when: 'registered' | 'acted'): string {
  return `bytes: ${contender}, ${when}`
}

export function bytesTable(results: Results, contenders: readonly string[]): Table {
  const bytes = (name: string, when: 'registered' | 'acted') =>
    results.median(ALL, SIDE_BY_SIDE, bytesName(name, when))
  return {
    caption: 'Bytes per user in the store',
    head: ['', 'once registered', 'after the update'],
    rows: contenders.map((name) => [
      name,
      bytes(name, 'registered').toFixed(0),
      bytes(name, 'acted').toFixed(0),
    ]),
  }
}

export function rateChart(value: LapValue, store: string, contenders: readonly string[], ours: string) {
  return {
    file: `benchmarks-${store.toLowerCase()}.svg`,
    title: `${store}: decisions per second, 64 at once`,
    bars: contenders.map((name) => {
      const rate = value(name, 64, 'rate')
      return { label: name, value: rate, text: perSecond(rate), ours: name === ours }
    }),
  }
}

/** How it was measured: what both suites have in common. */
export const METHOD: readonly string[] = [
  'An update: block, registration, debounce (2 s) and two limits (30 and 20 per minute, the first for five commands ' +
    'together), as the sentinel asks them of the store, with its default algorithm. 10,000 registered users and five ' +
    'commands at random, no text twice. Every update passes, and that is checked; that all contenders refuse what ' +
    'they should is checked before.',
  'rate-limiter-flexible: the same checks one after another: `get` of a block, a look-up of the user, `consume` of a ' +
    'limiter of one point per 2 s, and of two limiters.',
  'One process is the client of all, each contender with connections of its own; client and server share the cores. ' +
    'Every worker sends its next update as soon as the last one is decided. Laps of 20,000 decisions or 0.8 s; ' +
    'contenders take turns in five rounds, and in another order in each. Each lap has new users, who have acted once ' +
    'before it starts (as many as can in 0.8 s). Medians of the rounds.',
  'One limit for all users: a fixed window so wide that every update passes; nothing else is checked.',
]

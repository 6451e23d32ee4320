/**
 * What a suite of benchmarks is: a list of tasks, each measured in a process of its own so that heaps and compiled
 * code do not mix, and a report made of all that was measured.
 */
import { perSecond } from './report/table'
import type { Table } from './report/table'
import type { Chart } from './report/chart'

/** One contender in one scenario. */
export interface Task {
  readonly suite: string
  readonly contender: string
  readonly scenario: string
  /** A smoke run: few subjects, few rounds; its numbers mean nothing. */
  readonly quick: boolean
}

/** What came of a task: numbers by name. */
export type Values = Readonly<Record<string, number>>

export interface Measurement {
  readonly task: Task
  readonly values: Values
}

/** A promise of the project, held against what was measured. */
export interface Target {
  readonly what: string
  readonly wanted: string
  readonly got: string
  readonly ok: boolean
}

export interface Report {
  readonly title: string
  /** How it was measured, in sentences. */
  readonly method: readonly string[]
  readonly tables: readonly Table[]
  readonly targets: readonly Target[]
  readonly chart: Chart | undefined
}

export interface Suite {
  readonly name: string
  tasks(quick: boolean): Task[]
  measure(task: Task): Promise<Values>
  report(measurements: readonly Measurement[]): Report
}

/** The measurements of a suite, to be looked up by contender and scenario. */
export class Results {
  constructor(private readonly measurements: readonly Measurement[]) {}

  /** A value's median over all processes that measured it. */
  median(contender: string, scenario: string, value: string): number {
    return median(this.values(contender, scenario, value))
  }

  private values(contender: string, scenario: string, value: string): number[] {
    const found = this.measurements
      .filter(({ task }) => task.contender === contender && task.scenario === scenario)
      .map(({ values }) => values[value])
    if (found.length === 0) throw new Error(`nothing measured for ${contender}, ${scenario}, ${value}`)
    return found
  }
}

/** A target of the form "at least / at most so many times the other". */
export function ratioTarget(
  what: string,
  ratio: number,
  bound: 'at least' | 'at most',
  times: number,
): Target {
  const ok = bound === 'at least' ? ratio >= times : ratio <= times
  return { what, wanted: `${bound} ${times}x`, got: `${ratio.toFixed(2)}x`, ok }
}

/** A target of the form "at least so many per second". */
export function rateTarget(what: string, got: number, floor: number): Target {
  return { what, wanted: `at least ${perSecond(floor)}/s`, got: `${perSecond(got)}/s`, ok: got >= floor }
}

/** A target of the form "at most so much". */
export function ceilingTarget(what: string, got: number, ceiling: number, unit: string): Target {
  const digits = got < 10 ? 2 : 0
  return {
    what,
    wanted: `at most ${ceiling} ${unit}`,
    got: `${got.toFixed(digits)} ${unit}`,
    ok: got <= ceiling,
  }
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5)
}

/** The value that the share `q` of all values does not exceed. */
export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]
}

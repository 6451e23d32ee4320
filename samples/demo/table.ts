/** The demo's words and numbers, as text. */
import type { Verdict } from 'telegraf-sentinel'
import type { Outcomes, Tally } from './tally'

const OUTCOMES = ['allowed', 'limited', 'blocked', 'debounced', 'unregistered'] as const
/** Columns of a row: the user, then a number under each outcome; together they fit a terminal of 80. */
export const NAME = 20
const NUMBER = 11

/** A line per user, and what they come to. */
export function table(tally: Tally, names: (userId: number) => string): string[] {
  const head = ''.padEnd(NAME) + OUTCOMES.map((outcome) => cell(outcome, outcome)).join('')
  const rows = [...tally.byUser].map(([userId, outcomes]) => row(names(userId), outcomes))
  return [
    head,
    ...rows,
    row('all', tally.total()),
    '',
    `${tally.decisions} decisions; half of them took less than ${micro(tally.quantile(0.5))}, ` +
      `99 % less than ${micro(tally.quantile(0.99))}`,
  ]
}

function row(name: string, outcomes: Outcomes): string {
  return name.padEnd(NAME) + OUTCOMES.map((outcome) => cell(outcome, outcomes.get(outcome) ?? '·')).join('')
}

function cell(outcome: string, value: string | number): string {
  return String(value).padStart(Math.max(NUMBER, outcome.length + 2))
}

/** A refusal in words. */
export function why(verdict: Verdict & { allowed: false }): string {
  const name = verdict.name === undefined ? '' : ` by ${verdict.name}`
  const wait =
    verdict.retryAfter === undefined ? '' : `, again in ${(verdict.retryAfter / 1000).toFixed(1)} s`
  return `${verdict.reason}${name}${wait}`
}

function micro(ms: number): string {
  return `${Math.round(ms * 1000)} µs`
}

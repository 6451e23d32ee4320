/** The demo's table: drawn over itself in a terminal, plain lines elsewhere. */
import type { Verdict } from 'telegraf-sentinel'
import type { Outcomes, Tally } from './tally'

const OUTCOMES = ['allowed', 'limited', 'blocked', 'debounced', 'unregistered'] as const
/** Columns of a row: the user, then a number under each outcome; together they fit a terminal of 80. */
const NAME = 20
const NUMBER = 11

export class Screen {
  readonly #out: NodeJS.WriteStream
  readonly #names: (userId: number) => string
  readonly #told = new Set<string>()
  #drawn = 0

  constructor(out: NodeJS.WriteStream, names: (userId: number) => string) {
    this.#out = out
    this.#names = names
  }

  /** Without a terminal: a line where something happens to somebody for the first time. */
  tell(userId: number, verdict: Verdict): void {
    if (this.#out.isTTY) return
    const outcome = verdict.allowed ? 'allowed' : why(verdict)
    const line = `${this.#names(userId).padEnd(NAME)} ${outcome}`
    const first = `${userId} ${verdict.allowed ? '' : verdict.reason}`
    if (this.#told.has(first)) return
    this.#told.add(first)
    this.#out.write(`${line}\n`)
  }

  /** Draws the table over the last one. */
  draw(tally: Tally, title: string): void {
    if (!this.#out.isTTY) return
    // A line that wraps would be two to the cursor.
    const lines = this.#table(tally, title).map((line) => line.slice(0, this.#out.columns - 1))
    this.#out.write((this.#drawn > 0 ? `\u001b[${this.#drawn}A\u001b[J` : '') + lines.join('\n') + '\n')
    this.#drawn = lines.length
  }

  /** The last word. */
  finish(tally: Tally, title: string): void {
    if (this.#out.isTTY) this.draw(tally, title)
    else this.#out.write(`\n${this.#table(tally, title).join('\n')}\n`)
  }

  #table(tally: Tally, title: string): string[] {
    const head = ''.padEnd(NAME) + OUTCOMES.map((outcome) => cell(outcome, outcome)).join('')
    const rows = [...tally.byUser].map(([userId, outcomes]) => row(this.#names(userId), outcomes))
    return [
      title,
      '',
      head,
      ...rows,
      row('all', tally.total()),
      '',
      `${tally.decisions} decisions; half of them took less than ${micro(tally.quantile(0.5))}, ` +
        `99 % less than ${micro(tally.quantile(0.99))}`,
    ]
  }
}

function row(name: string, outcomes: Outcomes): string {
  return name.padEnd(NAME) + OUTCOMES.map((outcome) => cell(outcome, outcomes.get(outcome) ?? '·')).join('')
}

function cell(outcome: string, value: string | number): string {
  return String(value).padStart(Math.max(NUMBER, outcome.length + 2))
}

function why(verdict: Verdict & { allowed: false }): string {
  const name = verdict.name === undefined ? '' : ` by ${verdict.name}`
  const wait =
    verdict.retryAfter === undefined ? '' : `, again in ${(verdict.retryAfter / 1000).toFixed(1)} s`
  return `${verdict.reason}${name}${wait}`
}

function micro(ms: number): string {
  return `${Math.round(ms * 1000)} µs`
}

/** The tables of docs/reliability.md: written by a run that is asked to, compared by all others. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Figures, Scenario } from './scenario'

const ROOT = resolve(__dirname, '../..')
const FILE = resolve(ROOT, 'docs/reliability.md')
const HEAD = [
  'fault',
  'store',
  'updates handled',
  'refused',
  'wrongly refused',
  'beyond the limit',
  'intruders',
  'longest stall',
  'recovered after',
  'written / refused / lost',
]

/** Whether this run writes the figures that it measures into the document. */
export const updating = process.env.UPDATE_RELIABILITY === '1'

type Row = readonly string[]

/** The rows of one section, which is between two comments of its name. */
export class Section {
  readonly #rows: Row[] = []

  constructor(private readonly name: string) {}

  add({ fault, store }: Pick<Scenario, 'fault' | 'store'>, figures: Figures): void {
    this.#rows.push([fault, store, ...cellsOf(figures)])
  }

  write(): void {
    const text = readFileSync(FILE, 'utf8')
    const { start, end } = this.#place(text)
    writeFileSync(FILE, `${text.slice(0, start)}\n\n${tableOf([HEAD, ...this.#rows])}\n\n${text.slice(end)}`)
    execFileSync(process.execPath, [resolve(ROOT, 'node_modules/prettier/bin/prettier.cjs'), '--write', FILE])
  }

  /** The first cells of the document's rows: fault and store. */
  documented(): string[] {
    const text = readFileSync(FILE, 'utf8')
    const { start, end } = this.#place(text)
    const lines = text.slice(start, end).split('\n')
    const rows = lines.filter((line) => line.startsWith('|')).slice(2)
    return rows.map((row) =>
      row
        .split('|')
        .slice(1, 3)
        .map((cell) => cell.trim())
        .join(', '),
    )
  }

  #place(text: string): { start: number; end: number } {
    const begin = `<!-- measured: ${this.name}: begin -->`
    const start = text.indexOf(begin)
    const end = text.indexOf(`<!-- measured: ${this.name}: end -->`)
    if (start < 0 || end < start) throw new Error(`docs/reliability.md has no place for '${this.name}'`)
    return { start: start + begin.length, end }
  }
}

function cellsOf(figures: Figures): Row {
  const { handled, sent, refused, wronglyRefused, beyond, intruders, stall, recovery, writes } = figures
  return [
    handled === sent ? `all ${sent}` : `${handled} of ${sent}`,
    String(refused),
    String(wronglyRefused),
    `${beyond.all} (${beyond.most})`,
    String(intruders),
    `${milliseconds(stall.longest)} (${milliseconds(stall.paused)})`,
    recovery === undefined ? 'never away' : milliseconds(recovery.took),
    `${writes.made} / ${writes.refused} / ${writes.lost.length}`,
  ]
}

function milliseconds(time: number): string {
  return `${Math.round(time)} ms`
}

function tableOf(rows: readonly Row[]): string {
  const [head, ...body] = rows.map((row) => `| ${row.join(' | ')} |`)
  const rule = `| --- | --- |${' ---: |'.repeat(HEAD.length - 2)}`
  return [head, rule, ...body].join('\n')
}

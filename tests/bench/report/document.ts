import { cpus } from 'node:os'
import type { Report, Target } from '../suite'
import { markdownTable, plainTable } from './table'
import type { Table } from './table'

/** What a reader needs to know of the machine. */
export function machine(): string {
  const cores = cpus()
  return `${cores[0]?.model.trim() ?? 'unknown processor'}, ${cores.length} cores, Node ${process.versions.node}`
}

function targetTable(targets: readonly Target[]): Table {
  return {
    caption: 'Targets',
    head: ['', 'wanted', 'got', ''],
    rows: targets.map(({ what, wanted, got, ok }) => [what, wanted, got, ok ? 'ok' : 'missed']),
  }
}

/** A report for the terminal. */
export function plainReport({ title, tables, targets }: Report): string {
  const parts = [...tables, ...(targets.length > 0 ? [targetTable(targets)] : [])].map(plainTable)
  return [`# ${title}`, ...parts].join('\n\n')
}

/** docs/benchmarks.md. */
export function markdownDocument(reports: readonly Report[]): string {
  const head = [
    '# Benchmarks',
    'Written by `npm run bench -- --report`. Everything on this page was measured in one run, the contenders one ' +
      'after another, each in a process of its own (on servers: in turns, in one process). Machines differ and are noisy: compare the rows, not the numbers.',
    `Machine: ${machine()}.`,
  ]
  return [...head, ...reports.flatMap(markdownSection)].join('\n\n') + '\n'
}

function markdownSection({ title, method, tables, targets, chart }: Report): string[] {
  return [
    `## ${title}`,
    ...(chart === undefined ? [] : [`![${chart.title}](${chart.file})`]),
    ...tables.map(markdownTable),
    ...(targets.length > 0 ? [markdownTable(targetTable(targets))] : []),
    '**Method**',
    method.map((sentence) => `- ${sentence}`).join('\n'),
  ]
}

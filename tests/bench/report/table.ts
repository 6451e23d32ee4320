export interface Table {
  readonly caption: string
  readonly head: readonly string[]
  /** The first cell names the row; the others are right-aligned. */
  readonly rows: readonly (readonly string[])[]
}

/** A table for the terminal. */
export function plainTable({ caption, head, rows }: Table): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)))
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('   ')
  const rule = '-'.repeat(line(head).length)
  return [caption, rule, line(head), rule, ...rows.map(line)].join('\n')
}

/** A table for docs/benchmarks.md. */
export function markdownTable({ caption, head, rows }: Table): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`
  const rule = `|---|${head
    .slice(1)
    .map(() => '---:|')
    .join('')}`
  return [`**${caption}**`, '', line(head), rule, ...rows.map(line)].join('\n')
}

/** `5,900,000` as `5.90 M`, `5,900` as `5.9 k`. */
export function perSecond(rate: number): string {
  if (rate >= 1e6) return `${(rate / 1e6).toFixed(rate >= 1e7 ? 1 : 2)} M`
  return `${(rate / 1e3).toFixed(rate >= 1e4 ? 0 : 1)} k`
}

/** Horizontal bars on a linear scale, as SVG that reads on light and dark pages. */

export interface Bar {
  readonly label: string
  readonly value: number
  readonly text: string
  readonly ours: boolean
}

export interface Chart {
  /** File name under docs/. */
  readonly file: string
  readonly title: string
  readonly bars: readonly Bar[]
}

const WIDTH = 760
const LABELS = 270
const ROW = 26
const TOP = 44
/** Room for the value to the right of the longest bar. */
const VALUES = 90

const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600; font-size: 15px }
    .ours { fill: #1f6feb } .theirs { fill: #9aa4af }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .ours { fill: #58a6ff } .theirs { fill: #6e7681 }
    }`

export function drawChart({ title, bars }: Chart): string {
  const longest = Math.max(...bars.map((bar) => bar.value))
  const scale = (WIDTH - LABELS - VALUES) / longest
  const height = TOP + bars.length * ROW + 12
  const rows = bars.map((bar, i) => drawBar(bar, TOP + i * ROW, Math.max(1, bar.value * scale)))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
  <title>${escapeXml(title)}</title>
  <style>${STYLE}
  </style>
  <text class="title" x="8" y="24">${escapeXml(title)}</text>
${rows.join('\n')}
</svg>
`
}

function drawBar({ label, text, ours }: Bar, y: number, length: number): string {
  const baseline = y + 15
  return [
    `  <text x="${LABELS - 10}" y="${baseline}" text-anchor="end">${escapeXml(label)}</text>`,
    `  <rect class="${ours ? 'ours' : 'theirs'}" x="${LABELS}" y="${y + 2}" width="${length.toFixed(1)}" height="${ROW - 8}" rx="3"/>`,
    `  <text x="${(LABELS + length + 8).toFixed(1)}" y="${baseline}">${escapeXml(text)}</text>`,
  ].join('\n')
}

function escapeXml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}

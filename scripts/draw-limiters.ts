/**
 * Draws docs/limiters.svg: the five limiters on one and the same trace, each dot judged by the real limiter.
 *
 * Run it after a change to a limiter or to the trace: `npx ts-node --transpile-only scripts/draw-limiters.ts`.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fixedWindow, gcra, ruleOf, slidingCounter, slidingWindow, tokenBucket } from '../lib/limiters'
import type { BuiltinLimiter } from '../lib/limiters'

const RULE = ruleOf({ limit: 5, window: 10_000, burst: 5, countRefused: false })
const DURATION = 40_000

/** Hits at even distances: how many, from when (ms), how far apart (ms). */
interface Phase {
  readonly title: string
  readonly parts: readonly { readonly from: number; readonly every: number; readonly count: number }[]
}

const PHASES: readonly Phase[] = [
  { title: 'a burst', parts: [{ from: 1000, every: 600, count: 8 }] },
  { title: 'steady hits', parts: [{ from: 11_000, every: 1500, count: 6 }] },
  {
    title: 'a burst around a boundary',
    parts: [
      { from: 27_200, every: 600, count: 5 },
      { from: 30_400, every: 600, count: 5 },
    ],
  },
  { title: 'late hits', parts: [{ from: 37_800, every: 600, count: 3 }] },
]

interface Lane {
  readonly limiter: BuiltinLimiter
  readonly character: string
  /** Its windows begin at multiples of the window, so the boundaries are drawn. */
  readonly aligned: boolean
}

const LANES: readonly Lane[] = [
  {
    limiter: slidingWindow,
    character: 'the default. Exact: a log of the last 5, so never more than 5 in any 10 s',
    aligned: false,
  },
  {
    limiter: slidingCounter,
    character: 'close to it in three numbers: the window before counts in proportion',
    aligned: true,
  },
  {
    limiter: fixedWindow,
    character: 'the cheapest: starts anew at each boundary, so a burst around one passes twice',
    aligned: true,
  },
  {
    limiter: tokenBucket,
    character: '5 at once, then one more each 2 s, whenever it comes',
    aligned: false,
  },
  { limiter: gcra, character: "the token bucket's outcomes, kept in one number", aligned: false },
]

const WIDTH = 900
const LEFT = 28
const RIGHT = 736
const TOP = 104
const LANE_HEIGHT = 76
const BOTTOM = TOP + LANES.length * LANE_HEIGHT
const HEIGHT = BOTTOM + 52

interface Dot {
  readonly at: number
  readonly allowed: boolean
}

function trace(): number[] {
  return PHASES.flatMap(({ parts }) => parts.flatMap(timesOf))
}

function timesOf({ from, every, count }: Phase['parts'][number]): number[] {
  return Array.from({ length: count }, (_, i) => from + i * every)
}

function judge(limiter: BuiltinLimiter): Dot[] {
  let state: number[] | undefined
  return trace().map((at) => {
    const [next, { allowed }] = limiter.hit(state, RULE, at, 1)
    if (allowed) state = next
    return { at, allowed }
  })
}

/** The most that passed in any stretch as long as the window. */
function mostInWindow(dots: readonly Dot[]): number {
  const passed = dots.filter(({ allowed }) => allowed)
  const counts = passed.map(
    ({ at: from }) => passed.filter(({ at }) => at >= from && at < from + RULE.window).length,
  )
  return Math.max(0, ...counts)
}

function x(at: number): number {
  return Math.round((LEFT + (at / DURATION) * (RIGHT - LEFT)) * 10) / 10
}

function text(left: number, top: number, style: string, words: string): string {
  return `<text x="${left}" y="${top}" class="${style}">${words}</text>`
}

function verticals(from: number, to: number, style: string): string[] {
  return [0, 10_000, 20_000, 30_000, 40_000].map(
    (at) => `<line x1="${x(at)}" y1="${from}" x2="${x(at)}" y2="${to}" class="${style}"/>`,
  )
}

function drawDot({ at, allowed }: Dot, y: number): string {
  return `<circle cx="${x(at)}" cy="${y}" r="${allowed ? 5 : 4.2}" class="${allowed ? 'allowed' : 'refused'}"/>`
}

function drawLane({ limiter, character, aligned }: Lane, index: number): string[] {
  const top = TOP + index * LANE_HEIGHT
  const y = top + 48
  const dots = judge(limiter)
  const most = mostInWindow(dots)
  return [
    `<text x="${LEFT}" y="${top + 22}" class="name">${limiter.name}<tspan class="note" dx="10">${character}</tspan></text>`,
    `<line x1="${x(0)}" y1="${y}" x2="${x(DURATION)}" y2="${y}" class="lane"/>`,
    ...(aligned ? verticals(y - 14, y + 14, 'boundary') : []),
    ...dots.map((dot) => drawDot(dot, y)),
    `<text x="${WIDTH - 28}" y="${y + 5}" class="most${most > RULE.limit ? ' over' : ''}">${most}</text>`,
  ]
}

function drawHead(): string[] {
  const labels = PHASES.map(({ title, parts }) => {
    const times = parts.flatMap(timesOf)
    const middle = (x(times[0]) + x(times[times.length - 1])) / 2
    return text(middle, TOP - 8, 'phase', title)
  })
  return [
    text(LEFT, 38, 'title', 'One trace, five limiters: 5 hits per 10 s'),
    `<circle cx="${LEFT + 5}" cy="60" r="5" class="allowed"/>`,
    text(LEFT + 16, 64, 'note', 'allowed'),
    `<circle cx="${LEFT + 81}" cy="60" r="4.2" class="refused"/>`,
    text(LEFT + 92, 64, 'note', 'refused'),
    `<line x1="${LEFT + 158}" y1="52" x2="${LEFT + 158}" y2="68" class="boundary"/>`,
    text(LEFT + 166, 64, 'note', 'boundary of an aligned window'),
    ...labels,
    text(WIDTH - 28, TOP - 22, 'note end', 'most that passed'),
    text(WIDTH - 28, TOP - 8, 'note end', 'in any 10 s'),
  ]
}

function drawAxis(): string[] {
  const ticks = [0, 10, 20, 30, 40].map((s) => text(x(s * 1000), BOTTOM + 26, 'phase', `${s} s`))
  return [...verticals(BOTTOM + 4, BOTTOM + 10, 'lane'), ...ticks]
}

const STYLE = `
text { font: 13px -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 18px; font-weight: 600 }
.name { font-weight: 600 }
.note { font-weight: 400; fill: #59636e }
.end { text-anchor: end; font-size: 12px }
.phase { text-anchor: middle; font-size: 12px; fill: #59636e }
.most { text-anchor: end; font-size: 16px; font-weight: 600; fill: #1a7f37 }
.over { fill: #cf222e }
.lane { stroke: #d1d9e0; stroke-width: 1.5 }
.boundary { stroke: #818b98; stroke-width: 1.2; stroke-dasharray: 3 3 }
.allowed { fill: #1a7f37 }
.refused { fill: #ffffff; stroke: #cf222e; stroke-width: 1.6 }
`

/** The picture, the same text each time. */
export function drawLimiters(): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">`,
    '<title>Five limiters judge the same hits at 5 per 10 seconds</title>',
    `<style>${STYLE}</style>`,
    `<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="8" fill="#ffffff" stroke="#d1d9e0"/>`,
    ...drawHead(),
    ...LANES.flatMap(drawLane),
    ...drawAxis(),
    '</svg>',
    '',
  ].join('\n')
}

if (require.main === module) writeFileSync(join(__dirname, '../docs/limiters.svg'), drawLimiters())

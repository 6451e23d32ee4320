/**
 * `npm run bench [-- suites] [--quick] [--json] [--report]`
 *
 * Runs every task of the chosen suites (default: all) in a process of its own, one after another, prints tables and
 * how they compare with the project's targets. `--quick` is a smoke run whose numbers mean nothing; `--report` also
 * writes docs/benchmarks.md and its charts.
 */
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { drawChart } from './report/chart'
import { machine, markdownDocument, plainReport } from './report/document'
import { Progress } from './progress'
import { suiteOf, SUITES } from './suites'
import type { Measurement, Report, Suite, Task, Values } from './suite'

async function main(): Promise<void> {
  const { values: flags, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
    },
  })
  if (flags.quick && (flags.report || flags.json))
    throw new Error('--quick measures nothing that is worth a report')
  const chosen = choose(positionals)
  const measurements = await measureAll(chosen.flatMap((suite) => suite.tasks(flags.quick)))
  const reports = chosen.map((suite) =>
    suite.report(measurements.filter(({ task }) => task.suite === suite.name)),
  )
  if (flags.quick)
    console.log(`${measurements.length} measurements ran. So short, their numbers mean nothing.`)
  else console.log(flags.json ? asJson(measurements, reports) : asText(reports))
  if (flags.report) writeReport(reports)
}

/** In the order in which suites run, whatever the order of the names. */
function choose(names: readonly string[]): Suite[] {
  const asked = new Set(names.length === 0 ? SUITES.map(suiteOf) : names.map(suiteOf))
  return [...asked].sort((a, b) => SUITES.indexOf(a.name) - SUITES.indexOf(b.name))
}

async function measureAll(tasks: readonly Task[]): Promise<Measurement[]> {
  const progress = new Progress(tasks.length)
  const measurements: Measurement[] = []
  for (const task of tasks) {
    progress.start(`${task.suite}: ${task.contender}, ${task.scenario}`)
    measurements.push({ task, values: await inOwnProcess(task) })
    progress.finish()
  }
  return measurements
}

function inOwnProcess(task: Task): Promise<Values> {
  return new Promise((resolve, reject) => {
    const child = fork(join(__dirname, 'worker.ts'), [JSON.stringify(task)])
    let values: Values | undefined
    child.on('message', (message) => (values = message as Values))
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0 && values !== undefined) resolve(values)
      else reject(new Error(`${JSON.stringify(task)} ended with ${signal ?? code} and without a result`))
    })
  })
}

function asJson(measurements: readonly Measurement[], reports: readonly Report[]): string {
  const targets = reports.flatMap((report) => report.targets)
  return JSON.stringify({ machine: machine(), measurements, targets }, null, 2)
}

function asText(reports: readonly Report[]): string {
  return [machine(), ...reports.map(plainReport)].join('\n\n')
}

function writeReport(reports: readonly Report[]): void {
  const docs = join(__dirname, '../../docs')
  writeFileSync(join(docs, 'benchmarks.md'), markdownDocument(reports))
  for (const { chart } of reports) {
    if (chart !== undefined) writeFileSync(join(docs, chart.file), drawChart(chart))
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})

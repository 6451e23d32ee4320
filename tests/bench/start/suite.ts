import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Controller, Command, createSentinel, RateLimit } from '../../../lib'
import { ceilingTarget, median, Results } from '../suite'
import type { Measurement, Report, Suite, Task, Values } from '../suite'

const LOAD = 'the root entry, beyond Telegraf'
const ROUTES = 'createSentinel() with 200 routes'
const ROOT = join(__dirname, '../../..')

/** What a bot waits for before its first update. */
export const start: Suite = {
  name: 'start',

  tasks(quick) {
    return [LOAD, ROUTES].map((contender): Task => ({ suite: 'start', contender, scenario: 'cold', quick }))
  },

  measure({ contender, quick }) {
    return Promise.resolve(contender === LOAD ? measureLoad(quick ? 1 : 15) : measureRoutes())
  },

  report(measurements: readonly Measurement[]): Report {
    const results = new Results(measurements)
    const time = (name: string) => results.median(name, 'cold', 'time')
    return {
      title: 'Start',
      method: [
        'The compiled package, loaded by a new process after Telegraf; the median of 15 processes.',
        'The first `createSentinel()` of a new process.',
      ],
      tables: [
        {
          caption: 'Milliseconds, cold',
          head: ['', 'ms'],
          rows: [LOAD, ROUTES].map((name) => [name, time(name).toFixed(1)]),
        },
      ],
      targets: [ceilingTarget(LOAD, time(LOAD), 60, 'ms'), ceilingTarget(ROUTES, time(ROUTES), 20, 'ms')],
      chart: undefined,
    }
  },
}

function measureLoad(rounds: number): Values {
  // Inside the project, so that the compiled files find its dependencies.
  const out = mkdtempSync(join(ROOT, 'node_modules/.bench-'))
  try {
    const tsc = require.resolve('typescript/bin/tsc')
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--noCheck', '--outDir', out], {
      cwd: ROOT,
    })
    const script = `
      require('telegraf')
      const started = performance.now()
      require(${JSON.stringify(out)})
      console.log(performance.now() - started)`
    const times = Array.from({ length: rounds }, () =>
      Number(execFileSync(process.execPath, ['-e', script], { cwd: ROOT, encoding: 'utf8' })),
    )
    return { time: median(times) }
  } finally {
    rmSync(out, { recursive: true })
  }
}

function measureRoutes(): Values {
  const controllers = Array.from({ length: 200 }, (_, i) => {
    @Controller(`shop${i}`)
    class Shop {
      @Command(`command${i}`)
      @RateLimit(3, '10s')
      handle() {}
    }
    return Shop
  })
  const started = performance.now()
  createSentinel({ controllers })
  return { time: performance.now() - started }
}

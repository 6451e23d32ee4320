/**
 * `npm run soak [-- --minutes 5 --rate 2000 --store redis|postgres --seed 1]`
 *
 * A guarded bot in a process of its own serves a webhook at a fixed rate while its durable store fails every few seconds
 * and bans and registrations come and go. Prints a line every ten seconds, then what came of it; exits with 1 where
 * something was lost, leaked, late or left in memory.
 */
import { parseArgs } from 'node:util'
import { checksOf, resultTables } from './report'
import { DURABLE, type DurableKind } from './durable'
import { soak, type SoakOptions } from './soak'
import { plainTable } from '../bench/report/table'

function optionsOf(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      rate: { type: 'string', default: '2000' },
      store: { type: 'string', default: 'redis' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    },
  })
  return {
    minutes: positive('minutes', values.minutes),
    rate: positive('rate', values.rate),
    store: storeOf(values.store),
    seed: positive('seed', values.seed),
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new Error(`--${name} must be a number above 0, not ${text}`)
}

function storeOf(name: string): DurableKind {
  const known = Object.keys(DURABLE) as DurableKind[]
  const found = known.find((kind) => kind === name)
  if (found === undefined) throw new Error(`--store must be one of ${known.join(', ')}, not ${name}`)
  return found
}

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2))
  const { minutes, rate, store, seed } = options
  console.log(`${minutes} minutes, ${rate} updates a second, ${store}, --seed ${seed}`)
  const result = await soak(options, (line) => console.log(line))
  const checks = checksOf(result)
  console.log(['', ...resultTables(result, checks).map(plainTable)].join('\n\n'))
  for (const trouble of result.troubles) console.log(`\n${trouble}`)
  process.exitCode = checks.every(({ ok }) => ok) ? 0 : 1
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})

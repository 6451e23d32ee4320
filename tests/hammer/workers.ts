/** Processes on one store, which begin their jobs at the same moment. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import type { Job, Order, Results, Word } from '../support/hammer-worker'
import type { Address } from '../support/stores'

/** How this package's TypeScript is run in a process of its own. */
export const TYPESCRIPT = [
  ...['-r', 'ts-node/register/transpile-only'],
  ...['-r', resolve(__dirname, '../support/self.js')],
]

export class Workers {
  private constructor(private readonly processes: readonly ChildProcess[]) {}

  /** Starts processes that have the store open. */
  static async start(count: number, address: Address): Promise<Workers> {
    const file = resolve(__dirname, '../support/hammer-worker.ts')
    const processes = Array.from({ length: count }, () =>
      fork(file, [JSON.stringify(address)], { execArgv: TYPESCRIPT, serialization: 'advanced' }),
    )
    await Promise.all(processes.map((child) => wordOf(child)))
    return new Workers(processes)
  }

  /** A job for each of as many processes: all begin once the last of them is prepared. */
  async run<K extends Job['kind']>(jobs: readonly Extract<Job, { kind: K }>[]): Promise<Results[K][]> {
    const working = this.processes.slice(0, jobs.length)
    await Promise.all(working.map((child, n) => tell(child, { job: jobs[n] })))
    const words = await Promise.all(working.map((child) => tell(child, 'go')))
    return words.map((word) => {
      if (typeof word === 'string') throw new Error(`a result was expected, not '${word}'`)
      return word.result as Results[K]
    })
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.processes.map(async (child) => {
        if (child.exitCode !== null) return
        const ended = once(child, 'exit')
        child.send('close' satisfies Order)
        await ended
      }),
    )
  }
}

function tell(child: ChildProcess, order: Order): Promise<Word> {
  child.send(order)
  return wordOf(child)
}

/** The next word of a process; rejects if it ends instead. */
async function wordOf(child: ChildProcess): Promise<Word> {
  const ended = new AbortController()
  const end = once(child, 'exit', { signal: ended.signal }).then(([code, signal]: unknown[]) => {
    throw new Error(`a process ended with ${String(code ?? signal)}`)
  })
  const word = once(child, 'message', { signal: ended.signal }).then(([said]) => said as Word)
  try {
    return await Promise.race([word, end])
  } finally {
    word.catch(() => undefined)
    end.catch(() => undefined)
    ended.abort()
  }
}

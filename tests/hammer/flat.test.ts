/** The memory of a process stays flat over many decisions, and while the store hangs; then it goes on by itself. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { storesUnderTest } from '../support/stores'
import type { Report, Task } from './flat-worker'
import { TYPESCRIPT } from './workers'

const MB = 1_000_000
/** Decisions of each store; `FLAT_DECISIONS=1000000` for a whole million, which takes PGlite more than a minute. */
const DECISIONS = Number(process.env.FLAT_DECISIONS ?? 300_000)
/** A store lets so many decisions wait, and has so many under way, at most. */
const WAITING = 10_000
const UNDER_WAY = 8 * 256

describe.each(storesUnderTest().map((under) => [under.name, under] as const))('%s', (_name, under) => {
  let child: ChildProcess

  beforeAll(async () => {
    await under.start()
    child = fork(resolve(__dirname, 'flat-worker.ts'), [JSON.stringify(under.address())], {
      execArgv: ['--expose-gc', ...TYPESCRIPT],
    })
    await once(child, 'message')
  }, 120_000)
  afterAll(async () => {
    under.resume()
    if (child !== undefined && child.exitCode === null) {
      const ended = once(child, 'exit')
      child.send('close')
      await ended
    }
    await under.stop()
  })

  async function carryOut(task: Task): Promise<Report> {
    const ended = new AbortController()
    const gone = once(child, 'exit', { signal: ended.signal }).then(([code, signal]: unknown[]) => {
      throw new Error(`the process ended with ${String(code ?? signal)}`)
    })
    gone.catch(() => undefined)
    child.send(task)
    try {
      const [report] = (await Promise.race([once(child, 'message'), gone])) as [Report]
      return report
    } finally {
      ended.abort()
    }
  }

  test(`${DECISIONS} decisions leave the memory as it was`, async () => {
    const { grown, outcomes } = await carryOut({ kind: 'long', decisions: DECISIONS })
    const { allowed = 0, limited = 0, debounced = 0, ...others } = outcomes
    expect([others, allowed + limited + debounced]).toEqual([{}, DECISIONS])
    expect(grown).toBeLessThan(10 * MB)
  }, 600_000)

  if (!under.hangs) return

  test('while the server hangs, few wait, the others fail at once, and then it goes on', async () => {
    const flood = 30_000
    const rounds = 4
    under.pause()
    const { outcomes, messages, open, longest, grown } = await carryOut({
      kind: 'flood',
      decisions: flood,
      rounds,
    })
    under.resume()
    const { SENTINEL_OVERLOAD, SENTINEL_STORE_TIMEOUT, SENTINEL_STORE = 0, ...others } = outcomes
    expect(others).toEqual({})
    expect(open).toBeLessThanOrEqual(WAITING + UNDER_WAY)
    expect((SENTINEL_OVERLOAD ?? 0) + SENTINEL_STORE).toBeGreaterThanOrEqual(
      rounds * (flood - WAITING - UNDER_WAY),
    )
    expect(SENTINEL_OVERLOAD).toBeGreaterThan(0)
    expect(SENTINEL_STORE_TIMEOUT).toBeGreaterThan(0)
    expect(messages['SENTINEL_OVERLOAD']).toMatch(/too slow|does not answer|cannot be reached/)
    expect(longest).toBeLessThan(5_000)
    expect(grown).toBeLessThan(10 * MB)
    const { allowed = 0, limited = 0, debounced = 0 } = (await carryOut({ kind: 'recover' })).outcomes
    expect(allowed + limited + debounced).toBe(1)
  }, 60_000)
})

/** Every store against the pure limiters: random traces, each verdict compared to the millisecond. */
import fc from 'fast-check'
import type { Decision } from '../../lib/stores/decision'
import type { StorageAdapter } from '../../lib/stores/store'
import { storesUnderTest } from '../support/stores'
import { Model } from './model'
import type { Verdict } from './model'
import { Clock, tellStore, toldIn, traces, updateIn } from './traces'
import type { Step } from './traces'

const SEED = Number(process.env.FC_SEED ?? Date.now() % 1_000_000)
const RUNS = Number(process.env.FC_RUNS ?? 40)

describe.each(storesUnderTest().map((under) => [under.name, under] as const))('%s', (_name, under) => {
  let store: StorageAdapter
  beforeAll(async () => {
    await under.start()
    store = await under.make()
  }, 120_000)
  afterAll(async () => {
    await store?.close()
    await under.stop()
  })

  test(`decides as the pure limiters do, step by step (FC_SEED=${SEED})`, async () => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(traces(80, 'plain'), async (trace) => {
        await compare(store, `pure:${process.pid}-${++runs}`, trace)
      }),
      { seed: SEED, numRuns: RUNS, endOnFailure: false },
    )
  }, 120_000)
})

async function compare(store: StorageAdapter, space: string, trace: readonly Step[]): Promise<void> {
  const model = new Model()
  const clock = new Clock()
  let last: Verdict[] = []
  for (const [n, step] of trace.entries()) {
    const now = clock.advance(step.move, last)
    if ('told' in step) {
      const told = toldIn(step.told, space)
      await tellStore(store, told, now)
      model.tell(told, now)
      continue
    }
    const update = updateIn(step.update, now, space)
    const [got, wanted] = [verdictOf(await store.decide(update)), model.decide(update, now)]
    expect({ step: n, now, ...got }).toEqual({ step: n, now, ...wanted })
    last = [wanted]
  }
}

function verdictOf(decision: Decision): Verdict {
  const { reason, name, retryAfter, limits, registration, unasked } = decision
  return { reason, name, retryAfter, limits, registration, unasked }
}

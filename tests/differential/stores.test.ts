/** Every store against the reference: all that a decision can be asked for, one by one and in crowds. */
import fc from 'fast-check'
import type { Decision, DecisionRequest } from '../../lib/stores/decision'
import type { StorageAdapter } from '../../lib/stores/store'
import { ReferenceStore } from '../../lib/testing/contract/reference'
import { storesUnderTest } from '../support/stores'
import { ordersOf, Possible } from './orders'
import { Clock, crowds, tellStore, toldIn, traces, updateIn } from './traces'
import type { Crowd, Step } from './traces'

const SEED = Number(process.env.FC_SEED ?? Date.now() % 1_000_000)
const RUNS = Number(process.env.FC_RUNS ?? 30)
const TOGETHER = 4
const ORDERS = Array.from({ length: TOGETHER + 1 }, (_, count) => ordersOf(count))
const parameters = { seed: SEED, numRuns: RUNS, endOnFailure: false }
const seed = `FC_SEED=${SEED}`

describe.each(storesUnderTest().map((under) => [under.name, under] as const))('%s', (_name, under) => {
  let store: StorageAdapter
  let runs = 0
  const newSpace = (): string => `stores:${process.pid}-${++runs}`
  beforeAll(async () => {
    await under.start()
    store = await under.make()
  }, 120_000)
  afterAll(async () => {
    await store?.close()
    await under.stop()
  })

  test(`one by one: albums, notices, shadow limits and the rest as the reference (${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(traces(60, 'full'), (trace) => compare(store, newSpace(), trace)),
      parameters,
    )
  }, 120_000)

  test(`asked for in one tick: as if one after another, ${under.order} (${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(crowds(16, TOGETHER), async (trace) => {
        const space = newSpace()
        const possible = new Possible()
        const clock = new Clock()
        let decisions: Decision[] = []
        for (const crowd of trace) {
          const requests = requestsOf(crowd, clock.advance(crowd.move, decisions), space, under.atomic)
          decisions = await Promise.all(requests.map((request) => store.decide(request)))
          const orders = ORDERS[requests.length]
          const wanted = possible.contradiction(
            requests,
            decisions,
            under.order === 'as issued' ? orders.slice(0, 1) : orders,
          )
          if (wanted !== undefined) expect(decisions).toEqual(wanted)
          expect(wanted).toBe(undefined)
        }
      }),
      parameters,
    )
  }, 120_000)
})

async function compare(store: StorageAdapter, space: string, trace: readonly Step[]): Promise<void> {
  const reference = new ReferenceStore()
  const clock = new Clock()
  let last: Decision[] = []
  for (const [n, step] of trace.entries()) {
    const now = clock.advance(step.move, last)
    if ('told' in step) {
      const told = toldIn(step.told, space)
      for (const each of [store, reference]) await tellStore(each, told, now)
      continue
    }
    const update = updateIn(step.update, now, space)
    const [got, wanted] = [await store.decide(update), await reference.decide(update)]
    expect({ step: n, ...got }).toEqual({ step: n, ...wanted })
    last = [wanted]
  }
}

/** Where a store is atomic over one subject only, each update's checks are the actor's. */
function requestsOf(
  { updates }: Crowd,
  now: number,
  space: string,
  atomic: 'altogether' | 'per subject',
): DecisionRequest[] {
  const all = updates.map((update) => updateIn(update, now, space))
  if (atomic === 'altogether') return all
  const isActors = ({ scope }: { scope: string }): boolean => scope === 'actor'
  return all.map((request) => ({
    ...request,
    debounces: request.debounces.filter(isActors),
    limits: request.limits.filter(isActors),
  }))
}

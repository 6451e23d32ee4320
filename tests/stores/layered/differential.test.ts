/** A layered store and the store behind it, over the same random traffic: verdicts are the same, with fewer trips. */
import fc from 'fast-check'
import type { Decision, DecisionRequest } from '../../../lib/stores/decision'
import type { StorageAdapter } from '../../../lib/stores/store'
import { Clock, tellStore, toldIn, traces, updateIn } from '../../differential/traces'
import type { Step } from '../../differential/traces'
import { Hub, layers, SharedStore } from './support'

const SEED = Number(process.env.FC_SEED ?? Date.now() % 1_000_000)
const RUNS = Number(process.env.FC_RUNS ?? 150)
const SPACE = 'layered:test'

/** Goes by its own clock, which the test sets. */
class ServerStore extends SharedStore {
  time = 0

  override now(): number {
    return this.time
  }

  override decide(request: DecisionRequest): Decision {
    return super.decide({ ...request, now: request.now ?? this.time })
  }
}

describe.each(['the updates bring', 'the store has'] as const)('by the clock that %s', (whose) => {
  test.each(['plain', 'full'] as const)(
    `random updates, %s: every verdict is the back’s (FC_SEED=${SEED})`,
    async (kind) => {
      const count = { updates: 0, trips: 0 }
      await fc.assert(
        fc.asyncProperty(traces(80, kind), (trace) => compare(trace, whose === 'the store has', count)),
        { seed: SEED, numRuns: RUNS, endOnFailure: false },
      )
      expect(count.trips).toBeLessThan(count.updates)
    },
    120_000,
  )
})

async function compare(
  trace: readonly Step[],
  isStores: boolean,
  count: { updates: number; trips: number },
): Promise<void> {
  const bare = new ServerStore()
  const back = new ServerStore(new Hub())
  const layered = layers(back)
  await layered.store.connect()
  const clock = new Clock()
  let last: Decision[] = []
  for (const [step, each] of trace.entries()) {
    const before = clock.now
    let now = clock.advance(each.move, last)
    // A server's clock does not run backwards.
    if (isStores) now = clock.now = Math.max(now, before)
    layered.local += isStores ? now - before : step % 3 === 0 ? 400 : 0
    back.time = bare.time = now
    const stores: StorageAdapter[] = [bare, layered.store]
    if ('told' in each) {
      for (const store of stores) await tellStore(store, toldIn(each.told, SPACE), now)
      continue
    }
    const request = { ...updateIn(each.update, now, SPACE), ...(isStores && { now: undefined }) }
    const trips = layered.trips
    const got = await layered.store.decide(request)
    const wanted = bare.decide(request)
    const isTrip = layered.trips > trips
    expect({ step, isTrip, ...told(got, isTrip) }).toEqual({ step, isTrip, ...told(wanted, isTrip) })
    count.updates++
    last = [wanted]
  }
  count.trips += layered.trips
  await layered.store.close()
}

/** What has to be the same: everything, but for what is left of limits where the front has answered. */
function told({ limits, ...others }: Decision, isTrip: boolean) {
  return isTrip ? { limits, ...others } : others
}

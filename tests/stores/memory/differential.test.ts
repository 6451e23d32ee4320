import * as fc from 'fast-check'
import type { DecisionRequest, LimitQuery } from '../../../lib/stores/decision'
import { judge } from '../../../lib/stores/judge'
import { MemoryStore } from '../../../lib/stores/memory'
import { IDS, PlainLedger, bucketsOf, requests } from './requests'

type Step =
  | { readonly type: 'decide'; readonly request: DecisionRequest; readonly later: number }
  | { readonly type: 'peek' | 'reset'; readonly request: DecisionRequest; readonly later: number }
  | { readonly type: 'migrate'; readonly from: number; readonly to: number; readonly later: number }

/** Mostly moments, now and then minutes or a day. */
const later = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 800 }) },
  { weight: 2, arbitrary: fc.nat({ max: 70_000 }) },
  { weight: 1, arbitrary: fc.constant(86_400_000) },
)

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ type: fc.constant('decide'), request: requests, later }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('peek', 'reset'), request: requests, later }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('migrate'),
      from: fc.constantFrom(...IDS),
      to: fc.constantFrom(...IDS),
      later,
    }),
  },
) as fc.Arbitrary<Step>

const SPACE = 'sentinel:main'
const START = Date.UTC(2026, 0, 1)
const seed = Date.now() % 1_000_000

describe(`MemoryStore against a ledger of plain Maps (seed ${seed})`, () => {
  it('decides, peeks, resets and migrates alike, whatever the trace', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 20, maxLength: 120 }), async (trace) => {
        const store = new MemoryStore()
        const plain = new PlainLedger()
        await register(store, plain)
        let now = START
        for (const step of trace) {
          now += step.later
          await take(step, now, store, plain)
        }
        await store.close()
      }),
      { seed, numRuns: 150, endOnFailure: false },
    )
  })
})

async function register(store: MemoryStore, plain: PlainLedger): Promise<void> {
  for (const userId of IDS.slice(0, 3)) {
    const registration = { userId, profile: { tags: ['a'] }, since: START }
    await store.swap(`${SPACE}:registrations::${userId}`, null, registration)
    plain.registrations.set(`${SPACE} ${userId}`, registration)
  }
}

async function take(step: Step, now: number, store: MemoryStore, plain: PlainLedger): Promise<void> {
  if (step.type === 'migrate') {
    if (step.from === step.to) return
    await store.migrateChat(SPACE, step.from, step.to, [
      ...bucketsOf('chat').map((bucket) => ({ bucket, scope: 'chat' as const })),
      ...bucketsOf('member').map((bucket) => ({ bucket, scope: 'member' as const })),
    ])
    for (const actor of IDS) {
      const from = { space: SPACE, actor, chat: step.from }
      plain.turnTo(from).move('member', { ...from, chat: step.to }, bucketsOf('member'))
    }
    const from = { space: SPACE, actor: undefined, chat: step.from }
    plain.turnTo(from).move('chat', { ...from, chat: step.to }, bucketsOf('chat'))
    return
  }
  const request = { ...step.request, now }
  if (step.type === 'decide') {
    expect(store.decide(request)).toEqual(judge(request, plain.turnTo(request), now))
    return
  }
  for (const limit of request.limits) {
    const query: LimitQuery = { ...request, limit }
    if (step.type === 'peek') expect(store.peek(query)).toEqual(plain.turnTo(request).state(limit, now))
    else {
      store.reset(query)
      plain.turnTo(request).forget(limit)
    }
  }
}

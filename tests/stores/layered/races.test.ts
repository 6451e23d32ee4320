/** A read under way when something changes must not bring the old back. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Decision, DecisionRequest } from '../../../lib/stores/decision'
import { Blocks, Registrations } from '../../../lib/stores/records'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf } from '../../../lib/stores/user-record'
import { limitOf, queryOf, requestOf, START } from '../../../lib/testing/contract/requests'
import { Hub, layers, SharedStore } from './support'

const SPACE = 'races:test'
const USER = 42
const BLOCKS = { space: SPACE, namespace: 'blocks' } as const

/** Answers come when the test lets them: what they say was so when they were asked for. */
class GatedStore extends SharedStore {
  readonly #waiting: (() => void)[] = []
  gated = false
  fails = false

  get waiting(): number {
    return this.#waiting.length
  }

  /** Lets the answer that waits longest, or another one, come. */
  async open(which = 0): Promise<void> {
    this.#waiting.splice(which, 1)[0]()
    await turn()
  }

  async #gate(): Promise<void> {
    if (this.gated) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  override decide(request: DecisionRequest): Decision {
    const decision = super.decide(request)
    return (this.gated ? this.#gate().then(() => decision) : decision) as Decision
  }

  override async findRecord<N extends UserNamespace>(place: RecordPlace<N>, userId: number) {
    const record = await super.findRecord(place, userId)
    await this.#gate()
    return record
  }

  override async putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ) {
    const stored = await super.putRecords(place, records, meeting)
    await this.#gate()
    if (this.fails) throw new Error('the answer is lost')
    return stored
  }
}

async function bench() {
  const back = new GatedStore(new Hub())
  const [one, two] = [layers(back), layers(back)]
  await Promise.all([one.store.connect(), two.store.connect()])
  const blocks = (of: typeof one) => new Blocks(of.store, SPACE, () => START)
  const decide = (of: typeof one, parts: Partial<DecisionRequest> = {}) =>
    of.store.decide(requestOf(SPACE, { actor: USER, block: true, ...parts }))
  const reason = async (of: typeof one, parts?: Partial<DecisionRequest>) => (await decide(of, parts)).reason
  return { back, one, two, blocks, decide, reason }
}

test.each(['this process', 'another'])(
  'a decision under way while %s bans is not remembered',
  async (who) => {
    const { back, one, two, blocks, decide, reason } = await bench()
    back.gated = true
    const early = decide(one)
    back.gated = false
    await blocks(who === 'another' ? two : one).add(USER)
    await back.open()
    // It was asked before the ban.
    expect((await early).reason).toBe(undefined)
    expect(await reason(one)).toBe('blocked')
  },
)

test.each(['this process', 'another'])(
  'a record that is looked up while %s changes it is not remembered',
  async (who) => {
    const { back, one, two, blocks, reason } = await bench()
    back.gated = true
    const early = one.store.findRecord(BLOCKS, USER)
    await turn()
    back.gated = false
    await blocks(who === 'another' ? two : one).add(USER)
    await back.open()
    expect(await early).toBe(undefined)
    expect(await one.store.findRecord(BLOCKS, USER)).toMatchObject({ userId: USER })
    expect(await reason(one)).toBe('blocked')
  },
)

test('two writes at the same time: neither is taken for the last', async () => {
  const { back, one, reason } = await bench()
  const put = (until: number) =>
    one.store.putRecords(BLOCKS, [{ userId: USER, since: START, until }], 'replace')
  back.gated = true
  const first = put(START + 1_000)
  await turn()
  const second = put(START + 9_000)
  await turn()
  back.gated = false
  // Their answers come the other way round.
  await back.open(1)
  await back.open(0)
  await Promise.all([first, second])
  const trips = one.trips
  expect((await one.store.decide(requestOf(SPACE, { actor: USER, block: true }))).retryAfter).toBe(9_000)
  expect(one.trips).toBe(trips + 1)
  expect(await one.store.findRecord(BLOCKS, USER)).toMatchObject({ until: START + 9_000 })
  expect(await reason(one)).toBe('blocked')
})

test('a write whose answer is lost may have been made: it is forgotten here and elsewhere', async () => {
  const { back, one, two, blocks, reason } = await bench()
  expect([await reason(one), await reason(two)]).toEqual([undefined, undefined])
  back.fails = true
  await expect(blocks(one).add(USER)).rejects.toThrow('the answer is lost')
  await turn()
  expect([await reason(one), await reason(two)]).toEqual(['blocked', 'blocked'])
})

test('a refusal under way while the limit is reset is not remembered', async () => {
  const { back, one, two, decide, reason } = await bench()
  const limits = [limitOf({ limit: 1 })]
  await decide(one, { limits })
  back.gated = true
  const early = decide(one, { limits })
  back.gated = false
  await two.store.reset(queryOf(SPACE, limits[0], START, USER))
  await turn()
  await back.open()
  expect((await early).reason).toBe('limited')
  expect(await reason(one, { limits })).toBe(undefined)
})

test('a decision whose answer is lost may have counted', async () => {
  const { back, one, two, decide, reason } = await bench()
  const dear = { limits: [limitOf({ limit: 3, cost: 2 })] }
  await decide(one, dear)
  expect([await reason(one, dear), await reason(one, dear), one.trips]).toEqual(['limited', 'limited', 2])
  jest.spyOn(back, 'decide').mockImplementationOnce(() => {
    throw new Error('lost')
  })
  expect(() => decide(one, { limits: [limitOf({ limit: 3, cost: 1 })] })).toThrow('lost')
  const trips = one.trips
  expect([await reason(one, dear), one.trips]).toEqual(['limited', trips + 1])
  expect(two.trips).toBe(0)
})

test('connected anew while a read is under way: it may be from before', async () => {
  const { back, one, decide, reason } = await bench()
  back.gated = true
  const early = decide(one)
  back.gated = false
  back.hub?.lose()
  // Somebody whom this process does not hear.
  await new Blocks(back, SPACE, () => START).add(USER)
  back.hub?.mend()
  await back.open()
  expect((await early).reason).toBe(undefined)
  expect(await reason(one)).toBe('blocked')
})

test('a profile that changes while its copy is read is read from the back', async () => {
  const { one } = await bench()
  const registrations = new Registrations(one.store, SPACE, () => START)
  await registrations.add(USER, { plan: 'free' })
  const [found] = await Promise.all([registrations.get(USER), registrations.add(USER, { plan: 'pro' })])
  expect(['free', 'pro']).toContain((found?.profile as { plan: string }).plan)
  expect((await registrations.get(USER))?.profile).toEqual({ plan: 'pro' })
})

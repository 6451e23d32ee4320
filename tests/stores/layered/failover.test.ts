/** In front of a failover whose first store is away: what the one behind it does not know locks nobody out. */
import type { Channel, ChannelListener } from '../../../lib/stores/channel'
import type { Decision, DecisionRequest } from '../../../lib/stores/decision'
import type { FailoverOptions } from '../../../lib/stores/failover'
import { MemoryStore } from '../../../lib/stores/memory'
import { debounceOf, limitOf, requestOf } from '../../../lib/testing/contract/requests'
import { TroubledStore } from '../../support/troubled-store'
import {
  block,
  BLOCKS,
  lineOf,
  pass as passTime,
  REGISTRATIONS,
  SPACE,
  useManualTime,
} from '../failover/support'
import { Hub, layers } from './support'

useManualTime()

const USER = 7
const STRANGER = 8

/** A first store with a channel of its own, as Redis and PostgreSQL have one: it is well however the store is. */
class FirstStore extends TroubledStore {
  readonly hub = new Hub()

  override openChannel(listener: ChannelListener): Channel {
    return this.hub.open(listener)
  }
}

/** USER is registered in the first store, and the one behind it knows nobody. */
async function bench(trouble: TroubledStore['trouble'], options: FailoverOptions = {}) {
  const first = new FirstStore()
  const second = new MemoryStore()
  const since = 1
  await first.putRecords(REGISTRATIONS, [{ userId: USER, since, profile: 'gold' }], 'replace')
  first.trouble = trouble
  const line = await lineOf([first, second], { timeout: 50, ...options })
  const made = layers(line.store)
  await made.store.connect()
  return {
    ...line,
    made,
    first,
    second,
    front: made.store,
    pass: async (ms: number): Promise<void> => {
      made.local += ms
      await passTime(ms)
    },
    async decide(parts: Partial<DecisionRequest> = {}): Promise<Decision & { trip: boolean }> {
      const { trips } = made
      const decision = await made.store.decide(requestOf(SPACE, { actor: USER, block: true, ...parts }))
      return { ...decision, trip: made.trips > trips }
    },
  }
}

type Bench = Awaited<ReturnType<typeof bench>>

const required = { registration: 'required' } as const
const one = limitOf({ bucket: 'one', limit: 1 })

/** All that tells, by the way, that the second store has no registration of USER. */
const lessons: readonly (readonly [what: string, learn: (bench: Bench) => Promise<unknown>])[] = [
  ['was let pass', ({ decide }) => decide(required)],
  ['was let pass and charged', ({ decide }) => decide({ ...required, limits: [limitOf({ bucket: 'few' })] })],
  ['was let pass and marked', ({ decide }) => decide({ ...required, debounces: [debounceOf()] })],
  [
    'was debounced',
    async ({ decide }) => {
      const tap = { ...required, debounces: [debounceOf()] }
      return [await decide(tap), await decide(tap)]
    },
  ],
  [
    'was limited',
    async ({ decide }) => {
      const parts = { ...required, limits: [one] }
      return [await decide(parts), await decide(parts)]
    },
  ],
  [
    'was dropped as a duplicate',
    async ({ decide }) => {
      const parts = { ...required, duplicate: { mark: 1, window: 60_000 } }
      return [await decide(parts), await decide(parts)]
    },
  ],
  [
    'was blocked, and is not any more',
    async ({ decide, second }) => {
      await second.putRecords(BLOCKS, [{ ...block(USER), until: Number.MAX_SAFE_INTEGER }], 'replace')
      const decided = await decide(required)
      await second.dropRecords(BLOCKS, [USER])
      return [decided]
    },
  ],
  ['was asked for', ({ decide }) => decide({ registration: 'ask', limits: [one] })],
  ['was vouched for', ({ decide }) => decide({ registration: 'vouched' })],
  [
    'was looked up',
    async ({ decide, front }) => {
      await decide()
      await front.findRecord(REGISTRATIONS, USER)
    },
  ],
]

const ways: readonly (readonly [why: string, make: () => Promise<Bench>])[] = [
  ['never copied', () => bench('fails')],
  [
    'too many to be copied',
    async () => {
      const made = await bench(undefined, { copies: { most: 1 }, failures: 1 })
      await made.first.putRecords(REGISTRATIONS, [{ userId: 1, since: 1 }], 'replace')
      await made.decide({ actor: STRANGER })
      await made.pass(100)
      made.first.trouble = 'fails'
      return made
    },
  ],
]

describe.each(ways)('registrations that were %s', (_why, make) => {
  test.each(lessons)('the user %s, and is not taken for unregistered', async (what, learn) => {
    const made = await make()
    const told = await learn(made)
    if (Array.isArray(told)) {
      const { reason } = told.at(-1) as Decision
      expect(what).toContain(reason ?? 'nothing')
    }
    // While what was learnt is fresh, and once it is old.
    for (const ms of [0, 0, 1_000, 0]) {
      await made.pass(ms)
      expect(await made.decide(required)).toMatchObject({ reason: undefined, registration: undefined })
    }
    await made.front.close()
  })

  test('one that was removed meanwhile is not locked out either: nobody has said so', async () => {
    const made = await make()
    await made.front.dropRecords(REGISTRATIONS, [STRANGER])
    await made.decide({ actor: STRANGER })
    for (let n = 0; n < 3; n++)
      expect((await made.decide({ ...required, actor: STRANGER })).reason).toBe(undefined)
    await made.front.close()
  })

  test('a flood that asks the bot’s own table is still answered by the front', async () => {
    const made = await make()
    const asked = { registration: 'ask', limits: [one] } as const
    expect(await made.decide(asked)).toMatchObject({ unasked: true, trip: true })
    expect(await made.decide(asked)).toMatchObject({ unasked: true, trip: false })
    const vouched = { registration: 'vouched', limits: [one] } as const
    const told: unknown[] = []
    for (let n = 0; n < 4; n++) {
      const { reason, trip } = await made.decide(vouched)
      told.push([reason, trip])
    }
    expect(told).toEqual([
      [undefined, true],
      ['limited', true],
      ['limited', false],
      ['limited', false],
    ])
    await made.front.close()
  })

  test('once the first store is back, it decides who is registered, and the front refuses who is not', async () => {
    const made = await make()
    const ask = async (actor: number, registration: DecisionRequest['registration']) => {
      const decision = await made.decide({ actor, registration })
      return decision.unasked ? 'unasked' : (decision.reason ?? decision.registration?.profile ?? 'allowed')
    }
    for (const actor of [USER, STRANGER]) {
      // A user that only the bot's own table may know.
      expect(await ask(actor, 'ask')).toBe('unasked')
      expect(await ask(actor, 'required')).toBe('allowed')
    }
    made.first.trouble = undefined
    for (let n = 0; n < 60; n++) {
      await made.pass(100)
      await made.decide({ actor: 99, debounces: [debounceOf({ text: `${n}` })] })
    }
    expect(made.events.at(-1)?.type).toBe('recovered')
    for (const mode of ['ask', 'required', 'vouched'] as const) expect(await ask(USER, mode)).toBe('gold')
    expect(await ask(STRANGER, 'required')).toBe('unregistered')
    const { trips } = made.made
    expect([await ask(STRANGER, 'required'), await ask(STRANGER, 'ask'), made.made.trips]).toEqual([
      'unregistered',
      'unasked',
      trips,
    ])
    await made.front.close()
  })
})

test('where the copies are whole, the front refuses whom the second store has refused', async () => {
  const made = await bench(undefined, { failures: 1 })
  await made.decide()
  await made.pass(100)
  made.first.trouble = 'fails'
  expect(await made.decide({ ...required, actor: USER })).toMatchObject({ reason: undefined, trip: true })
  const told: unknown[] = []
  for (let n = 0; n < 3; n++) {
    const { reason, trip } = await made.decide({ ...required, actor: STRANGER })
    told.push([reason, trip])
  }
  expect(told).toEqual([
    ['unregistered', true],
    ['unregistered', false],
    ['unregistered', false],
  ])
  await made.front.close()
})

test('a block that the second store tells with its end is known, registered or not', async () => {
  const made = await bench('fails')
  const until = requestOf(SPACE).now ?? 0
  await made.second.putRecords(BLOCKS, [{ ...block(USER), until: until + 5_000 }], 'replace')
  expect(await made.decide(required)).toMatchObject({ reason: 'blocked', retryAfter: 5_000, trip: true })
  expect(await made.decide()).toMatchObject({ reason: 'blocked', retryAfter: 5_000, trip: false })
  await made.front.close()
})

describe('a single call that the second store answers from an old copy', () => {
  const limits = [limitOf({ limit: 1, window: 3_600_000 })]

  /** STRANGER is blocked, both are registered or not, as in the copy; then the first store alone is told otherwise. */
  const outdated = async (): Promise<Bench> => {
    const made = await bench(undefined, { failures: 1_000 })
    await made.first.putRecords(BLOCKS, [block(STRANGER)], 'replace')
    await made.decide({ actor: 99 })
    await made.pass(100)
    await made.first.dropRecords(BLOCKS, [STRANGER])
    await made.first.putRecords(REGISTRATIONS, [{ userId: STRANGER, since: 1 }], 'replace')
    await made.first.dropRecords(REGISTRATIONS, [USER])
    return made
  }
  const reasonOf = async (made: Bench, parts: Partial<DecisionRequest>) => (await made.decide(parts)).reason
  const userIdOf = async (made: Bench, place: typeof BLOCKS | typeof REGISTRATIONS, userId: number) =>
    (await made.front.findRecord(place, userId))?.userId

  test.each<[string, (made: Bench) => Promise<unknown>, told: unknown, otherwise: unknown]>([
    [
      'a missing registration',
      (made) => reasonOf(made, { ...required, block: false, actor: STRANGER }),
      'unregistered',
      undefined,
    ],
    ['a block', (made) => reasonOf(made, { actor: STRANGER }), 'blocked', undefined],
    ['a registration', (made) => reasonOf(made, required), undefined, 'unregistered'],
    [
      'a limit',
      async (made) => [await reasonOf(made, { limits }), await reasonOf(made, { limits })],
      [undefined, 'limited'],
      [undefined, 'limited'],
    ],
    ['a block that is looked up', (made) => userIdOf(made, BLOCKS, STRANGER), STRANGER, undefined],
    [
      'a missing registration that is looked up',
      (made) => userIdOf(made, REGISTRATIONS, STRANGER),
      undefined,
      STRANGER,
    ],
    ['a registration that is looked up', (made) => userIdOf(made, REGISTRATIONS, USER), USER, undefined],
  ])('%s: the next one is answered by the first again', async (_what, ask, told, otherwise) => {
    const made = await outdated()
    made.first.trouble = 'fails'
    expect(await ask(made)).toEqual(told)
    made.first.trouble = undefined
    expect(await ask(made)).toEqual(otherwise)
    expect(made.events).toEqual([])
    await made.front.close()
  })

  test('a block that is looked up refuses nobody whom the first store lets pass', async () => {
    const made = await outdated()
    made.first.trouble = 'fails'
    expect(await userIdOf(made, BLOCKS, STRANGER)).toBe(STRANGER)
    made.first.trouble = undefined
    expect(await made.decide({ actor: STRANGER })).toMatchObject({ reason: undefined, trip: true })
    await made.front.close()
  })

  test('what is known of a limit is forgotten: the first store may have counted after all', async () => {
    const made = await outdated()
    const ask = (cost: number) => made.decide({ limits: [limitOf({ limit: 2, window: 3_600_000, cost })] })
    await ask(1)
    expect([await ask(2), await ask(2)]).toMatchObject([{ reason: 'limited' }, { trip: false }])
    made.first.trouble = 'fails'
    expect(await ask(1)).toMatchObject({ reason: undefined, trip: true })
    made.first.trouble = undefined
    expect(await ask(2)).toMatchObject({ reason: 'limited', trip: true })
    await made.front.close()
  })
})

describe('a ban that the second store does not know', () => {
  const banned = async (): Promise<Bench> => {
    const made = await bench('fails')
    made.first.trouble = undefined
    await made.first.putRecords(BLOCKS, [block(USER)], 'replace')
    made.first.trouble = 'fails'
    return made
  }

  /** Decisions of somebody else bring the first store back, one at a time. */
  const bringBack = async ({ decide, first, events, pass }: Bench): Promise<void> => {
    first.trouble = undefined
    for (let n = 0; events.at(-1)?.type !== 'recovered'; n++) {
      expect(n).toBeLessThan(100)
      await pass(100)
      await decide({ actor: 99, debounces: [debounceOf({ text: `${n}` })] })
    }
  }

  test('holds as soon as the first store serves again, whatever was learnt meanwhile', async () => {
    const made = await banned()
    made.first.trouble = undefined
    for (let n = 0; made.events.at(-1)?.type !== 'recovered'; n++) {
      expect(n).toBeLessThan(100)
      // Learnt anew up to the very last moment; a trial of the first store may have told of the ban before.
      await made.decide()
      expect(await made.front.findRecord(BLOCKS, USER)).toBe(undefined)
      await made.pass(100)
    }
    expect((await made.decide()).reason).toBe('blocked')
    expect(await made.front.findRecord(BLOCKS, USER)).toMatchObject({ userId: USER })
    await made.front.close()
  })

  test('refusals that were learnt of the second store are not used any more either', async () => {
    const made = await banned()
    const limits = [limitOf({ limit: 1, window: 3_600_000 })]
    for (let n = 0; n < 3; n++) await made.decide({ actor: STRANGER, limits })
    expect(await made.decide({ actor: STRANGER, limits })).toMatchObject({ reason: 'limited', trip: false })
    await bringBack(made)
    expect(await made.decide({ actor: STRANGER, limits })).toMatchObject({ reason: undefined, trip: true })
    await made.front.close()
  })

  test.each([
    ['a decision', (made: Bench) => made.decide()],
    ['a look-up', (made: Bench) => made.front.findRecord(BLOCKS, USER)],
    ['a decision that asks', (made: Bench) => made.decide({ registration: 'ask' })],
  ])('%s lets pass for `staleness` at most where nobody says that it serves again', async (_what, learn) => {
    // Fewer failures than open the breaker: the second store answers in its stead, and nobody is told.
    const made = await bench(undefined, { failures: 1_000, copies: false })
    await made.first.putRecords(BLOCKS, [block(USER)], 'replace')
    made.first.trouble = 'fails'
    await learn(made)
    made.first.trouble = undefined
    await made.pass(999)
    const { trips } = made.made
    const { reason } = await made.decide({ registration: 'vouched' })
    expect(reason).toBe(made.made.trips > trips ? 'blocked' : undefined)
    await made.pass(1)
    for (const mode of [undefined, 'vouched', 'required', 'ask'] as const) {
      expect((await made.decide({ registration: mode })).reason).toBe('blocked')
    }
    expect(await made.front.findRecord(BLOCKS, USER)).toMatchObject({ userId: USER })
    expect(made.events.filter(({ type }) => type !== 'storeError')).toEqual([])
    await made.front.close()
  })
})

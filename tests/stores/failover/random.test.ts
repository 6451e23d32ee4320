/** Random writes, failures and recoveries: in the end the first store has what was written, and nothing else. */
import fc from 'fast-check'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failover, type FailoverStore } from '../../../lib/stores/failover'
import { MemoryStore } from '../../../lib/stores/memory'
import type { StorageAdapter } from '../../../lib/stores/store'
import type { StoreEvent } from '../../../lib/stores/store-event'
import { isLater, type Meeting, type StoredMember, type UserNamespace } from '../../../lib/stores/user-record'
import { decide, limitOf } from '../../../lib/testing/contract/requests'
import { TroubledStore, type Trouble } from '../../support/troubled-store'
import { pass, recordsOf, said, SPACE, useManualTime } from './support'

useManualTime()

const folder = mkdtempSync(join(tmpdir(), 'sentinel-failover-random-'))
afterAll(() => rmSync(folder, { recursive: true }))

type Step =
  | {
      readonly kind: 'put'
      readonly namespace: UserNamespace
      readonly userIds: number[]
      readonly wait: boolean
    }
  | {
      readonly kind: 'drop'
      readonly namespace: UserNamespace
      readonly userIds: number[]
      readonly wait: boolean
    }
  | { readonly kind: 'trouble'; readonly store: number; readonly trouble: Trouble | undefined }
  | { readonly kind: 'decide'; readonly count: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'restart' }

const namespace = fc.constantFrom<UserNamespace>('blocks', 'registrations', 'members')
const userIds = fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 })
const lasting = namespace.filter((name) => name !== 'members')
const wait = fc.boolean()

function steps(stores: number, restarts: number): fc.Arbitrary<Step[]> {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), namespace, userIds, wait }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('drop' as const), namespace: lasting, userIds, wait }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('trouble' as const),
        store: fc.nat(stores - 1),
        trouble: fc.constantFrom<Trouble | undefined>(
          'fails',
          'hangs',
          'loses',
          'mute',
          undefined,
          undefined,
        ),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('decide' as const), count: fc.integer({ min: 1, max: 6 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('pass' as const),
        ms: fc.constantFrom(1, 50, 100, 300, 1_000, 4_000),
      }),
    },
    { weight: restarts, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  )
  return fc.array(step, { maxLength: 40 })
}

interface Setup {
  /** Stores that get into trouble; behind them one that never does. */
  readonly troubled: number
  readonly file: string | undefined
}

const MEETINGS = { blocks: 'replace', registrations: 'keep-since', members: 'later' } as const

/** What was acknowledged, and the bot that was told so. */
class Run {
  readonly troubled: readonly TroubledStore[]
  readonly events: StoreEvent[] = []
  readonly expected = {
    blocks: new Map<number, object>(),
    registrations: new Map<number, { since: number }>(),
    members: new Map<number, StoredMember>(),
  }
  #last!: StorageAdapter
  #store!: FailoverStore
  #time = 0
  readonly #underWay: Promise<unknown>[] = []

  constructor(private readonly setup: Setup) {
    this.troubled = Array.from({ length: setup.troubled }, () => new TroubledStore())
  }

  async start(): Promise<void> {
    this.#last = new MemoryStore()
    const { file } = this.setup
    this.#store = failover([...this.troubled, this.#last], { journal: file === undefined ? {} : { file } })
    this.#store.observe((event) => void this.events.push(event))
    await this.#inTime(this.#store.connect())
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'put':
        return this.#make(step.wait, this.#put(step.namespace, step.userIds))
      case 'drop':
        return this.#make(step.wait, this.#drop(step.namespace, step.userIds))
      case 'trouble':
        this.troubled[step.store].trouble = step.trouble
        return
      case 'decide':
        return this.#make(true, this.#decide(step.count))
      case 'pass':
        return pass(step.ms)
      case 'restart':
        await this.#settled()
        await this.#inTime(this.#store.close())
        return this.start()
    }
  }

  async end(): Promise<void> {
    await this.#settled()
    for (const store of this.troubled) store.trouble = undefined
    await pass(20_000)
    expect((await this.#store.health()).status).toBe('ok')
    // After a restart, what is copied is what is used.
    await this.#decide(1)
    await pass(301_000)
    for (const store of [...this.troubled, this.#last]) {
      for (const name of ['blocks', 'registrations', 'members'] as const) {
        // Members are copied as they are written, no others.
        if (name === 'members' && store !== this.troubled[0]) continue
        expect(await recordsOf(store, name)).toEqual(
          [...this.expected[name].entries()].sort(([a], [b]) => a - b).map(([, record]) => record),
        )
      }
    }
    await this.#store.close()
    expect(said(this.events).filter((line) => line.startsWith('storeError journal'))).toEqual([])
    if (this.setup.file !== undefined) expect(readFileSync(this.setup.file, 'utf8')).toBe('')
  }

  /** Writes to one user are made one after another: which of two at once comes last is nobody's to say. */
  async #make(waiting: boolean, made: Promise<void>): Promise<void> {
    if (waiting) return this.#inTime(made)
    this.#underWay.push(made)
    await pass(1)
  }

  async #put(name: UserNamespace, users: readonly number[]): Promise<void> {
    await this.#inTurn(name, users, async () => {
      const since = ++this.#time
      const records = users.map((userId) => recordOf(name, userId, since))
      const place = { space: SPACE, namespace: name }
      await this.#store.putRecords(place, records as never, MEETINGS[name] as Meeting)
      for (const record of records) this.#expect(name, record)
    })
  }

  async #drop(name: UserNamespace, users: readonly number[]): Promise<void> {
    await this.#inTurn(name, users, async () => {
      await this.#store.dropRecords({ space: SPACE, namespace: name }, users)
      for (const userId of users) this.expected[name].delete(userId)
    })
  }

  async #decide(count: number): Promise<void> {
    const limits = [limitOf({ limit: 1_000_000 })]
    for (let n = 0; n < count; n++) await decide(this.#store, SPACE, { limits, actor: 100 + n })
  }

  readonly #writing = new Map<string, Promise<unknown>>()

  #inTurn(name: UserNamespace, users: readonly number[], write: () => Promise<void>): Promise<void> {
    const keys = users.map((userId) => `${name} ${userId}`)
    // Taken at once: whoever comes next waits for this one, too.
    const done = Promise.all(keys.map((key) => this.#writing.get(key))).then(write)
    for (const key of keys) this.#writing.set(key, done)
    return done
  }

  #expect(name: UserNamespace, record: ReturnType<typeof recordOf>): void {
    const { blocks, registrations, members } = this.expected
    const { userId } = record
    if (name === 'blocks') blocks.set(userId, record)
    if (name === 'registrations') {
      registrations.set(userId, { ...record, since: registrations.get(userId)?.since ?? record.since })
    }
    if (name === 'members') {
      const former = members.get(userId)
      const member = record as StoredMember
      if (former === undefined || isLater(member, former)) members.set(userId, member)
    }
  }

  async #settled(): Promise<void> {
    await this.#inTime(Promise.all(this.#underWay.splice(0)))
  }

  /** Moves the time on until it is done: soon. */
  async #inTime(work: Promise<unknown>): Promise<void> {
    let done = false
    const settle = (): void => void (done = true)
    work.then(settle, settle)
    for (let ms = 0; !done; ms += 10) {
      if (ms > 10_000) throw new Error('it does not end')
      await pass(ms === 0 ? 0 : 10)
    }
    await work
  }
}

function recordOf(name: UserNamespace, userId: number, since: number) {
  if (name === 'blocks') return { userId, since, reason: `at ${since}` }
  if (name === 'registrations') return { userId, since, profile: { at: since } }
  return { userId, since: since % 3, updateId: since % 5, reachable: since % 2 === 0 }
}

async function run(setup: Setup, made: readonly Step[]): Promise<void> {
  const bot = new Run(setup)
  await bot.start()
  for (const step of made) await bot.take(step)
  await bot.end()
}

test('in memory', async () => {
  await fc.assert(
    fc.asyncProperty(steps(1, 0), (made) => run({ troubled: 1, file: undefined }, made)),
    { numRuns: 150 },
  )
}, 60_000)

test('three in a line, two of them troubled', async () => {
  await fc.assert(
    fc.asyncProperty(steps(2, 0), (made) => run({ troubled: 2, file: undefined }, made)),
    { numRuns: 150 },
  )
}, 60_000)

test('with a file, and restarts at any moment', async () => {
  let count = 0
  await fc.assert(
    fc.asyncProperty(steps(1, 2), (made) => run({ troubled: 1, file: join(folder, `${++count}`) }, made)),
    { numRuns: 150 },
  )
}, 60_000)

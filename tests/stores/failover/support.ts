/** A failover store over stores that a test may trouble, in a time that the test moves. */
import { failover, type FailoverOptions, type FailoverStore } from '../../../lib/stores/failover'
import type { StorageAdapter } from '../../../lib/stores/store'
import type { StoreEvent } from '../../../lib/stores/store-event'
import type { UserNamespace, UserRecordOf } from '../../../lib/stores/user-record'
import { TroubledStore } from '../../support/troubled-store'

export const SPACE = 'test:failover'
export const BLOCKS = { space: SPACE, namespace: 'blocks' } as const
export const REGISTRATIONS = { space: SPACE, namespace: 'registrations' } as const
export const MEMBERS = { space: SPACE, namespace: 'members' } as const

/** Timers stand still; promises do not. */
export function useManualTime(): void {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'Date'] })
  })
  afterEach(() => jest.useRealTimers())
}

export const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms)

export interface Line {
  readonly store: FailoverStore
  readonly events: StoreEvent[]
  readonly stores: readonly TroubledStore[]
}

/** Connected, the first of the stores as troubled as it is made. */
export async function lineOf(stores: readonly StorageAdapter[], options?: FailoverOptions) {
  const store = failover(stores, options)
  const events: StoreEvent[] = []
  store.observe((event) => void events.push(event))
  await store.connect()
  return { store, events }
}

export async function troubled(count = 2, options?: FailoverOptions): Promise<Line> {
  const stores = Array.from({ length: count }, () => new TroubledStore())
  return { ...(await lineOf(stores, options)), stores }
}

/** `degraded TroubledStore -> TroubledStore 2`, … */
export function said(events: readonly StoreEvent[]): string[] {
  return events.map((event) => {
    if (event.type === 'degraded') return `degraded ${event.store} -> ${event.by ?? 'none'}`
    if (event.type === 'recovered') return `recovered ${event.store}, ${event.replayed} replayed`
    return `storeError ${event.source}: ${event.error.message}`
  })
}

/** All records of a namespace, by user. */
export async function recordsOf<N extends UserNamespace>(store: StorageAdapter, namespace: N) {
  const records: UserRecordOf[N][] = []
  let cursor: string | undefined
  do {
    const options = cursor === undefined ? { limit: 1_000 } : { cursor, limit: 1_000 }
    const page = await store.listRecords({ space: SPACE, namespace }, options)
    records.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return records.sort((a, b) => a.userId - b.userId)
}

export async function idsOf(store: StorageAdapter, namespace: UserNamespace): Promise<number[]> {
  return (await recordsOf(store, namespace)).map(({ userId }) => userId)
}

export const block = (userId: number, reason?: string) => ({
  userId,
  since: 1_000,
  ...(reason !== undefined && { reason }),
})

/** Holds the first trip of a store that concerns records of users, until it is told to go. */
export function holdFirst(store: TroubledStore, primitive: 'get' | 'scan', part: string): () => void {
  let go = (): void => undefined
  const gate = new Promise<void>((resolve) => (go = resolve))
  let held = false
  const hold = async (key: string): Promise<void> => {
    if (held || !key.includes(part)) return
    held = true
    await gate
  }
  if (primitive === 'get') {
    const get = store.get.bind(store)
    store.get = async (key) => {
      const entry = await get(key)
      await hold(key)
      return entry
    }
  } else {
    const scan = store.scan.bind(store)
    store.scan = async (prefix, options) => {
      const page = await scan(prefix, options)
      await hold(prefix)
      return page
    }
  }
  return () => go()
}

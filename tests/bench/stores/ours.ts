import { hash53, mix53 } from '../../../lib/keys'
import { fixedWindow, slidingWindow } from '../../../lib/limiters'
import type { DecisionRequest, LimitCheck } from '../../../lib/stores/decision'
import type { StorageAdapter } from '../../../lib/stores/store'
import { CLASS_LIMIT, DEBOUNCE, HOT_WINDOW, ROUTE_LIMIT, ROUTES } from './contender'
import type { Contender, Guard, Sent } from './contender'

const SPACE = 'sentinel:main'
/** Records per call. */
const CHUNK = 1_000

/** What the sentinel asks of the store for a command behind block, registration, debounce and two limits. */
export async function ourGuard(name: string, store: StorageAdapter): Promise<Guard> {
  await store.connect()
  return {
    name,
    kind: 'ours',
    register: (users) => registerAll(store, users),
    async block(userId) {
      const record = { userId, since: Date.now() }
      await store.putRecords({ space: SPACE, namespace: 'blocks' }, [record], 'replace')
    },
    async decide(sent) {
      const { reason } = await store.decide(requestOf(sent))
      return reason === undefined
    },
    close: () => store.close(),
  }
}

/** One limit for all users, and nothing else. The store is closed by whoever made it. */
export function ourHotKey(name: string, store: StorageAdapter, limit: number): Contender {
  const check = limitCheck(`bot${limit}`, { limit, window: HOT_WINDOW })
  const limits = [{ ...check, limiter: fixedWindow, scope: 'global' as const }]
  const hot: Partial<DecisionRequest> = { block: false, registration: undefined, debounces: [], limits }
  return {
    name,
    kind: 'ours',
    register: () => Promise.resolve(),
    async decide(sent) {
      const { reason } = await store.decide({ ...requestOf(sent), ...hot })
      return reason === undefined
    },
    close: () => Promise.resolve(),
  }
}

async function registerAll(store: StorageAdapter, users: readonly number[]): Promise<void> {
  const since = Date.now()
  for (let from = 0; from < users.length; from += CHUNK) {
    const records = users.slice(from, from + CHUNK).map((userId) => ({ userId, since }))
    await store.putRecords({ space: SPACE, namespace: 'registrations' }, records, 'replace')
  }
}

interface Route {
  readonly id: number
  readonly bucket: string
  readonly limits: readonly LimitCheck[]
}

/** Made once, as the sentinel makes them: the requests of a route share its checks. */
const CLASS = limitCheck('Shop', CLASS_LIMIT)
const ROUTE: readonly Route[] = Array.from({ length: ROUTES }, (_, i) => {
  const bucket = `Shop.command${i}`
  return { id: hash53(bucket), bucket, limits: [CLASS, limitCheck(bucket, ROUTE_LIMIT)] }
})
const NOTICES = { blocked: false, unregistered: true }

function limitCheck(bucket: string, { limit, window }: { limit: number; window: number }): LimitCheck {
  return {
    scope: 'actor',
    key: undefined,
    id: hash53(bucket),
    bucket,
    limiter: slidingWindow,
    rule: { limit, window, burst: limit, countRefused: false },
    cost: 1,
    blockFor: 0,
    shadow: false,
    notice: true,
    outcome: undefined,
  }
}

function requestOf({ user, route, text }: Sent): DecisionRequest {
  const { id, bucket, limits } = ROUTE[route]
  const mark = mix53(id, text)
  return {
    space: SPACE,
    now: undefined,
    actor: user,
    chat: user,
    duplicate: undefined,
    block: true,
    registration: 'required',
    debounces: [{ id, bucket, scope: 'actor', key: undefined, window: DEBOUNCE, mark, notice: false }],
    limits,
    album: undefined,
    notices: NOTICES,
  }
}

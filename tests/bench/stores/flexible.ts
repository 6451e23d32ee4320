import { RateLimiterRes } from 'rate-limiter-flexible'
import type { RateLimiterAbstract } from 'rate-limiter-flexible'
import { CLASS_LIMIT, DEBOUNCE, HOT_WINDOW, ROUTE_LIMIT, ROUTES } from './contender'
import type { Contender, Guard } from './contender'

export const FLEXIBLE = 'rate-limiter-flexible'

/** Where its limiters count, and the bot's own table of users. */
export interface FlexibleStore {
  limiter(name: string, points: number, window: number): Promise<RateLimiterAbstract>
  register(users: readonly number[]): Promise<void>
  isRegistered(user: number): Promise<boolean>
  close(): Promise<void>
}

/** The same checks, as its users would write them: one after another until one refuses. */
export async function flexibleGuard(store: FlexibleStore): Promise<Guard> {
  const blocks = await store.limiter('block', 1, 0)
  const debounce = await store.limiter('debounce', 1, DEBOUNCE)
  const shop = await store.limiter('shop', CLASS_LIMIT.limit, CLASS_LIMIT.window)
  const routes = await Promise.all(
    Array.from({ length: ROUTES }, (_, i) =>
      store.limiter(`command${i}`, ROUTE_LIMIT.limit, ROUTE_LIMIT.window),
    ),
  )
  return {
    name: FLEXIBLE,
    kind: 'peer',
    register: (users) => store.register(users),
    async block(user) {
      await blocks.block(user, 3_600)
    },
    async decide({ user, route, text }) {
      if ((await blocks.get(user)) !== null) return false
      if (!(await store.isRegistered(user))) return false
      if (!(await passes(debounce, `${user}:${route}:${text}`))) return false
      return (await passes(shop, user)) && (await passes(routes[route], user))
    },
    close: () => store.close(),
  }
}

/** One limit for all users. The store is closed by the guard. */
export async function flexibleHotKey(store: FlexibleStore, limit: number): Promise<Contender> {
  const limiter = await store.limiter(`bot${limit}`, limit, HOT_WINDOW)
  return {
    name: FLEXIBLE,
    kind: 'peer',
    register: () => Promise.resolve(),
    decide: () => passes(limiter, 'everybody'),
    close: () => Promise.resolve(),
  }
}

async function passes(limiter: RateLimiterAbstract, key: number | string): Promise<boolean> {
  try {
    await limiter.consume(key)
    return true
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return false
    throw refusal
  }
}

/** Random batches of requests, for comparing the database's decisions with the reference's. */
import { hash53 } from '../../../lib/keys'
import { ALGORITHMS } from '../../../lib/limiters'
import type { DecisionRequest, LimitCheck, Scope, SettledOutcome } from '../../../lib/stores/decision'
import type { Random } from '../../../lib/testing/contract/random'
import { debounceOf, limitOf, requestOf, START } from '../../../lib/testing/contract/requests'

const SCOPES: readonly Scope[] = ['actor', 'actor', 'actor', 'chat', 'member', 'global', 'own']
const YEAR = 365 * 86_400_000
const WINDOWS = [1, 500, 3_000, 20_000, 20_000, 86_400_000, YEAR]
const LIMITS = [0, 1, 2, 3, 5, 9, 30, 4_000]
export const SPACES = ['sentinel:main', 'sentinel:other', 'p%0020x:m-1']

const USUAL_LIMITS: readonly LimitCheck[] = [2, 3, 4, 6, 5].map((limit, n) =>
  limitOf({
    bucket: `usual${n}`,
    limit,
    window: [20_000, 3_000, 8_000][n % 3],
    countRefused: n === 3,
    shadow: n === 4,
  }),
)

/** What a test draws its batches from: buckets of all algorithms and scopes, users, chats, a clock that jumps. */
export class World {
  readonly #buckets: readonly LimitCheck[]
  now = START
  #latest = START

  constructor(private readonly random: Random) {
    this.#buckets = Array.from({ length: 10 }, (_, n) => this.#bucket(n))
  }

  /** The clock goes on, stands still, or goes back. */
  tick(): void {
    const { random } = this
    this.now += random.pick([0, 0, 1, random.below(300), random.below(5_000), -random.below(1_000)])
    if (random.once(60)) this.now += random.below(3) * 86_400_000
    if (random.once(200)) this.now -= random.below(2) * 50_000_000
    // What has ended more than a day ago may be forgotten or not.
    this.#latest = Math.max(this.#latest, this.now)
    this.now = Math.max(this.now, this.#latest - 80_000_000)
  }

  batch(): DecisionRequest[] {
    return Array.from({ length: 1 + this.random.below(12) }, () => {
      if (this.random.once(12)) this.tick()
      return this.request()
    })
  }

  request(): DecisionRequest {
    const { random } = this
    const anonymous = random.once(15)
    const placed = this.#some().filter(({ scope }) => !anonymous || scope === 'global' || scope === 'own')
    const debounces = [
      debounceOf({
        text: random.pick(['a', 'b']),
        notice: random.once(2),
        window: random.pick([700, 10_000]),
      }),
      debounceOf({ bucket: 'chat', scope: 'chat', text: random.pick(['a', 'b']), window: 300 }),
    ]
    return requestOf(random.pick(SPACES.slice(0, random.pick([1, 1, 3]))), {
      now: this.now,
      actor: anonymous ? undefined : random.pick([1, 2, 3, 4, -1001234567890, 7_000_000_000]),
      chat: anonymous ? undefined : -1 - random.below(3),
      duplicate: random.once(3) ? { mark: hash53(`u${random.below(20)}`), window: 5_000 } : undefined,
      block: !random.once(4),
      registration: random.once(3) ? random.pick(['required', 'ask', 'vouched'] as const) : undefined,
      debounces: anonymous || random.once(2) ? [] : debounces.slice(random.below(2), 1 + random.below(2)),
      limits: placed.map((check) => this.#today(check)),
      album: random.once(4) ? hash53(`album${random.below(4)}`) : undefined,
      notices: random.once(2) ? { blocked: random.once(2), unregistered: random.once(2) } : undefined,
    })
  }

  /** Mostly what most updates are: few sliding windows and a debounce, all the actor's, and few updates of the same actor at once. */
  usualBatch(): DecisionRequest[] {
    const { random } = this
    return Array.from({ length: 1 + random.below(6) }, () =>
      random.once(20) ? this.request() : this.#usual(),
    )
  }

  #usual(): DecisionRequest {
    const { random } = this
    const first = random.below(4)
    const texts = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const debounces = texts.map((text) => debounceOf({ text, window: random.pick([700, 2_000]) }))
    const marked = random.below(texts.length)
    return requestOf(SPACES[0], {
      now: this.now,
      actor: 1 + random.below(8),
      chat: -1,
      duplicate: random.once(4) ? { mark: hash53(`u${random.below(20)}`), window: 5_000 } : undefined,
      block: !random.once(4),
      registration: random.once(3)
        ? random.pick(['required', 'ask', 'vouched', 'vouched'] as const)
        : undefined,
      debounces: debounces.slice(marked, marked + 1 + random.below(2)),
      limits: USUAL_LIMITS.slice(first, first + random.below(4)).map((check) => ({
        ...check,
        cost: random.pick([1, 1, 1, 2]),
      })),
      notices: random.once(2) ? { blocked: true, unregistered: random.once(2) } : undefined,
    })
  }

  query() {
    const { random, now } = this
    const limit = random.pick(this.#buckets)
    const actor = random.pick([1, 2, 3, 4])
    return { space: random.pick(SPACES), now, actor, chat: -1 - random.below(3), limit }
  }

  #some(): readonly LimitCheck[] {
    const first = this.random.below(this.#buckets.length)
    return this.#buckets.slice(first, first + this.random.below(5))
  }

  /** The limit as it is for this update: its numbers may differ, the process may have settled it. */
  #today(check: LimitCheck): LimitCheck {
    const { random } = this
    const { limit, burst } = check.rule
    const cost = random.pick([1, 1, 1, 1, 0, 2, 3, random.below(limit + 2)])
    if (random.once(25)) return { ...check, cost, outcome: this.#outcome() }
    if (!random.once(6)) return { ...check, cost }
    const changed = random.pick([limit + 2, Math.max(0, limit - 1), 0, 1 + random.below(4)])
    return {
      ...check,
      cost,
      rule: { ...check.rule, limit: changed, burst: burst === limit ? changed : burst },
    }
  }

  #outcome(): SettledOutcome {
    const { random } = this
    const allowed = random.once(2)
    const retryAfter = allowed ? 0 : random.pick([5, 1234.5, Infinity, 0])
    const afterCounting = allowed || random.once(2) ? undefined : random.pick([77, 99.25, Infinity])
    return {
      allowed,
      retryAfter,
      afterCounting,
      remaining: random.below(4),
      resetAfter: 0.5 + random.below(9),
    }
  }

  #bucket(n: number): LimitCheck {
    const { random } = this
    const scope = random.pick(SCOPES)
    const limiter = random.pick(ALGORITHMS)
    const bursts = limiter === 'token-bucket' || limiter === 'gcra'
    const limit = random.pick(LIMITS)
    return limitOf({
      bucket: `limit${n}`,
      limiter,
      limit,
      window: random.pick(WINDOWS),
      burst: bursts && random.once(2) ? 1 + random.below(6) : limit,
      countRefused: random.once(3),
      shadow: random.once(5),
      blockFor: random.once(4) ? random.pick([1_500, 1_500, 40_000]) : 0,
      notice: random.once(2),
      scope,
      key: scope === 'own' ? `key${n % 2}, "{}\\` : undefined,
    })
  }
}

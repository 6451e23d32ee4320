/** Requests for the memory store's tests, and a ledger as plain as can be to compare it with. */
import * as fc from 'fast-check'
import { hash53 } from '../../../lib/keys'
import { ALGORITHMS, limiterOf } from '../../../lib/limiters'
import type { Limiter, Rule } from '../../../lib/limiters/limiter'
import { isBuiltin } from '../../../lib/limiters/limiter'
import type {
  Block,
  DebounceCheck,
  DecisionRequest,
  LimitCheck,
  LimitState,
  Registration,
  Scope,
} from '../../../lib/stores/decision'
import { meterOf } from '../../../lib/stores/json-meter'
import type { Ledger } from '../../../lib/stores/judge'
import { isChargeable, stateOf, waitFor } from '../../../lib/stores/meter'

export const SCOPES: readonly Scope[] = ['actor', 'chat', 'member', 'global', 'own']

/** Ids as Telegram has them: users, groups, supergroups and channels, and the largest it may give out. */
export const IDS = [7, 42, -42, 7_654_321_098, -1_001_234_567_890, 2 ** 52 - 1, -(2 ** 52 - 1)]

/** Keys that a scope function may return, friendly or not. */
export const KEYS = ['', '0', 'vip', '__proto__', 'constructor', 'a:b', '\u0000', '\ud800', 'x'.repeat(5000)]

/** One hit per calendar minute: a user's own limiter, with a state that is no row of numbers. */
export const perMinute: Limiter<{ minute: number }> = {
  name: 'per-minute',
  hit(state, _rule, now) {
    const minute = Math.floor(now / 60_000)
    const left = (minute + 1) * 60_000 - now
    const allowed = state?.minute !== minute
    return [{ minute }, { allowed, retryAfter: allowed ? 0 : left, remaining: 0, resetAfter: left }]
  },
}

type LimitOverrides = Partial<Omit<LimitCheck, 'rule'>> & { readonly rule?: Partial<Rule> }

export function limit(overrides: LimitOverrides = {}): LimitCheck {
  const bucket = overrides.bucket ?? 'bot'
  const rule = { limit: 3, window: 10_000, countRefused: false, ...overrides.rule }
  return {
    scope: 'actor',
    key: undefined,
    id: hash53(bucket),
    bucket,
    limiter: limiterOf('sliding-window'),
    cost: 1,
    blockFor: 0,
    shadow: false,
    notice: false,
    outcome: undefined,
    ...overrides,
    rule: { burst: rule.limit, ...rule },
  }
}

export function request(overrides: Partial<DecisionRequest> = {}): DecisionRequest {
  return {
    space: 'sentinel:main',
    now: undefined,
    actor: 7,
    chat: 7,
    duplicate: undefined,
    block: true,
    registration: undefined,
    debounces: [],
    limits: [],
    album: undefined,
    notices: undefined,
    ...overrides,
  }
}

/** Every bucket has one rule and one scope, as the flow makes sure. */
const buckets: LimitCheck[] = ALGORITHMS.flatMap((algorithm, i) =>
  SCOPES.map((scope, j) =>
    limit({
      bucket: `${algorithm}@${scope}`,
      limiter: limiterOf(algorithm),
      scope,
      rule: {
        limit: [3, 1, 40, 0, 7][(i + j) % 5],
        window: [10_000, 1000, 60_000][(i + 2 * j) % 3],
        countRefused: (i * j) % 3 === 1,
      },
      blockFor: (i + j) % 4 === 3 ? 5000 : 0,
      notice: i % 2 === 0,
    }),
  ),
).concat(limit({ bucket: 'own limiter', limiter: perMinute as Limiter }))

function keyed<T extends { scope: Scope }>(check: T, key: string): T {
  return check.scope === 'own' ? { ...check, key } : check
}

const limits = fc.uniqueArray(
  fc
    .record({
      check: fc.constantFrom(...buckets),
      key: fc.constantFrom(...KEYS),
      cost: fc.constantFrom(1, 1, 1, 0, 2, 50),
      shadow: fc.boolean(),
    })
    .map(({ check, key, cost, shadow }) => keyed({ ...check, cost, shadow: shadow && cost !== 1 }, key)),
  { maxLength: 4, selector: ({ bucket }) => bucket },
)

const debounce = fc
  .record({ scope: fc.constantFrom(...SCOPES), key: fc.constantFrom(...KEYS), text: fc.nat({ max: 15 }) })
  .map(({ scope, key, text }): DebounceCheck => {
    const bucket = `debounce@${scope}`
    const mark = hash53(`${bucket} ${text}`)
    return keyed({ scope, key: undefined, id: hash53(bucket), bucket, window: 2000, mark, notice: true }, key)
  })

/** Requests of a bot with many buckets; `now` is to be filled in. */
export const requests: fc.Arbitrary<DecisionRequest> = fc.record({
  space: fc.constantFrom('sentinel:main', 'sentinel:other'),
  now: fc.constant(undefined),
  actor: fc.constantFrom(...IDS),
  chat: fc.constantFrom(...IDS),
  duplicate: fc.option(
    fc.nat({ max: 30 }).map((mark) => ({ mark: hash53(`update ${mark}`), window: 30_000 })),
    { nil: undefined },
  ),
  block: fc.boolean(),
  registration: fc.constantFrom(undefined, undefined, 'required', 'ask', 'vouched'),
  debounces: fc.uniqueArray(debounce, { maxLength: 2, selector: ({ bucket }) => bucket }),
  limits,
  album: fc.option(
    fc.nat({ max: 5 }).map((album) => hash53(`album ${album}`)),
    { nil: undefined, freq: 4 },
  ),
  notices: fc.constantFrom(undefined, { blocked: true, unregistered: true }),
})

interface Place {
  readonly rows: Map<string, number[]>
  readonly states: Map<string, unknown>
  readonly marks: Map<number, number>
}

/** The same state in Maps and arrays: nothing is packed, moved, evicted or collected. */
export class PlainLedger implements Ledger {
  readonly blocks = new Map<string, Block>()
  readonly registrations = new Map<string, Registration>()
  private readonly places = new Map<string, Place>()
  private readonly charged = new Map<LimitCheck, LimitState>()
  private request: Pick<DecisionRequest, 'space' | 'actor' | 'chat'> = request()

  turnTo(next: Pick<DecisionRequest, 'space' | 'actor' | 'chat'>): this {
    this.request = next
    this.charged.clear()
    return this
  }

  block(actor: number): Block | undefined {
    return this.blocks.get(`${this.request.space} ${actor}`)
  }

  setBlock(block: Block): void {
    this.blocks.set(`${this.request.space} ${block.userId}`, block)
  }

  registration(actor: number): Registration | undefined {
    return this.registrations.get(`${this.request.space} ${actor}`)
  }

  mark(scope: Scope, key: string | undefined, id: number): number {
    return this.place(scope, key).marks.get(id) ?? -Infinity
  }

  setMark(scope: Scope, key: string | undefined, id: number, until: number): void {
    this.place(scope, key).marks.set(id, until)
  }

  wait(check: LimitCheck, now: number): number {
    const { limiter } = check
    if (!isBuiltin(limiter)) return meterOf(limiter).wait(this.stateOf(check), check, now)
    return waitFor(limiter.kernel, this.rowOf(check), 0, check, now)
  }

  charge(check: LimitCheck, now: number): void {
    if (!isChargeable(check)) return
    const { limiter, rule, cost, bucket } = check
    const place = this.place(check.scope, check.key)
    if (!isBuiltin(limiter)) {
      const kept = meterOf(limiter).charge(this.stateOf(check), check, now)
      place.states.set(bucket, kept?.state)
      if (kept?.outcome === undefined) return
      const { remaining, resetAfter } = kept.outcome
      this.charged.set(check, { name: bucket, limit: rule.limit, remaining, resetAfter })
      return
    }
    const { kernel } = limiter
    const old = this.rowOf(check)
    const row = new Array<number>(kernel.size(old, 0, rule, now, cost)).fill(0)
    kernel.move(old, 0, row, 0, row.length)
    kernel.charge(row, 0, rule, now, cost)
    place.rows.set(bucket, row)
  }

  state(check: LimitCheck, now: number): LimitState {
    const { limiter } = check
    if (isBuiltin(limiter)) return stateOf(limiter.kernel, this.rowOf(check), 0, check, now)
    return this.charged.get(check) ?? meterOf(limiter).left(this.stateOf(check), check, now)
  }

  forget(check: LimitCheck): void {
    this.place(check.scope, check.key).rows.delete(check.bucket)
    this.place(check.scope, check.key).states.delete(check.bucket)
  }

  /** Carries these buckets of one place over to another, where that has none. */
  move(scope: Scope, to: Pick<DecisionRequest, 'space' | 'actor' | 'chat'>, names: readonly string[]): void {
    const source = this.place(scope, undefined)
    const target = this.turnTo(to).place(scope, undefined)
    for (const kind of ['rows', 'states'] as const) {
      for (const name of names) {
        const held = source[kind].get(name)
        source[kind].delete(name)
        if (held !== undefined && !target[kind].has(name)) target[kind].set(name, held as never)
      }
    }
  }

  private rowOf({ scope, key, bucket, limiter }: LimitCheck): number[] {
    const fresh = isBuiltin(limiter) ? limiter.kernel.fresh : []
    return this.place(scope, key).rows.get(bucket) ?? [...fresh]
  }

  private stateOf({ scope, key, bucket }: LimitCheck): unknown {
    return this.place(scope, key).states.get(bucket)
  }

  private place(scope: Scope, key: string | undefined): Place {
    const { space, actor, chat } = this.request
    const address = JSON.stringify({
      space,
      scope,
      actor: scope === 'actor' || scope === 'member' ? actor : null,
      chat: scope === 'chat' || scope === 'member' ? chat : null,
      key: scope === 'own' ? key : null,
    })
    let place = this.places.get(address)
    if (place === undefined) {
      place = { rows: new Map(), states: new Map(), marks: new Map() }
      this.places.set(address, place)
    }
    return place
  }
}

/** Names of the generated buckets with a scope. */
export function bucketsOf(scope: Scope): string[] {
  return buckets.filter((check) => check.scope === scope).map(({ bucket }) => bucket)
}

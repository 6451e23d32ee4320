/**
 * A second opinion on what a decision means, written from the design's text alone: the limiters' pure functions, and
 * maps of marks, blocks and registrations. Nothing of the stores' own judgement is used.
 */
import type { LimitState, Registration } from '../../lib/stores/decision'
import type { Check, Told, Update } from './traces'

/** What a decision tells the flow, as far as this model goes. */
export interface Verdict {
  readonly reason: string | undefined
  readonly name: string | undefined
  readonly retryAfter: number | undefined
  readonly limits: readonly LimitState[]
  readonly registration: Registration | undefined
  readonly unasked: boolean
}

interface Failure {
  readonly reason: string
  readonly name?: string
  /** ms; `Infinity` where no wait helps. */
  readonly wait: number
}

export class Model {
  readonly #states = new Map<string, unknown>()
  /** Until when (ms) a debounce or a claim holds. */
  readonly #marks = new Map<string, number>()
  /** Until when (ms) a user is blocked; `Infinity`: without end. */
  readonly #blocks = new Map<string, number>()
  readonly #registrations = new Map<string, Registration>()

  decide(update: Update, now: number): Verdict {
    const { actor, space } = update
    const failures: Failure[] = []
    const registration = actor === undefined ? undefined : this.#registrations.get(userOf(space, actor))

    // Duplicate update → block → registration → debounce → limits.
    failures.push(...this.#duplicate(update, now), ...this.#block(update, now))
    const wanted = actor === undefined ? undefined : update.registration
    if (wanted === 'ask' && registration === undefined && failures.length === 0) return UNASKED
    if (wanted === 'required' && registration === undefined) {
      failures.push({ reason: 'unregistered', wait: Infinity })
    }
    // After these, later checks add to retryAfter only.
    const closed = failures.length > 0
    failures.push(...this.#debounces(update, now))
    failures.push(...update.limits.flatMap((check) => this.#limit(update, check, now, closed)))

    if (failures.length === 0) this.#consume(update, now)
    const punished = failures.length > 0 && !closed ? this.#punish(update, now) : 0
    const wait = Math.max(punished, ...failures.map((failure) => failure.wait))
    return {
      reason: failures[0]?.reason,
      name: failures[0]?.name,
      retryAfter: failures.length === 0 || wait === Infinity ? undefined : wait,
      limits: update.limits.map((check) => this.#left(update, check, now)),
      registration: wanted === undefined ? undefined : registration,
      unasked: false,
    }
  }

  tell({ space, userId, ...told }: Told, now: number): void {
    const user = userOf(space, userId)
    if (told.type === 'block') this.#blocks.set(user, now + (told.length ?? Infinity))
    if (told.type === 'unblock') this.#blocks.delete(user)
    if (told.type === 'unregister') this.#registrations.delete(user)
    if (told.type === 'register') {
      const since = this.#registrations.get(user)?.since ?? now
      this.#registrations.set(user, { userId, profile: told.profile, since })
    }
  }

  #duplicate(update: Update, now: number): Failure[] {
    if (update.duplicate === undefined) return []
    return this.#heldBy(claimOf(update), now).map((wait) => ({ reason: 'duplicate', wait }))
  }

  #block({ space, actor, block }: Update, now: number): Failure[] {
    const until = block && actor !== undefined ? (this.#blocks.get(userOf(space, actor)) ?? 0) : 0
    return until > now ? [{ reason: 'blocked', wait: until - now }] : []
  }

  #debounces(update: Update, now: number): Failure[] {
    return update.debounces.flatMap((check) =>
      this.#heldBy(markOf(update, check), now).map((wait) => ({
        reason: 'debounced',
        name: check.bucket,
        wait,
      })),
    )
  }

  #heldBy(mark: string, now: number): number[] {
    const until = this.#marks.get(mark) ?? -Infinity
    return until > now ? [until - now] : []
  }

  /** A hit that this limit refuses, counted where that is asked for. */
  #limit(update: Update, check: Check, now: number, closed: boolean): Failure[] {
    const bucket = bucketOf(update, check)
    const rule = { ...check.rule, countRefused: check.rule.countRefused && !closed }
    const [state, outcome] = check.limiter.hit(this.#states.get(bucket), rule, now, check.cost)
    if (outcome.allowed) return []
    if (rule.countRefused) this.#states.set(bucket, state)
    return [{ reason: 'limited', name: check.bucket, wait: outcome.retryAfter }]
  }

  #consume(update: Update, now: number): void {
    if (update.duplicate !== undefined) this.#marks.set(claimOf(update), now + update.duplicate.window)
    for (const check of update.debounces) this.#marks.set(markOf(update, check), now + check.window)
    for (const check of update.limits) {
      const bucket = bucketOf(update, check)
      this.#states.set(bucket, check.limiter.hit(this.#states.get(bucket), check.rule, now, check.cost)[0])
    }
  }

  /** The longest `blockFor` of the limits that refuse, or 0; a block that stands is never shortened. */
  #punish(update: Update, now: number): number {
    const { space, actor } = update
    if (actor === undefined) return 0
    const lengths = update.limits.filter((check) => this.#refuses(update, check, now))
    const longest = Math.max(0, ...lengths.map(({ blockFor }) => blockFor))
    const user = userOf(space, actor)
    if (longest > 0) this.#blocks.set(user, Math.max(this.#blocks.get(user) ?? 0, now + longest))
    return longest
  }

  #refuses(update: Update, check: Check, now: number): boolean {
    const state = this.#states.get(bucketOf(update, check))
    return !check.limiter.hit(state, check.rule, now, check.cost)[1].allowed
  }

  #left(update: Update, check: Check, now: number): LimitState {
    const { rule, bucket } = check
    const [, left] = check.limiter.hit(this.#states.get(bucketOf(update, check)), rule, now, 0)
    return { name: bucket, limit: rule.limit, remaining: left.remaining, resetAfter: left.resetAfter }
  }
}

const UNASKED: Verdict = {
  reason: undefined,
  name: undefined,
  retryAfter: undefined,
  limits: [],
  registration: undefined,
  unasked: true,
}

function userOf(space: string, userId: number): string {
  return JSON.stringify([space, userId])
}

/** Whose state it is. */
function placeOf({ space, actor, chat }: Update, { scope, key }: Pick<Check, 'scope' | 'key'>): unknown[] {
  switch (scope) {
    case 'actor':
      return [space, scope, actor]
    case 'chat':
      return [space, scope, chat]
    case 'member':
      return [space, scope, actor, chat]
    case 'global':
      return [space, scope]
    case 'own':
      return [space, scope, key]
  }
}

/** An algorithm's state is its own: another one under the same name begins afresh. */
function bucketOf(update: Update, check: Check): string {
  return JSON.stringify([...placeOf(update, check), check.bucket, check.limiter.name])
}

function markOf(update: Update, check: Update['debounces'][number]): string {
  return JSON.stringify([...placeOf(update, check), check.bucket, check.mark])
}

function claimOf(update: Update): string {
  const scope = update.actor === undefined ? 'global' : 'actor'
  return JSON.stringify([...placeOf(update, { scope, key: undefined }), 'claim', update.duplicate?.mark])
}

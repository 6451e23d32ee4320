/** `sentinel.limits`: one named limit of one subject, looked at and changed from outside an update. */
import { SentinelUsageError } from './errors'
import type { Bucket } from './plan'
import { subjectKey } from './request'
import { hintFor } from './nearest'
import { show } from './schema'
import type { Decision, DecisionRequest, LimitQuery, LimitState, Scope } from './stores/decision'
import { verdictOf, type Verdict } from './verdict'

/**
 * Whose limit: what its scope needs. Actor: `userId` (a sender chat's id too); chat: `chatId`; member: both; global:
 * nothing; own function: the `key` it returns.
 */
export interface LimitSubject {
  readonly userId?: number
  readonly chatId?: number
  readonly key?: string
}

/** What the limits need of the sentinel. */
export interface LimitsHost {
  readonly space: string
  readonly buckets: ReadonlyMap<string, Bucket>
  now(): number | undefined
  decide(request: DecisionRequest): Promise<Decision>
  peek(query: LimitQuery): Promise<LimitState>
  reset(query: LimitQuery): Promise<void>
}

export class Limits {
  readonly #host: LimitsHost

  constructor(host: LimitsHost) {
    this.#host = host
  }

  /**
   * What is left of a limit; nothing is charged.
   *
   * @throws SentinelUsageError for an unknown name, a missing id, or a dynamic limit not yet used for this subject;
   * StoreError if the store does not answer within `storeTimeout`
   * @example
   * const { remaining, resetAfter } = await sentinel.limits.peek('Shop.buy', { userId: 42 })
   */
  async peek(name: string, subject: LimitSubject): Promise<LimitState> {
    const query = this.#query(name, subject, 0)
    if (query.limit.rule.limit !== Infinity) return this.#host.peek(query)
    return { name, limit: Infinity, remaining: Infinity, resetAfter: 0 }
  }

  /**
   * Forgets what a subject has used of a limit.
   *
   * @throws SentinelUsageError for an unknown name or a missing id; StoreError if the store does not answer
   * @example
   * await sentinel.limits.reset('Shop.buy', { userId: 42 })
   */
  async reset(name: string, subject: LimitSubject): Promise<void> {
    await this.#host.reset(this.#place(this.#find(name, subject), subject))
  }

  /**
   * Takes `cost` units of a limit, all or none, as an update would; never blocks anybody.
   *
   * @throws SentinelUsageError for an unknown name, a missing id, a cost that is no whole number, or a dynamic limit
   * not yet used for this subject; StoreError if the store does not answer
   * @example
   * const verdict = await sentinel.limits.consume('Shop.buy', { userId: 42 }, 2)
   */
  async consume(name: string, subject: LimitSubject, cost = 1): Promise<Verdict> {
    if (!Number.isSafeInteger(cost) || cost < 0) {
      throw new SentinelUsageError(`cost must be a whole number from 0 up, not ${show(cost)}`)
    }
    const { limit, ...place } = this.#query(name, subject, cost)
    if (limit.rule.limit === Infinity) {
      return { allowed: true, limits: [{ name, limit: Infinity, remaining: Infinity, resetAfter: 0 }] }
    }
    const decision = await this.#host.decide({
      ...place,
      duplicate: undefined,
      block: false,
      registration: undefined,
      debounces: [],
      limits: [limit],
      album: undefined,
      notices: undefined,
    })
    return verdictOf(decision)
  }

  #query(name: string, subject: LimitSubject, cost: number): LimitQuery {
    const bucket = this.#find(name, subject)
    const place = this.#place(bucket, subject)
    const units = bucket.rule?.limit ?? bucket.last.get(subjectKey(bucket.scope, place, subject?.key))
    if (units === undefined) {
      throw new SentinelUsageError(
        `the limit '${name}' is a function of the update, and this process has not used it for this subject yet`,
      )
    }
    const rule = bucket.rule ?? bucket.ruleFor(units)
    return { ...place, limit: { ...place.limit, rule, cost, blockFor: 0, shadow: false } }
  }

  #place(bucket: Bucket, subject: LimitSubject): LimitQuery {
    return {
      space: this.#host.space,
      now: this.#host.now(),
      actor: subject?.userId,
      chat: subject?.chatId,
      limit: { ...bucket.check, key: subject?.key },
    }
  }

  /** The bucket of that name, if the subject has what its scope needs. */
  #find(name: string, subject: LimitSubject): Bucket {
    const bucket = this.#host.buckets.get(name)
    if (bucket === undefined) {
      const hint = hintFor(name, [...this.#host.buckets.keys()], 'limits')
      throw new SentinelUsageError(`no limit is called ${show(name)}; ${hint}`)
    }
    const missing = missingFor(bucket.scope, subject)
    if (missing === undefined) return bucket
    throw new SentinelUsageError(
      `the limit '${name}' has the scope '${bucket.scope}' and needs { ${missing} }, not ${show(subject)}`,
    )
  }
}

function missingFor(scope: Scope, subject: LimitSubject | undefined): keyof LimitSubject | undefined {
  const lacksUser = !Number.isSafeInteger(subject?.userId)
  const lacksChat = !Number.isSafeInteger(subject?.chatId)
  if ((scope === 'actor' || scope === 'member') && lacksUser) return 'userId'
  if ((scope === 'chat' || scope === 'member') && lacksChat) return 'chatId'
  if (scope === 'own' && typeof subject?.key !== 'string') return 'key'
  return undefined
}

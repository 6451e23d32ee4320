/** The rules that a batch goes by, each written once, and all about them that no state is needed for. */
import { intervalOf, scaleOf } from '../../limiters/gcra'
import { isBuiltin } from '../../limiters/limiter'
import type { Algorithm } from '../../limiters/limiter'
import type { LimitCheck } from '../decision'
import { isChargeable, settledWait } from '../meter'
import { ALGORITHM_CODES, FOREVER, RULE, RULE_FIELDS, RULE_SIZE } from './sql/decide-format'

/** What is written for a wait, and what it was. */
export function wireWait(wait: number): number {
  return wait >= FOREVER ? FOREVER : Math.max(wait > 0 ? 1 : 0, Math.floor(wait))
}

/** The algorithms whose state is read by the window's length. */
const BY_WINDOW = [1, 2, 3]

export class RuleBook {
  readonly numbers: number[] = []
  /** Contents of blocks that rules may add. */
  readonly notes: string[] = []
  readonly #offsets = new Map<number, number[]>()

  /** Whether this check's bucket was seen with no other algorithm or window. */
  fits(check: LimitCheck): boolean {
    const code = codeOf(check)
    const first = code === 0 ? undefined : this.#offsets.get(check.id)?.find((rule) => this.hasState(rule))
    return first === undefined || this.#alike(first, code, windowOf(check, code))
  }

  /** Whether two rules read a bucket's state alike. */
  alike(a: number, b: number): boolean {
    return this.#alike(a, this.#field(b, 'algorithm'), this.#field(b, 'window'))
  }

  /** Whether a state is looked at under this rule. */
  hasState(rule: number): boolean {
    return this.#field(rule, 'algorithm') > 0
  }

  /** Where the check's rule starts. */
  offsetOf(check: LimitCheck): number {
    const written = this.#offsets.get(check.id) ?? []
    const numbers = numbersOf(check)
    const same = check.outcome === undefined ? written.find((at) => this.#same(at, numbers)) : undefined
    if (same !== undefined) return same
    const offset = this.numbers.length
    if (check.blockFor > 0) {
      numbers[RULE_FIELDS.note - 1] = this.notes.push(
        JSON.stringify({ reason: check.bucket, by: 'sentinel' }),
      )
    }
    for (const number of numbers) this.numbers.push(number)
    this.#offsets.set(check.id, [...written, offset])
    return offset
  }

  #alike(rule: number, algorithm: number, window: number): boolean {
    if (this.#field(rule, 'algorithm') !== algorithm) return false
    return !BY_WINDOW.includes(algorithm) || this.#field(rule, 'window') === window
  }

  #field(rule: number, field: keyof typeof RULE_FIELDS): number {
    return this.numbers[rule + RULE_FIELDS[field] - 1]
  }

  #same(offset: number, numbers: readonly number[]): boolean {
    for (let i = 0; i < RULE_SIZE; i++) {
      if (this.numbers[offset + i] !== numbers[i] && i !== RULE_FIELDS.note - 1) return false
    }
    return true
  }
}

/** Whether a usual request may have this limit: a log, of which a hit takes what there may be. */
export function isUsualLimit(check: LimitCheck): boolean {
  const { id, rule, cost } = check
  if (id === 0 || cost <= 0 || cost > rule.limit) return false
  return codeOf(check) === ALGORITHM_CODES['sliding-window'] && settledWait(check) === undefined
}

/** 0 where no state is looked at: a user's own limiter, and what a limit of 0 has nothing to say of. */
function codeOf({ limiter, rule, outcome }: LimitCheck): number {
  if (outcome !== undefined || !isBuiltin(limiter)) return 0
  const code = ALGORITHM_CODES[limiter.name as Algorithm]
  return rule.limit > 0 || BY_WINDOW.includes(code) ? code : 0
}

function windowOf({ rule }: LimitCheck, code: number): number {
  return code === ALGORITHM_CODES.gcra ? intervalOf(rule) : rule.window
}

/** In the order of RULE_FIELDS. */
function numbersOf(check: LimitCheck): number[] {
  const { id, rule, cost, outcome, blockFor } = check
  const algorithm = codeOf(check)
  const gcra = algorithm === ALGORITHM_CODES.gcra
  const capacity = algorithm === 0 || !isBuiltin(check.limiter) ? 0 : check.limiter.kernel.capacity(rule)
  const settled = settledWait(check) ?? (cost > capacity ? Infinity : undefined)
  // More than all of it takes all of it; only a log that a greater limit has filled may hold more.
  const charge = algorithm === ALGORITHM_CODES['sliding-window'] ? cost : Math.min(cost, capacity)
  return [
    id,
    algorithm,
    rule.limit,
    windowOf(check, algorithm),
    rule.burst,
    cost,
    isChargeable(check) ? charge : 0,
    settled === undefined ? -1 : wireWait(settled),
    outcome?.afterCounting === undefined ? -1 : wireWait(outcome.afterCounting),
    (rule.countRefused ? RULE.countRefused : 0) | (check.shadow ? RULE.shadow : 0),
    blockFor,
    0,
    rule.window,
    gcra ? scaleOf(rule) : 0,
  ]
}

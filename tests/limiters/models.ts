/**
 * The limiters once more, written for belief instead of speed: lists of what was charged, big integers, and waits that are
 * searched for with the question "would it pass then?" instead of computed.
 */
import type { Algorithm, Outcome, Rule } from '../../lib/limiters'

export abstract class Model {
  protected rule: Rule = { limit: 1, window: 1, burst: 1, countRefused: false }

  /** Whether `cost` units, of which the capacity is never exceeded, pass at `at`. Once true, true for all later times. */
  protected abstract passes(at: number, cost: number): boolean
  /** Whether nothing that was charged matters at `at` any more. */
  protected abstract forgotten(at: number): boolean
  protected abstract record(now: number, cost: number): void

  protected get capacity(): number {
    return this.rule.limit
  }

  hit(rule: Rule, now: number, cost: number): Outcome {
    this.rule = rule
    const possible = cost <= this.capacity
    const allowed = cost === 0 || (possible && this.passes(now, cost))
    if (cost > 0 && rule.limit > 0 && (allowed || rule.countRefused)) this.record(now, cost)
    let remaining = 0
    while (remaining < this.capacity && this.passes(now, remaining + 1)) remaining++
    return {
      allowed,
      retryAfter: allowed ? 0 : possible ? firstWait((wait) => this.passes(now + wait, cost)) : Infinity,
      remaining,
      resetAfter: firstWait((wait) => this.forgotten(now + wait)),
    }
  }
}

/** The smallest whole wait for which `holds`, which stays true once it is. */
function firstWait(holds: (wait: number) => boolean): number {
  if (holds(0)) return 0
  let failing = 0
  let holding = 1
  while (!holds(holding)) holding *= 2
  while (holding - failing > 1) {
    const middle = Math.floor((holding + failing) / 2)
    if (holds(middle)) holding = middle
    else failing = middle
  }
  return holding
}

class Log extends Model {
  private taken: number[] = []

  private inWindow(at: number): number[] {
    return this.taken.filter((time) => at < time + this.rule.window)
  }

  protected passes(at: number, cost: number): boolean {
    return this.inWindow(at).length + cost <= this.rule.limit
  }

  protected forgotten(at: number): boolean {
    return this.inWindow(at).length === 0
  }

  protected record(now: number, cost: number): void {
    const time = Math.max(now, ...this.taken)
    const units = new Array<number>(cost).fill(time)
    const live = this.inWindow(now)
    this.taken = [...live, ...units].slice(-Math.max(this.rule.limit, live.length))
  }
}

class FixedWindows extends Model {
  protected readonly counts = new Map<number, number>()

  protected indexAt(at: number): number {
    return Math.max(Math.floor(at / this.rule.window), ...this.counts.keys())
  }

  protected countOf(index: number): number {
    return this.counts.get(index) ?? 0
  }

  protected passes(at: number, cost: number): boolean {
    return this.countOf(this.indexAt(at)) + cost <= this.rule.limit
  }

  protected forgotten(at: number): boolean {
    return this.countOf(this.indexAt(at)) === 0
  }

  protected record(now: number, cost: number): void {
    const index = this.indexAt(now)
    const count = this.countOf(index)
    this.counts.set(index, Math.max(count, Math.min(this.rule.limit, count + cost)))
  }
}

class SlidingCounters extends FixedWindows {
  protected override passes(at: number, cost: number): boolean {
    const { limit, window } = this.rule
    const index = this.indexAt(at)
    const covered = BigInt(window) - BigInt(Math.max(0, at - index * window))
    const units =
      BigInt(this.countOf(index - 1)) * covered + BigInt(this.countOf(index) + cost) * BigInt(window)
    return units <= BigInt(limit) * BigInt(window)
  }

  protected override forgotten(at: number): boolean {
    const index = this.indexAt(at)
    return this.countOf(index) === 0 && this.countOf(index - 1) === 0
  }
}

/** Tokens are counted in 1/window, of which `limit` arrive each millisecond. */
class Tokens extends Model {
  private tokens: bigint | undefined
  private last = 0

  protected override get capacity(): number {
    return this.rule.limit === 0 ? 0 : this.rule.burst
  }

  private get full(): bigint {
    return BigInt(this.rule.burst) * BigInt(this.rule.window)
  }

  private tokensAt(at: number): bigint {
    if (this.tokens === undefined) return this.full
    const tokens = this.tokens + BigInt(Math.max(0, at - this.last)) * BigInt(this.rule.limit)
    return tokens < this.full ? tokens : this.full
  }

  protected passes(at: number, cost: number): boolean {
    return BigInt(cost) * BigInt(this.rule.window) <= this.tokensAt(at)
  }

  protected forgotten(at: number): boolean {
    return this.tokensAt(at) === this.full
  }

  protected record(now: number, cost: number): void {
    const left = this.tokensAt(now) - BigInt(cost) * BigInt(this.rule.window)
    this.last = this.tokens === undefined ? now : Math.max(this.last, now)
    this.tokens = left > 0n ? left : 0n
  }
}

/** The textbook's virtual scheduling; times are counted in 1/limit ms, so that the interval is `window`. */
class Arrivals extends Model {
  private theoreticalArrival: bigint | undefined

  protected override get capacity(): number {
    return this.rule.limit === 0 ? 0 : this.rule.burst
  }

  private ticks(at: number): bigint {
    return BigInt(at) * BigInt(this.rule.limit)
  }

  private arrivalAt(at: number): bigint {
    const now = this.ticks(at)
    const arrival = this.theoreticalArrival
    return arrival === undefined || arrival < now ? now : arrival
  }

  private get tolerance(): bigint {
    return BigInt(this.rule.burst) * BigInt(this.rule.window)
  }

  protected passes(at: number, cost: number): boolean {
    const next = this.arrivalAt(at) + BigInt(cost) * BigInt(this.rule.window)
    return next - this.ticks(at) <= this.tolerance
  }

  protected forgotten(at: number): boolean {
    return this.arrivalAt(at) === this.ticks(at)
  }

  protected record(now: number, cost: number): void {
    const arrival = this.arrivalAt(now)
    const latest = this.ticks(now) + this.tolerance
    const next = arrival + BigInt(cost) * BigInt(this.rule.window)
    const capped = next < latest ? next : latest
    this.theoreticalArrival = capped > arrival ? capped : arrival
  }
}

/** A model of a subject that was never seen. */
export const MODELS: Readonly<Record<Algorithm, () => Model>> = {
  'sliding-window': () => new Log(),
  'sliding-counter': () => new SlidingCounters(),
  'fixed-window': () => new FixedWindows(),
  'token-bucket': () => new Tokens(),
  gcra: () => new Arrivals(),
}

/** What a process holds of one limit at one place: the units that its trips took ahead, and what the store last said. */
import type { Rule } from '../../limiters/limiter'
import type { LimitCheck, LimitState, SettledOutcome } from '../decision'

/** Of a window, a unit may be held for so much … */
const HOLD_SHARE = 0.1
/** … and never longer (ms). */
const LONGEST_HOLD = 1_000

/** Units that one trip took ahead. */
export interface Lot {
  /** In hand. */
  free: number
  /** With updates that are being decided. */
  out: number
  /** When they were asked for (ms). */
  readonly since: number
  /** From when nothing of them is left in the store, nor in the same window (ms). */
  readonly gone: number
  /** Too old to be used; it only counts. */
  stale: boolean
}

/** What a trip came to: the units that it brought, and an error for those who waited for it. */
export interface Landing {
  readonly lot?: Lot
  readonly error?: Error
}

/** A trip whose end others may wait for. */
interface Flight {
  /** What it may bring. */
  readonly units: number
  /** What those who wait want of that. */
  promised: number
  readonly landing: Promise<void>
}

interface Sight {
  readonly state: LimitState
  readonly at: number
}

/** What the store refused, and until when nobody need ask again. */
interface Refusal {
  readonly cost: number
  readonly since: number
  readonly until: number
  /** When it would pass; `Infinity`: never. */
  readonly passesAt: number
}

/** ms that units of a limit may be held. */
export function holdOf({ window }: Rule): number {
  return Math.min(window * HOLD_SHARE, LONGEST_HOLD)
}

/** ms after which a store counts a unit no more, whatever the algorithm. */
export function longestCount({ window, limit, burst }: Rule): number {
  return window * Math.max(2, burst / limit)
}

/** Whether less than `length` lies between two moments, whichever came first: clocks may go back. */
function isWithin(length: number, a: number, b: number): boolean {
  return Math.abs(a - b) < length
}

export class Holding {
  #flight: Flight | undefined
  #lots: Lot[] = []
  /** Units that the trip under way takes ahead. */
  #coming = 0
  #rule: Rule
  /** Units that seem to be used within a hold. */
  #demand = 1
  /** Units that found none in hand since the last trip for more. */
  #missed = 0
  #asked = -Infinity
  #seen: Sight | undefined
  #refusal: Refusal | undefined

  constructor(rule: Rule) {
    this.#rule = rule
  }

  /** Another limit than before (a dynamic one): what was taken and learnt under the former says nothing of it. */
  follow(rule: Rule): void {
    if (rule.limit === this.#rule.limit && rule.burst === this.#rule.burst) return
    this.#rule = rule
    for (const lot of this.#lots) lot.stale = true
    this.#seen = undefined
    this.#refusal = undefined
  }

  /** Whether nothing would be lost with it. */
  isIdle(now: number): boolean {
    return this.#flight === undefined && this.#counted(now) === 0
  }

  /** Takes units in hand, all of one trip; `undefined` where there are too few. */
  take(cost: number, now: number): Lot | undefined {
    const lot = this.#usable(cost, now)
    if (lot === undefined) return undefined
    this.#asked = now
    lot.free -= cost
    lot.out += cost
    if (lot.free === 0) this.#demand *= 2
    return lot
  }

  /** What the store's last refusal says of such an update now. */
  outcome(cost: number, now: number): SettledOutcome | undefined {
    const refusal = this.#refused(cost, now)
    if (refusal === undefined) return undefined
    const retryAfter = Math.max(1, Math.ceil(refusal.passesAt - now))
    return { allowed: false, retryAfter, remaining: this.#left(now), resetAfter: this.#resetAfter(now) }
  }

  /** Whether an update that goes to the store had better be waited for: too little was left when the store was last heard. */
  isShort(cost: number): boolean {
    return this.#flight === undefined && this.#seen !== undefined && this.#seen.state.remaining < cost
  }

  /**
   * An update goes to the store by itself: how many units to take ahead meanwhile, for those that come after it. None where
   * updates are rare, or where more than half of what is left would go: the last units are for whoever comes first.
   */
  ahead({ cost, lease = 0 }: LimitCheck, now: number): number {
    const hold = holdOf(this.#rule)
    const isBusy = isWithin(hold, now, this.#asked)
    this.#missed = isBusy ? this.#missed + cost : cost
    this.#asked = now
    if (!isBusy || this.#flight !== undefined || this.#seen === undefined) return 0
    const most = Math.min(lease, this.#rule.limit) - 1 - this.#counted(now)
    this.#demand = Math.min(Math.max(this.#demand, cost), lease)
    const units = Math.min(
      Math.max(this.#demand, this.#missed),
      most,
      Math.floor(this.#seen.state.remaining / 2),
    )
    return units < cost ? 0 : units
  }

  /** A trip takes so many units ahead. */
  depart(units: number, trip: Promise<Landing>): void {
    this.#missed = 0
    this.#coming = units
    this.#watch(units, trip)
  }

  /** An update is on its way whose answer will be that of those who come meanwhile. */
  scout(trip: Promise<Landing>): void {
    this.#watch(Infinity, trip)
  }

  /** The trip that such an update had better wait for: it may bring what the update needs. */
  awaited(cost: number, now: number): Promise<void> | undefined {
    const flight = this.#flight
    if (flight === undefined || flight.promised + cost > flight.units || this.#knows(cost, now))
      return undefined
    flight.promised += cost
    return flight.landing
  }

  /** What the store said. Of two answers at one moment, the later has less left, whichever is heard first. */
  see(state: LimitState, at: number): void {
    const known = this.#seen
    if (known?.at === at && known.state.remaining < state.remaining) return
    this.#seen = { state, at }
  }

  /** The store refused an update, asked at `since` and heard at `at`, for want of units. */
  refuse(cost: number, retryAfter: number | undefined, since: number, at: number): void {
    const wait = retryAfter ?? Infinity
    const until = since + Math.min(wait, holdOf(this.#rule))
    this.#refusal = { cost, since, until, passesAt: at + wait }
  }

  /** What is left, as far as is known here. */
  state({ bucket, rule }: LimitCheck, now: number): LimitState {
    return {
      name: bucket,
      limit: rule.limit,
      remaining: this.#left(now),
      resetAfter: this.#resetAfter(now),
    }
  }

  #watch(units: number, trip: Promise<Landing>): void {
    const landing = trip.then(({ lot, error }) => {
      this.#coming = 0
      this.#flight = undefined
      if (lot !== undefined) this.#lots.push(lot)
      if (error !== undefined) throw error
    })
    // Perhaps nobody waits.
    landing.catch(() => undefined)
    this.#flight = { units, promised: 0, landing }
  }

  /** Whether units, or a refusal, are at hand. */
  #knows(cost: number, now: number): boolean {
    return this.#usable(cost, now) !== undefined || this.#refused(cost, now) !== undefined
  }

  #usable(cost: number, now: number): Lot | undefined {
    this.#age(now)
    return this.#lots.find(({ stale, free }) => !stale && free >= cost)
  }

  #refused(cost: number, now: number): Refusal | undefined {
    const refusal = this.#refusal
    if (refusal === undefined || refusal.cost !== cost) return undefined
    return now >= refusal.since && now < refusal.until ? refusal : undefined
  }

  #left(now: number): number {
    this.#age(now)
    const inHand = this.#lots.reduce((sum, { free, stale }) => (stale ? sum : sum + free), 0)
    return Math.min(this.#rule.limit, (this.#seen?.state.remaining ?? 0) + inHand)
  }

  #resetAfter(now: number): number {
    if (this.#seen === undefined) return 0
    const { state, at } = this.#seen
    return Math.max(0, Math.ceil(at + state.resetAfter - now))
  }

  /** Units that the store counts and that no update has used. */
  #counted(now: number): number {
    this.#age(now)
    return this.#lots.reduce((sum, { free, out }) => sum + free + out, this.#coming)
  }

  #age(now: number): void {
    if (this.#lots.length === 0) return
    const hold = holdOf(this.#rule)
    for (const lot of this.#lots) {
      if (lot.stale || isWithin(hold, now, lot.since)) continue
      lot.stale = true
      if (lot.free > 0) this.#demand = Math.max(1, Math.floor(this.#demand / 2))
    }
    this.#lots = this.#lots.filter(({ stale, free, out, gone }) => free + out > 0 && !(stale && now >= gone))
  }
}

/** An update has used its units. */
export function spend(lot: Lot, cost: number): void {
  lot.out -= cost
}

/** An update did not need its units after all. */
export function giveBack(lot: Lot, cost: number): void {
  lot.out -= cost
  lot.free += cost
}

/** What time it is, and how old knowledge may be. */

/** ms, monotonic: this process's own. */
export type LocalClock = () => number

export class Times {
  /** Whether every change that another process makes is told to this one. */
  connected = false
  /** Store's time less local time, as last seen; NaN: never seen. */
  #offset = NaN
  /** The latest time of a decision. */
  #latest = -Infinity

  constructor(
    /** ms, monotonic. */
    readonly local: LocalClock,
    private readonly staleness: number,
    private readonly recheck: number,
  ) {}

  /** Nothing is of use for longer (ms). */
  get longest(): number {
    return Math.max(this.staleness, this.recheck)
  }

  /** A question that was sent at `sent` (local) was answered at `now` by the store's clock. */
  saw(now: number, sent: number): void {
    this.#offset = now - sent
  }

  /** An update was decided at `now`, by whose clock ever. */
  passed(now: number): void {
    if (now > this.#latest) this.#latest = now
  }

  /** How far the clock was set back (ms): what began at a later time may last as much longer. */
  setBack(now: number): number {
    return Math.max(0, this.#latest - now)
  }

  /**
   * The store's time (whole ms) at a local time; NaN where it was never seen. Counted from when the question was sent, hence
   * never behind the store: a wait ends here no later than there.
   */
  atStore(local: number): number {
    return Math.ceil(local + this.#offset)
  }

  /** Whether what was learnt at `learnt` (local) may still refuse. */
  mayRefuse(learnt: number, local: number): boolean {
    return local - learnt < (this.connected ? this.recheck : this.staleness)
  }

  /** Whether what was learnt at `learnt` (local) may still let pass. */
  mayAllow(learnt: number, local: number): boolean {
    return local - learnt < this.staleness
  }
}

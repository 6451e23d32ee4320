/**
 * How long to wait before an attempt to connect: twice as long each time, and spread by chance, so that processes that lost
 * a server together do not come back to it together (exponential backoff with "equal jitter").
 *
 * @example
 * const backoff = new Backoff(50, 1_000)
 * setTimeout(connect, backoff.next())
 */
export class Backoff {
  #failures = 0

  /** ms before the first attempt, and before any further one at most; each is between half of that and all of it. */
  constructor(
    private readonly first = 50,
    private readonly longest = 1_000,
  ) {}

  /** ms to wait now. */
  next(): number {
    const delay = Math.min(this.longest, this.first * 2 ** this.#failures++)
    return delay * (0.5 + Math.random() / 2)
  }

  /** It has connected. */
  reset(): void {
    this.#failures = 0
  }
}

/** ms that a timer is late at most while nothing holds up the loop. */
const PUNCTUAL = 2

/**
 * The end of a wait for an answer. After something has held up the event loop, Node fires timers before it reads sockets: an
 * answer that has arrived in time is to count, so the sockets are read once before the wait is over.
 */
export class Deadline {
  readonly #due: number
  readonly #timer: NodeJS.Timeout
  #turn: NodeJS.Immediate | undefined

  /** `passed` is called after `ms`, or one turn of the loop later. */
  constructor(
    ms: number,
    private readonly passed: () => void,
  ) {
    this.#due = performance.now() + ms
    this.#timer = setTimeout(() => this.#rang(), ms)
  }

  /** Lets the process end before it. */
  unref(): this {
    this.#timer.unref()
    return this
  }

  /** There is nothing to wait for any more. */
  clear(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#turn)
  }

  #rang(): void {
    if (performance.now() - this.#due > PUNCTUAL) this.#turn = setImmediate(this.passed)
    else this.passed()
  }
}

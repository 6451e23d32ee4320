/** What the sentinel itself says to Telegram goes out no faster than Telegram takes it, and no later than it is of use. */
import type { Backlog } from './backlog'
import { Deadline } from './deadline'
import { toError } from './errors'
import { CLOSING } from './hooks'
import { Lanes, type Lane } from './pace'

/** How long Telegram may take over an answer, and a `reply` function over its text (ms). */
export const REPLY_TIMEOUT = 10_000
/** The pause where Telegram asks for one and does not say how long (ms). */
const SOME_PAUSE = 1_000
/** The longest pause that is kept (ms): a broken number must not silence the bot for good. */
const LONGEST_PAUSE = 3_600_000

/** One call to Telegram. */
export interface Letter {
  /** Of a message: its chat. Answers to queries have none, and go first: a spinner waits for them. */
  readonly chat: number | undefined
  /** From then on it is of no use (ms, monotonic). */
  readonly until: number
  /** Ends when `signal` is aborted, if it can. */
  readonly send: (signal: AbortSignal) => Promise<unknown>
  /** Told of a failure where nobody waits for the letter any more. */
  readonly failed: (error: Error) => void
}

/**
 * Sends at once what may go at once. The rest waits for its turn, and is dropped where that would come too late. What
 * Telegram refuses because it is too much (429) is sent again after the pause that Telegram asks for; so long, all waits.
 */
export class Outbox {
  readonly #backlog: Backlog
  readonly #lanes = new Lanes()
  readonly #answers: Letter[] = []
  readonly #messages: Letter[] = []
  /** Ends the calls that are under way. */
  readonly #calls = new Set<AbortController>()
  /** Telegram wants to hear nothing before (ms, monotonic). */
  #silentUntil = 0
  #timer: NodeJS.Timeout | undefined
  /** When the timer is due (ms, monotonic). */
  #due = Infinity
  #closed = false

  /** `backlog` counts the replies that are not over. */
  constructor(backlog: Backlog) {
    this.#backlog = backlog
  }

  /** Takes a place for a reply, if there is one; `post` or `leave` gives it back. */
  enter(): boolean {
    if (this.#backlog.isFull) {
      this.#backlog.turnAway()
      return false
    }
    this.#backlog.enter()
    return true
  }

  leave(): void {
    this.#backlog.leave()
  }

  /** Resolves when the letter is sent, or at once if it has to wait. Rejects if it was sent at once and that failed. */
  async post(letter: Letter): Promise<void> {
    const now = performance.now()
    if (this.#due <= now) this.#sendWhatMay(now)
    const lane = this.#lanes.of(letter.chat, now)
    const wait = this.#wait(lane, now)
    if (wait === 0 && lane.waiting === 0) return this.#send(letter, lane)
    const soonest = now + (wait === Infinity ? 0 : wait) + lane.waiting * lane.spacing
    if (this.#closed || soonest >= letter.until) return this.#drop()
    this.#queueOf(letter).push(letter)
    lane.waiting++
    this.#wakeAt(Math.min(this.#due, letter.until, now + wait))
  }

  /**
   * Nothing waits from now on: it is sent or dropped. Resolves when nothing is being sent; what takes longer than two seconds
   * is given up.
   */
  async close(): Promise<void> {
    this.#closed = true
    this.#wakeAt(Infinity)
    for (const letter of [...this.#answers.splice(0), ...this.#messages.splice(0)]) {
      this.#lanes.of(letter.chat, performance.now()).waiting--
      this.#drop()
    }
    await this.#backlog.drained(CLOSING)
    for (const call of this.#calls) call.abort(new Error(`no answer within ${CLOSING} ms of closing`))
  }

  #queueOf({ chat }: Letter): Letter[] {
    return chat === undefined ? this.#answers : this.#messages
  }

  #wait(lane: Lane, now: number): number {
    return Math.max(lane.wait(now), this.#silentUntil - now)
  }

  /** Sends it, and gives its place back, or puts it back in the queue. Rejects where Telegram does not take it in time. */
  async #send(letter: Letter, lane: Lane): Promise<void> {
    const call = new AbortController()
    const deadline = new Deadline(REPLY_TIMEOUT, () =>
      call.abort(new Error(`no answer within ${REPLY_TIMEOUT} ms`)),
    ).unref()
    this.#calls.add(call)
    lane.begin()
    try {
      await abortable(letter.send, call.signal)
      this.#backlog.leave()
    } catch (thrown) {
      const pause = pauseOf(thrown)
      if (pause === undefined) {
        this.#backlog.leave()
        throw thrown
      }
      this.#silentUntil = Math.max(this.#silentUntil, performance.now() + pause)
      this.#putBack(letter, lane)
    } finally {
      deadline.clear()
      this.#calls.delete(call)
      const now = performance.now()
      lane.end(now)
      this.#sendWhatMay(now)
    }
  }

  #putBack(letter: Letter, lane: Lane): void {
    if (this.#closed || this.#silentUntil >= letter.until) return this.#drop()
    this.#queueOf(letter).unshift(letter)
    lane.waiting++
  }

  #drop(): void {
    this.#backlog.leave()
    this.#backlog.turnAway()
  }

  #sendWhatMay(now: number): void {
    const due = [this.#answers, this.#messages].map((queue) => this.#sendFrom(queue, now))
    this.#wakeAt(Math.min(...due))
  }

  /** When to look again. */
  #sendFrom(queue: Letter[], now: number): number {
    let due = Infinity
    for (const letter of queue.splice(0)) {
      const lane = this.#lanes.of(letter.chat, now)
      const wait = this.#wait(lane, now)
      const isOver = letter.until <= now
      if (wait > 0 && !isOver) {
        queue.push(letter)
        due = Math.min(due, letter.until, now + wait)
        continue
      }
      lane.waiting--
      if (isOver) this.#drop()
      else this.#send(letter, lane).catch((thrown: unknown) => letter.failed(toError(thrown)))
    }
    return due
  }

  #wakeAt(due: number): void {
    if (due === this.#due) return
    clearTimeout(this.#timer)
    this.#due = due
    if (due === Infinity) return
    const wait = Math.max(1, Math.ceil(due - performance.now()))
    this.#timer = setTimeout(() => {
      this.#due = Infinity
      this.#sendWhatMay(performance.now())
    }, wait)
    this.#timer.unref()
  }
}

/** As the call ends, or with the signal's reason as soon as that is aborted: not every call heeds it. */
function abortable(send: Letter['send'], signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    send(signal).then(resolve, reject)
  })
}

/** ms of silence that Telegram asks for, if that is what the error says. The error's class may be another copy's. */
function pauseOf(thrown: unknown): number | undefined {
  const { response } = (thrown ?? {}) as { response?: Partial<TooManyRequests> }
  if (response?.error_code !== 429) return undefined
  const seconds = response.parameters?.retry_after
  return typeof seconds === 'number' && seconds > 0 ? Math.min(seconds * 1000, LONGEST_PAUSE) : SOME_PAUSE
}

/** As Telegram answers it. */
interface TooManyRequests {
  readonly error_code: number
  readonly parameters: { readonly retry_after?: number }
}

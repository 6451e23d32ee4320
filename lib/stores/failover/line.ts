/** The stores in their order: which serves, and who is asked where that one fails. */
import { StoreError, toError } from '../../errors'
import { isThenable } from '../../promises'
import { Deadlines, HeldUpError } from './deadlines'
import { isOfRequest, isOverload, type Standing } from './standing'

/** A call that one store after another may be asked for. */
export interface Question<T> {
  ask(standing: Standing): T | Promise<T>
  /** Told of the answer that counts; not of one that comes too late. */
  answered?(standing: Standing, answer: T): void
}

interface LineListener {
  /** A store is not asked any more. */
  opened(standing: Standing): void
  /** A store is well again. */
  closed(standing: Standing): void
  /** Another store serves now; `undefined`: none does. */
  changed(from: Standing | undefined, to: Standing | undefined): void
}

export class Line {
  readonly #deadlines: Deadlines
  /** Its place; behind the last: none serves. */
  #serving = 0
  /** A store before it that is to be tried. */
  #candidate: Standing | undefined
  /** Made once for a flood of updates that nobody can answer. */
  #noneLeft: StoreError | undefined
  #ended: StoreError | undefined
  #standIns = 0

  constructor(
    readonly standings: readonly Standing[],
    private readonly timeout: number,
    private readonly listener: LineListener,
  ) {
    this.#deadlines = new Deadlines(timeout)
  }

  /** The first one that is well, if any. */
  get serving(): Standing | undefined {
    return this.standings[this.#serving]
  }

  /** Answers of stores behind the one that serves, in this line or in one that is a store of it. */
  get standIns(): number {
    let count = this.#standIns
    for (const { store } of this.standings) count += store.standIns?.() ?? 0
    return count
  }

  /** A store that takes a trial now. */
  get trial(): Standing | undefined {
    return this.#candidate?.takesTrial ? this.#candidate : undefined
  }

  /** The one that is asked after another. */
  after(standing: Standing): Standing | undefined {
    if (this.isEnded) return undefined
    return this.standings.find((other) => other.index > standing.index && other.isClosed)
  }

  /** Asks the store that serves, and where it fails, those behind it. At once where the store answers at once. */
  ask<T>(question: Question<T>, standing: Standing | undefined = this.serving): T | Promise<T> {
    if (standing === undefined) return Promise.reject(this.noneLeft())
    let answer: T | Promise<T>
    try {
      answer = question.ask(standing)
    } catch (thrown) {
      return this.#instead(question, standing, thrown)
    }
    if (!isThenable(answer)) return this.#answered(question, standing, answer)
    return this.#deadlines.bound(answer).then(
      (value) => this.#answered(question, standing, value),
      (thrown: unknown) => this.#instead(question, standing, thrown),
    )
  }

  /** Asks a store that is coming back; where it fails, the one that serves. `ended` is told what came of it. */
  tryOn<T>(
    question: Question<T>,
    standing: Standing,
    ended: (standing: Standing, error?: Error) => void,
  ): T | Promise<T> {
    standing.trying = true
    const failed = (thrown: unknown): T | Promise<T> => {
      standing.trying = false
      if (isOfRequest(thrown)) throw thrown
      if (!(thrown instanceof HeldUpError || isOverload(thrown))) ended(standing, toError(thrown))
      return this.ask(question)
    }
    const passed = (value: T): T => {
      standing.trying = false
      question.answered?.(standing, value)
      ended(standing)
      return value
    }
    let answer: T | Promise<T>
    try {
      answer = question.ask(standing)
    } catch (thrown) {
      return failed(thrown)
    }
    return isThenable(answer) ? this.#deadlines.bound(answer).then(passed, failed) : passed(answer)
  }

  /** A call has failed; enough of them in a row, and the store is not asked any more. One that is only full still is. */
  failed(standing: Standing, thrown: unknown): void {
    standing.lastError = toError(thrown)
    this.#noneLeft = undefined
    if (isOverload(thrown)) return
    const now = performance.now()
    if (thrown instanceof HeldUpError && !this.#isNew(standing, now)) return
    if (standing.breaker.failed(now)) this.#away(standing)
  }

  /** All calls that this process has held up at one time are one failure: the store may be well. */
  #isNew(standing: Standing, now: number): boolean {
    if (now - standing.heldUpAt < this.timeout) return false
    standing.heldUpAt = now
    return true
  }

  /** The store is not asked any more, however often it has failed. */
  open(standing: Standing, error: Error): void {
    const wasClosed = standing.isClosed
    standing.lastError = error
    standing.breaker.open(performance.now())
    if (wasClosed) this.#away(standing)
    else this.update()
  }

  close(standing: Standing): void {
    standing.breaker.close(performance.now())
    this.update()
    this.listener.closed(standing)
  }

  /** Nobody is asked any more. */
  get isEnded(): boolean {
    return this.#ended !== undefined
  }

  /** Some store's state has changed. */
  update(): void {
    if (this.isEnded) return
    const from = this.#serving
    const first = this.standings.findIndex(({ isClosed }) => isClosed)
    this.#serving = first < 0 ? this.standings.length : first
    this.#candidate = this.standings.find(
      ({ index, breaker }) => index < this.#serving && breaker.state === 'half-open',
    )
    this.#noneLeft = undefined
    if (from !== this.#serving) this.listener.changed(this.standings[from], this.serving)
  }

  /** What is said where the last one that could be asked failed with this: too much to do stays what it is. */
  unanswered(thrown: unknown): Error {
    return !this.isEnded && isOverload(thrown) ? toError(thrown) : this.noneLeft()
  }

  /** What is said where no store answers: of each, why. */
  noneLeft(): StoreError {
    if (this.#ended !== undefined) return this.#ended
    if (this.#noneLeft !== undefined) return this.#noneLeft
    const causes = this.standings.map(
      ({ name, lastError }) => `${name}: ${lastError?.message ?? 'not connected'}`,
    )
    const cause = this.standings.findLast(({ lastError }) => lastError !== undefined)?.lastError
    const error = new StoreError(`no store answers (${causes.join('; ')})`, { cause })
    // While stores are still being asked, the reasons change.
    if (this.serving === undefined) this.#noneLeft = error
    return error
  }

  /** From now on nobody is asked. */
  end(reason: StoreError): void {
    this.#ended = reason
    this.#serving = this.standings.length
    this.#candidate = undefined
    this.#deadlines.stop(reason)
  }

  #away(standing: Standing): void {
    standing.awaySince = performance.now()
    standing.replayed = 0
    this.update()
    this.listener.opened(standing)
  }

  #answered<T>(question: Question<T>, standing: Standing, answer: T): T {
    standing.breaker.succeeded()
    // Where it serves itself, whoever has learnt of it is told as another one takes over.
    if (standing.index > (this.serving?.index ?? -1)) this.#standIns++
    question.answered?.(standing, answer)
    return answer
  }

  #instead<T>(question: Question<T>, standing: Standing, thrown: unknown): T | Promise<T> {
    if (this.#ended !== undefined) throw this.#ended
    if (isOfRequest(thrown)) throw thrown
    this.failed(standing, thrown)
    const next = this.after(standing)
    return next === undefined ? Promise.reject(this.unanswered(thrown)) : this.ask(question, next)
  }
}

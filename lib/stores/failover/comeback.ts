/** How a store that is away comes back: probed, given what it missed, tried, and only then asked first again. */
import { StoreError, toError } from '../../errors'
import { within } from '../../promises'
import { Backoff } from '../backoff'
import { later } from '../later'
import { give } from './bare'
import type { Note } from './changes'
import { bounded, isTimeout } from './deadlines'
import type { Journals } from './journals'
import type { Line } from './line'
import type { ReadOptions } from './options'
import type { Standing } from './standing'

/** ms before the first probe. */
const FIRST_PROBE = 100
/** Missed writes that travel in one call at most. */
const BATCH = 500
/** A batch that was in time is followed by a larger one, by this factor, up to that. */
const GROWTH = 1.1
/** A store that has been well for so many times `settle` has its earlier trouble forgotten. */
const WELL = 10

interface ComebackParts {
  readonly line: Line
  readonly journals: Journals
  readonly options: ReadOptions
  /** Tells of trouble that no caller waits for. */
  readonly trouble: (source: string, error: Error) => void
}

export class Comeback {
  readonly #backoff: Backoff
  #timer: NodeJS.Timeout | undefined
  #connecting: Promise<void> | undefined
  #replaying = false
  /** Whether a trial was made since the last look. */
  #tried = false
  #stopped = false
  /** Missed writes that travel in one call: on a narrow link, fewer are in time. */
  #batch = BATCH

  constructor(
    readonly standing: Standing,
    private readonly parts: ComebackParts,
  ) {
    this.#backoff = new Backoff(FIRST_PROBE, Math.max(FIRST_PROBE, parts.options.probeEvery))
  }

  /** Connects for the first time. A store that does needs no trials: it has not failed yet. Returns whether it serves. */
  async enter(): Promise<boolean> {
    try {
      await this.#connect()
      // As long as it takes: between the last write carried over and serving there must be no other.
      while (this.standing.journal.size > 0 && !this.#stopped) await this.#replay()
    } catch (thrown) {
      this.#again(toError(thrown))
      return false
    }
    if (!this.#stopped) this.parts.line.close(this.standing)
    return !this.#stopped
  }

  /** The store is not asked any more. */
  begin(): void {
    this.#schedule()
  }

  /** It has missed a write, and must get that before anything else. */
  missed(error: Error): void {
    if (this.standing.isClosed) this.parts.line.open(this.standing, error)
    else void this.#catchUp()
  }

  /** A decision was tried on it. */
  tried(error?: Error): void {
    if (this.standing.breaker.state !== 'half-open') return
    this.#tried = true
    if (error !== undefined) return this.#again(error)
    this.standing.breaker.passed()
    this.#closeIfProven()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #probe(): Promise<void> {
    const { line } = this.parts
    try {
      await this.#connect()
      await this.#checkHealth()
    } catch (thrown) {
      return this.#again(toError(thrown))
    }
    if (this.#stopped || !this.standing.isOpen) return
    this.standing.breaker.halfOpen(performance.now())
    line.update()
    await this.#catchUp()
    this.#watch()
  }

  /** One attempt at a time: a store need not bear a second one beside the first. */
  async #connect(): Promise<void> {
    if (this.standing.connected) return
    this.#connecting ??= this.#connectNow()
    const { connectTimeout } = this.parts.options
    const late = (): Error => new StoreError(`not connected within ${connectTimeout} ms`)
    await within(this.#connecting, connectTimeout, late)
  }

  async #connectNow(): Promise<void> {
    try {
      await this.standing.store.connect()
      this.standing.connected = true
    } finally {
      this.#connecting = undefined
    }
    // Nobody else will, as the others were closed before it was there.
    if (this.#stopped) await this.standing.store.close()
  }

  async #checkHealth(): Promise<void> {
    const { timeout } = this.parts.options
    const { status, error } = await bounded(this.standing.store.health(), timeout)
    if (status === 'down') throw new StoreError(error ?? 'it says that it is down')
  }

  /** Gives it what it missed; once that is done, it may be tried. */
  async #catchUp(): Promise<void> {
    if (this.#replaying || this.#stopped || this.standing.breaker.state !== 'half-open') return
    try {
      await this.#replay()
    } catch (thrown) {
      return this.#again(toError(thrown))
    }
    this.#closeIfProven()
  }

  async #replay(): Promise<void> {
    const { standing } = this
    // What is written meanwhile is noted as well: it ends in the moment in which nothing is left.
    this.#replaying = true
    try {
      while (standing.journal.size > 0 && !this.#stopped) {
        const notes = standing.journal.next(this.#batch)
        await this.#give(notes)
        standing.journal.done(notes)
        this.parts.journals.advanced()
        standing.replayed += notes.length
        if (standing.journal.size === 0) this.#caughtUp()
      }
    } finally {
      this.#replaying = false
    }
  }

  async #give(notes: readonly Note[]): Promise<void> {
    const { options, trouble } = this.parts
    try {
      await give(this.standing, notes, options.timeout, (error) => trouble('journal', error))
      this.#batch = Math.min(BATCH, Math.max(this.#batch, Math.ceil(notes.length * GROWTH)))
    } catch (thrown) {
      if (isTimeout(thrown)) this.#batch = Math.max(1, notes.length >> 1)
      throw thrown
    }
  }

  #caughtUp(): void {
    try {
      this.parts.journals.replayed()
    } catch (thrown) {
      // It is tried again with the next write, and on closing.
      this.parts.trouble('journal', toError(thrown))
    }
  }

  #closeIfProven(): void {
    const { standing } = this
    const { line } = this.parts
    if (this.#stopped || standing.breaker.state !== 'half-open' || standing.journal.size > 0) return
    // Where nobody else serves there is nothing to be careful for.
    if (line.serving !== undefined && !standing.breaker.isProven(performance.now())) return
    clearTimeout(this.#timer)
    line.close(standing)
  }

  /** Looks after a half-open store: where no decision comes by to be tried, a probe is as good. */
  #watch(): void {
    if (this.#stopped || this.standing.breaker.state !== 'half-open') return
    const { settle, successes } = this.parts.options
    this.#tried = false
    clearTimeout(this.#timer)
    this.#timer = later(Math.max(10, settle / successes), () => void this.#look())
  }

  async #look(): Promise<void> {
    if (!this.#tried && !this.standing.trying) {
      try {
        await this.#checkHealth()
      } catch (thrown) {
        if (this.standing.breaker.state === 'half-open') this.#again(toError(thrown))
        return
      }
      this.standing.breaker.passed()
    }
    this.#closeIfProven()
    this.#watch()
  }

  /** It is not well yet, or not any more. */
  #again(error: Error): void {
    if (this.#stopped) return
    this.parts.line.open(this.standing, error)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#stopped) return
    clearTimeout(this.#timer)
    this.#timer = later(this.#backoff.next(), () => void this.#probe())
  }

  /** It serves; once it has for long enough, its next failure is a first one. */
  closed(): void {
    clearTimeout(this.#timer)
    this.#timer = later(WELL * this.parts.options.settle, () => this.#backoff.reset())
  }
}

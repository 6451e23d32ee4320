import { codeOf } from '../../errors'
import type { StorageAdapter } from '../store'
import { Breaker } from './breaker'
import { Journal } from './journal'
import type { Named, ReadOptions } from './options'

/** A store in its place in the line. */
export class Standing {
  readonly name: string
  readonly store: StorageAdapter
  readonly breaker: Breaker
  /** What it has missed. It serves only while that is nothing. */
  readonly journal: Journal
  /** Whether it has ever connected. */
  connected = false
  /** Why it was not well when it last was not. */
  lastError: Error | undefined
  /** When calls to it were last held up by this process (ms, monotonic). */
  heldUpAt = -Infinity
  /** When it failed (ms, monotonic). */
  awaySince = 0
  /** Missed writes that it has got since then. */
  replayed = 0
  /** A decision is being tried on it. */
  trying = false
  #writes: Promise<unknown> = Promise.resolve()

  constructor(
    readonly index: number,
    { name, store }: Named,
    options: ReadOptions,
  ) {
    this.name = name
    this.store = store
    this.breaker = new Breaker(options)
    this.journal = new Journal(options.journal.most)
  }

  get isOpen(): boolean {
    return this.breaker.state === 'open'
  }

  get isClosed(): boolean {
    return this.breaker.state === 'closed'
  }

  /** Whether a decision may be tried on it now. */
  get takesTrial(): boolean {
    return !this.trying && this.journal.size === 0
  }

  /** Writes of records to a store behind the first are made one by one: a copy must not overtake the write that followed it. */
  inOrder<T>(write: () => Promise<T>): Promise<T> {
    if (this.index === 0) return write()
    const written = this.#writes.then(write)
    this.#writes = written.then(ignore, ignore)
    return written
  }
}

/** Errors that speak of what was asked, not of the store: another would say the same. */
const OF_REQUEST: readonly unknown[] = ['SENTINEL_LIMITER', 'SENTINEL_USAGE', 'SENTINEL_OPTIONS']

export function isOfRequest(thrown: unknown): boolean {
  return OF_REQUEST.includes(codeOf(thrown))
}

/** The store works, and has too much to do. */
export function isOverload(thrown: unknown): boolean {
  return codeOf(thrown) === 'SENTINEL_OVERLOAD'
}

function ignore(): void {
  // Whoever asked for the write has been told.
}

import type { Entry, ScanPage, Version } from 'telegraf-sentinel'
import { MapStore } from '../support/map-store'

/** How each primitive fails: rejects, throws at once, never answers, or answers only when `release` is called. */
export type Fault = 'none' | 'reject' | 'throw' | 'hang' | 'late'

/** A working four-primitive store with a fault in front of it, that a test can switch. */
export class FaultyStore extends MapStore {
  fault: Fault = 'none'
  /** Whether `connect` fails too. */
  connectFault: Fault = 'none'
  readonly error = new Error('the disk is on fire')
  connects = 0
  closes = 0
  #waiting: (() => void)[] = []

  /** Lets every late answer come. */
  async release(): Promise<void> {
    this.fault = 'none'
    for (const answer of this.#waiting.splice(0)) answer()
    // Answers go through several turns of promises; a turn of the event loop is after all of them.
    await new Promise((resolve) => setImmediate(resolve))
  }

  override async connect(): Promise<void> {
    this.connects++
    await this.#through(this.connectFault, async () => undefined)
  }

  override async close(): Promise<void> {
    this.closes++
  }

  override get(key: string): Promise<Entry | undefined> {
    return this.#through(this.fault, () => super.get(key))
  }

  override swap(
    key: string,
    expected: Version | null,
    value: unknown,
    ttl?: number,
  ): Promise<Version | null> {
    return this.#through(this.fault, () => super.swap(key, expected, value, ttl))
  }

  override delete(key: string, expected?: Version): Promise<boolean> {
    return this.#through(this.fault, () => super.delete(key, expected))
  }

  override scan(prefix: string, options: { cursor?: string; limit: number }): Promise<ScanPage> {
    return this.#through(this.fault, () => super.scan(prefix, options))
  }

  #through<T>(fault: Fault, work: () => Promise<T>): Promise<T> {
    switch (fault) {
      case 'none':
        return work()
      case 'reject':
        return Promise.reject(this.error)
      case 'throw':
        throw this.error
      case 'hang':
        return new Promise(() => undefined)
      case 'late':
        return new Promise<void>((resolve) => this.#waiting.push(resolve)).then(work)
    }
  }
}

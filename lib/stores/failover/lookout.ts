/** Notices that a store behind the first has lost its copies without failing a call, as a Redis does that restarts empty. */
import { later } from '../later'
import type { RecordPlace } from '../user-record'
import type { Standing } from './standing'

/** ms from one look to the next. */
const EVERY = 10_000
/** Records that are looked for, per copy. */
const SAMPLE = 3

interface Sample {
  readonly standing: Standing
  readonly place: RecordPlace
  readonly userIds: Set<number>
}

interface LookoutParts {
  /** Whether copies matter now: they do while the first store serves. */
  readonly isOnDuty: () => boolean
  /** Bounds the wait for an answer. */
  readonly bounded: <T>(work: Promise<T>) => Promise<T>
  /** Those of them whom the first store does not know, either. */
  readonly gone: (place: RecordPlace, userIds: readonly number[]) => Promise<readonly number[]>
  readonly lost: (standing: Standing) => void
  readonly first: Standing
  readonly failed: (standing: Standing, thrown: unknown) => void
}

export class Lookout {
  readonly #samples = new Map<string, Sample>()
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(private readonly parts: LookoutParts) {}

  /** A copy has these users' records: of them as many are looked for as the sample still takes. */
  watch(key: string, standing: Standing, place: RecordPlace, userIds: Iterable<number>): void {
    const sample = this.#samples.get(key) ?? { standing, place, userIds: new Set<number>() }
    for (const userId of userIds) {
      if (sample.userIds.size >= SAMPLE) break
      sample.userIds.add(userId)
    }
    if (sample.userIds.size > 0) this.#samples.set(key, sample)
    if (this.#timer === undefined) this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (!this.#stopped) this.#timer = later(EVERY, () => void this.#look())
  }

  async #look(): Promise<void> {
    for (const [key, sample] of this.#samples) {
      if (!this.parts.isOnDuty()) break
      if (sample.standing.isClosed) await this.#check(key, sample)
    }
    this.#schedule()
  }

  /** What is missing may have been deleted, or be over: the first store says whether it is. */
  async #check(key: string, sample: Sample): Promise<void> {
    const { standing, place, userIds } = sample
    const missing = await this.#missing(sample)
    if (missing.length === 0) return
    try {
      for (const userId of await this.parts.gone(place, missing)) userIds.delete(userId)
    } catch (thrown) {
      return this.parts.failed(this.parts.first, thrown)
    }
    if (!missing.some((userId) => userIds.has(userId))) return
    this.#samples.delete(key)
    this.parts.lost(standing)
  }

  async #missing({ standing, place, userIds }: Sample): Promise<readonly number[]> {
    const asked = [...userIds]
    try {
      const finding = asked.map((userId) => standing.store.findRecord(place, userId))
      const found = await this.parts.bounded(Promise.all(finding))
      standing.breaker.succeeded()
      return asked.filter((_, n) => found[n] === undefined)
    } catch (thrown) {
      this.parts.failed(standing, thrown)
      return []
    }
  }
}

/** Notices that a store behind the first has lost its copies without failing a call, as a Redis does that restarts empty. */
import type { RecordPlace } from '../user-record'
import type { Standing } from './standing'
import { later } from './timers'

/** ms from one look to the next. */
const EVERY = 10_000
/** Records that are looked for, per copy. Some may be deleted meanwhile; where all are gone, the copy is not what it was. */
const SAMPLE = 3

interface Sample {
  readonly standing: Standing
  readonly place: RecordPlace
  readonly userIds: readonly number[]
}

export interface LookoutParts {
  /** Whether copies matter now: they do while the first store serves. */
  readonly isOnDuty: () => boolean
  /** Bounds the wait for an answer. */
  readonly bounded: <T>(work: Promise<T>) => Promise<T>
  readonly lost: (standing: Standing) => void
  readonly failed: (standing: Standing, thrown: unknown) => void
}

export class Lookout {
  readonly #samples = new Map<string, Sample>()
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(private readonly parts: LookoutParts) {}

  /** A copy is whole, and has these users' records. */
  watch(key: string, standing: Standing, place: RecordPlace, userIds: Iterable<number>): void {
    const some: number[] = []
    for (const userId of userIds) {
      if (some.length === SAMPLE) break
      some.push(userId)
    }
    if (some.length === 0) this.#samples.delete(key)
    else this.#samples.set(key, { standing, place, userIds: some })
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

  async #check(key: string, { standing, place, userIds }: Sample): Promise<void> {
    try {
      const finding = userIds.map((userId) => standing.store.findRecord(place, userId))
      const found = await this.parts.bounded(Promise.all(finding))
      standing.breaker.succeeded()
      if (found.some((record) => record !== undefined)) return
      this.#samples.delete(key)
      this.parts.lost(standing)
    } catch (thrown) {
      this.parts.failed(standing, thrown)
    }
  }
}

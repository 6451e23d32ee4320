/** Copies of blocks and registrations, held by the front. */
import { isThenable } from '../../promises'
import type { DecisionRequest, Registration } from '../decision'
import { KeyQueue } from '../key-queue'
import { userKey } from '../record-keys'
import type { StorageAdapter } from '../store'
import type { RecordPlace, UserRecordOf } from '../user-record'
import type { CachedNamespace, RecordFact } from './facts'

export class Copies {
  /** Writes of one record follow one another: an old copy never lands on a new one. */
  readonly #writes = new KeyQueue()
  /** Copies to be dropped, by their keys. */
  readonly #dropping = new Map<string, RecordPlace<CachedNamespace> & { readonly userId: number }>()

  constructor(
    private readonly front: StorageAdapter,
    private readonly failed: (thrown: unknown) => void,
  ) {}

  /** Copies a record; `fact` says from when on the copy can be read. Never rejects. */
  keep<N extends CachedNamespace>(
    place: RecordPlace<N>,
    record: UserRecordOf[N],
    fact: RecordFact,
  ): Promise<void> {
    const key = userKey(place.space, place.namespace, record.userId)
    this.#dropping.delete(key)
    return this.#write([key], async () => {
      await this.front.putRecords(place, [record], 'replace')
      fact.ready = true
    })
  }

  /** Those that are dropped in one breath go together. */
  drop({ space, namespace }: RecordPlace<CachedNamespace>, userId: number): void {
    if (this.#dropping.size === 0) queueMicrotask(() => this.#drop())
    this.#dropping.set(userKey(space, namespace, userId), { space, namespace, userId })
  }

  find<N extends CachedNamespace>(
    place: RecordPlace<N>,
    userId: number,
  ): Promise<UserRecordOf[N] | undefined> {
    return this.front.findRecord(place, userId)
  }

  /** A registration, read at once: nothing is asked of the front but what it has of the user. */
  registration(space: string, userId: number, now: number): Registration | undefined {
    const request: DecisionRequest = {
      space,
      now,
      actor: userId,
      chat: undefined,
      duplicate: undefined,
      block: false,
      registration: 'vouched',
      debounces: [],
      limits: [],
      album: undefined,
      notices: undefined,
    }
    const decision = this.front.decide(request)
    return isThenable(decision) ? undefined : decision.registration
  }

  #drop(): void {
    const dropped = [...this.#dropping]
    this.#dropping.clear()
    const keys = dropped.map(([key]) => key)
    if (keys.length > 0) this.#write(keys, () => this.#dropFrom(dropped.map(([, record]) => record)))
  }

  async #dropFrom(records: readonly (RecordPlace<CachedNamespace> & { readonly userId: number })[]) {
    const places = new Map(records.map((record) => [`${record.namespace} ${record.space}`, record]))
    for (const { space, namespace } of places.values()) {
      const there = records.filter((record) => record.space === space && record.namespace === namespace)
      await this.front.dropRecords(
        { space, namespace },
        there.map(({ userId }) => userId),
      )
    }
  }

  async #write(keys: readonly string[], write: () => Promise<unknown>): Promise<void> {
    try {
      await this.#writes.run(keys, write)
    } catch (thrown) {
      // A copy that could not be made is never read.
      this.failed(thrown)
    }
  }
}

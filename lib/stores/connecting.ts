import { StorageAdapter, type Entry, type ScanPage, type Version } from './store'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf, UserRecordPage } from './user-record'

/** A store's records behind its connection, which is made on first use. */
export class ConnectingStore extends StorageAdapter {
  readonly #store: StorageAdapter
  readonly #connect: () => Promise<void>

  constructor(store: StorageAdapter, connect: () => Promise<void>) {
    super()
    this.#store = store
    this.#connect = connect
  }

  override async get(key: string): Promise<Entry | undefined> {
    return (await this.#connected()).get(key)
  }

  override async swap(
    key: string,
    expected: Version | null,
    value: unknown,
    ttl?: number,
  ): Promise<Version | null> {
    return (await this.#connected()).swap(key, expected, value, ttl)
  }

  override async delete(key: string, expected?: Version): Promise<boolean> {
    return (await this.#connected()).delete(key, expected)
  }

  override async scan(prefix: string, options: { cursor?: string; limit: number }): Promise<ScanPage> {
    return (await this.#connected()).scan(prefix, options)
  }

  override async findRecord<N extends UserNamespace>(
    place: RecordPlace<N>,
    userId: number,
  ): Promise<UserRecordOf[N] | undefined> {
    return (await this.#connected()).findRecord(place, userId)
  }

  override async putRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    return (await this.#connected()).putRecords(place, records, meeting)
  }

  override async dropRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    userIds: readonly number[],
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    return (await this.#connected()).dropRecords(place, userIds)
  }

  override async listRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    options: { cursor?: string; limit: number },
  ): Promise<UserRecordPage<UserRecordOf[N]>> {
    return (await this.#connected()).listRecords(place, options)
  }

  override async now(): Promise<number> {
    return (await this.#connected()).now()
  }

  async #connected(): Promise<StorageAdapter> {
    await this.#connect()
    return this.#store
  }
}

import { StorageAdapter, type Entry, type ScanPage, type Version } from './store'

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
    await this.#connect()
    return this.#store.get(key)
  }

  override async swap(
    key: string,
    expected: Version | null,
    value: unknown,
    ttl?: number,
  ): Promise<Version | null> {
    await this.#connect()
    return this.#store.swap(key, expected, value, ttl)
  }

  override async delete(key: string, expected?: Version): Promise<boolean> {
    await this.#connect()
    return this.#store.delete(key, expected)
  }

  override async scan(prefix: string, options: { cursor?: string; limit: number }): Promise<ScanPage> {
    await this.#connect()
    return this.#store.scan(prefix, options)
  }

  override async now(): Promise<number> {
    await this.#connect()
    return this.#store.now()
  }
}

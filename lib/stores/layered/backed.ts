/** What of a store is another's as it is. */
import type { Channel, ChannelListener } from '../channel'
import type { LimitQuery, LimitState } from '../decision'
import { StorageAdapter, type Entry, type ScanPage, type Version } from '../store'
import type { RecordPlace, UserNamespace, UserRecordOf, UserRecordPage } from '../user-record'

/** A store that keeps everything in the one behind it. */
export abstract class BackedStore extends StorageAdapter {
  constructor(protected readonly back: StorageAdapter) {
    super()
  }

  override standIns(): number {
    return this.back.standIns?.() ?? 0
  }

  override peek(query: LimitQuery): LimitState | Promise<LimitState> {
    return this.back.peek(query)
  }

  override listRecords<N extends UserNamespace>(
    place: RecordPlace<N>,
    options: { cursor?: string; limit: number },
  ): Promise<UserRecordPage<UserRecordOf[N]>> {
    return this.back.listRecords(place, options)
  }

  override get(key: string): Promise<Entry | undefined> {
    return this.back.get(key)
  }

  override swap(
    key: string,
    expected: Version | null,
    value: unknown,
    ttl?: number,
  ): Promise<Version | null> {
    return this.back.swap(key, expected, value, ttl)
  }

  override delete(key: string, expected?: Version): Promise<boolean> {
    return this.back.delete(key, expected)
  }

  override scan(prefix: string, options: { cursor?: string; limit: number }): Promise<ScanPage> {
    return this.back.scan(prefix, options)
  }

  override now(): number | Promise<number> {
    return this.back.now()
  }

  override openChannel(listener: ChannelListener): Channel | undefined {
    return this.back.openChannel(listener)
  }
}

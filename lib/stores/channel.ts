/** How processes that share a store tell one another what has changed in it. */

/** What hears a channel. Its methods must not throw. */
export interface ChannelListener {
  /** A message of any process, this one included; those of one sender in their order. */
  message(text: string): void
  /** From now on every message arrives. Told again after each `lost`. */
  connected(): void
  /** From now on messages may be missed. Told once until `connected` is. */
  lost(error: Error): void
}

/** An open channel. It connects, and connects anew, by itself; neither it nor its timers hold the process. */
export interface Channel {
  /**
   * Tells everybody who listens, this process included. At most 7,000 bytes of UTF-8.
   *
   * @throws StoreError where it could not be sent.
   */
  send(message: string): Promise<void>
  /** Ends it, and the connection that it has made for itself. Nothing is told afterwards. */
  close(): Promise<void>
}

/** Bytes of UTF-8 that a message may have: PostgreSQL takes less than 8,000. */
export const LONGEST_MESSAGE = 7_000

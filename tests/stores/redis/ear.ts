/** What a channel tells, for tests that wait for it. */
import type { ChannelListener } from '../../../lib/stores/channel'

/** ms: ample for whatever a channel does about a server that runs, and for a process to start. */
const PATIENCE = 30_000

export class Ear implements ChannelListener {
  /** `connected`, `lost`, and each message with a `:` before it, in their order. */
  readonly told: string[] = []
  readonly errors: Error[] = []
  readonly #waiting = new Set<() => void>()

  message(text: string): void {
    this.#tell(`:${text}`)
  }

  connected(): void {
    this.#tell('connected')
  }

  lost(error: Error): void {
    this.errors.push(error)
    this.#tell('lost')
  }

  get messages(): string[] {
    return this.told.flatMap((word) => (word.startsWith(':') ? [word.slice(1)] : []))
  }

  /** Waits until so many of `word` were told. */
  heard(word: string, times = 1): Promise<void> {
    return this.until(() => this.told.filter((one) => one === word).length >= times, `${times} × ${word}`)
  }

  async until(is: () => boolean, what: string): Promise<void> {
    if (is()) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`not told: ${what}; but ${this.told.join(' ')}`)),
        PATIENCE,
      )
      const look = (): void => {
        if (!is()) return
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
    })
  }

  #tell(word: string): void {
    this.told.push(word)
    for (const look of this.#waiting) look()
  }
}

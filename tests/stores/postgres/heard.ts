/** Writes down what a channel tells. */
import type { ChannelListener } from '../../../lib/stores/channel'
import { until } from '../../support/servers/child'

export class Heard implements ChannelListener {
  /** `connected`, `lost`, or a message. */
  readonly told: string[] = []
  readonly errors: Error[] = []

  message(text: string): void {
    this.told.push(text)
  }

  connected(): void {
    this.told.push('connected')
  }

  lost(error: Error): void {
    this.told.push('lost')
    this.errors.push(error)
  }

  get messages(): string[] {
    return this.told.filter((one) => one !== 'connected' && one !== 'lost')
  }

  /** `connected` and `lost`, in their order. */
  get states(): string[] {
    return this.told.filter((one) => one === 'connected' || one === 'lost')
  }

  async isTold(...states: string[]): Promise<void> {
    await until(
      () => this.states.join() === states.join(),
      () => `told ${this.states.join() || 'nothing'}, not ${states.join()}: ${String(this.errors.at(-1))}`,
    )
  }

  async hears(messages: readonly string[]): Promise<void> {
    await until(
      () => this.messages.length >= messages.length,
      () => `heard ${this.messages.length} of ${messages.length} messages`,
    )
    expect(this.messages).toEqual(messages)
  }
}

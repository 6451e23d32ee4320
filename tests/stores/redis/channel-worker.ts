/** A process that listens to a store's channel, and says what it is told to say. */
import type { Channel } from '../../../lib/stores/channel'
import { RedisStore } from '../../../lib/stores/redis'

export type ChannelWord =
  | { readonly kind: 'connected' | 'closed' }
  | { readonly kind: 'lost'; readonly error: string }
  | { readonly kind: 'message'; readonly text: string }

/** Texts to send, one after the other without waiting; or to close channel and store. */
export type ChannelOrder = readonly string[] | 'close'

function say(word: ChannelWord): void {
  process.send?.(word)
}

const store = new RedisStore(process.argv[2])
const channel: Channel | undefined = store.openChannel({
  message: (text) => say({ kind: 'message', text }),
  connected: () => say({ kind: 'connected' }),
  lost: (error) => say({ kind: 'lost', error: error.message }),
})

process.on('message', (order: ChannelOrder) => {
  if (order !== 'close') {
    void Promise.all(order.map((text) => channel?.send(text)))
    return
  }
  void (async () => {
    await channel?.close()
    await store.close()
    say({ kind: 'closed' })
    // Whatever else is open would keep the process now.
    process.disconnect()
  })()
})

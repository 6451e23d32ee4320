/** Layered stores whose own time stands still unless it is moved, and the trips that they make. */
import type { Channel, ChannelListener } from '../../../lib/stores/channel'
import { MemoryStore } from '../../../lib/stores/memory'
import type { Decision, DecisionRequest } from '../../../lib/stores/decision'
import { LayeredStore } from '../../../lib/stores/layered/layered'
import type { LayeredOptions } from '../../../lib/stores/layered'
import { readOptions } from '../../../lib/stores/layered/options'
import type { StorageAdapter } from '../../../lib/stores/store'

export interface Layers {
  readonly store: LayeredStore
  /** Decisions that went to the back. */
  trips: number
  /** This process's own clock (ms). */
  local: number
}

/** A layered store over `back`, whose decisions are counted. */
export function layers(
  back: StorageAdapter,
  options: LayeredOptions = {},
  front: StorageAdapter = new MemoryStore(),
): Layers {
  const layers: Omit<Layers, 'store'> & { store?: LayeredStore } = { trips: 0, local: 0 }
  const counting = counted(back, () => layers.trips++)
  layers.store = new LayeredStore(readOptions(front, counting, options), () => layers.local)
  return layers as Layers
}

/** The same store, that tells of each decision. */
export function counted<S extends StorageAdapter>(store: S, told: (request: DecisionRequest) => void): S {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (name !== 'decide') return typeof value === 'function' ? value.bind(target) : value
      return (request: DecisionRequest): Decision | Promise<Decision> => {
        told(request)
        return target.decide(request)
      }
    },
  })
}

/** What all that share it hear: a channel that can be cut, and that can fail to send. */
export class Hub {
  readonly sent: string[] = []
  readonly #open = new Set<ChannelListener>()
  /** What `send` waits for, or throws. */
  sending: () => Promise<void> = async () => undefined

  connects = true

  open(listener: ChannelListener): Channel {
    this.#open.add(listener)
    if (this.connects) listener.connected()
    return {
      send: async (message) => {
        this.sent.push(message)
        await this.sending()
        this.say(message)
      },
      close: async () => void this.#open.delete(listener),
    }
  }

  say(message: string): void {
    for (const listener of this.#open) listener.message(message)
  }

  lose(): void {
    for (const listener of this.#open) listener.lost(new Error('cut'))
  }

  mend(): void {
    for (const listener of this.#open) listener.connected()
  }
}

/** A store that processes share, with a channel between them. */
export class SharedStore extends MemoryStore {
  constructor(readonly hub?: Hub) {
    super()
  }

  override openChannel(listener: ChannelListener): Channel | undefined {
    return this.hub?.open(listener)
  }
}

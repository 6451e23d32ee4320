/** Everything that a sentinel tells: the union of events and the typed emitter. */
import { SentinelUsageError, toError } from './errors'
import { isThenable } from './promises'
import { hintFor } from './nearest'
import { show } from './schema'
import type { Subject } from './subject'
import type { Block, Registration } from './stores/decision'
import type { DegradedEvent, RecoveredEvent } from './stores/store-event'
import type { Verdict } from './verdict'

/** Something that came of an update. `at` is the decision's time (ms). */
export interface UpdateEvent {
  readonly type: 'allowed' | 'limited' | 'blocked' | 'debounced' | 'unregistered' | 'duplicate' | 'exempt'
  readonly subject: Subject
  readonly verdict: Verdict
  readonly at: number
  /** The limit only tries itself out: the update went on. */
  readonly shadow?: true
}

/** The store failed, a reply failed, or a hook, a listener or a function in the options failed. */
export interface ErrorEvent {
  readonly type: 'storeError' | 'replyError' | 'hookError'
  readonly error: Error
  /** What failed: `decide`, `reply`, `hooks.before`, `Shop.buy: limit`, … */
  readonly source: string
  readonly subject: Subject | undefined
  readonly verdict: Verdict | undefined
  readonly at: number
}

/** A user stopped or started the bot in their private chat. */
export interface MembershipEvent {
  readonly type: 'membership'
  readonly userId: number
  readonly reachable: boolean
  readonly subject: Subject
  readonly verdict: Verdict
  readonly at: number
}

/** A block was added or lifted, by `sentinel.blocks` or by `blockFor`. */
export interface BlockEvent {
  readonly type: 'blockAdded' | 'blockRemoved'
  readonly block: Block
  readonly at: number
}

/** A registration was added or removed, by `sentinel.registrations`. */
export interface RegistrationEvent {
  readonly type: 'registrationAdded' | 'registrationRemoved'
  readonly registration: Registration
  readonly at: number
}

/** More waits than may: what came beyond the bound was not begun. At most one a second for each kind. */
export interface OverloadEvent {
  readonly type: 'overload'
  readonly what: 'decisions' | 'hooks' | 'replies'
  /** As many may wait. */
  readonly bound: number
  /** Turned away since the last such event. */
  readonly dropped: number
  readonly at: number
}

/** Whatever `sentinel.on` can be told of, told apart by `type`. */
export type SentinelEvent =
  | UpdateEvent
  | ErrorEvent
  | MembershipEvent
  | BlockEvent
  | RegistrationEvent
  | DegradedEvent
  | RecoveredEvent
  | OverloadEvent
/** What `sentinel.on` takes as its first argument. */
export type EventName = SentinelEvent['type']

/** The event that goes by a name. */
export type EventOf<N extends EventName> = SentinelEvent extends infer E
  ? E extends { type: infer T }
    ? N extends T
      ? Omit<E, 'type'> & { readonly type: N }
      : never
    : never
  : never

/** What `sentinel.on` takes as its second argument. It may be asynchronous; nobody waits for it. */
export type Listener<N extends EventName> = (event: EventOf<N>) => unknown

export const EVENT_NAMES: readonly EventName[] = [
  'allowed',
  'limited',
  'blocked',
  'debounced',
  'unregistered',
  'duplicate',
  'exempt',
  'membership',
  'blockAdded',
  'blockRemoved',
  'registrationAdded',
  'registrationRemoved',
  'degraded',
  'recovered',
  'overload',
  'storeError',
  'replyError',
  'hookError',
]

type AnyListener = (event: SentinelEvent) => unknown

/** A listener never disturbs the bot: what it throws, or rejects with, is a `hookError`. */
export class Emitter {
  readonly #listeners = new Map<EventName, readonly AnyListener[]>()

  /** Whether anybody listens, so that an event nobody hears is never built. */
  hears(name: EventName): boolean {
    return this.#listeners.has(name)
  }

  /** @throws SentinelUsageError for an event that does not exist, a listener that is no function */
  on<N extends EventName>(name: N, listener: Listener<N>): void {
    if (!EVENT_NAMES.includes(name)) {
      throw new SentinelUsageError(
        `no event is called ${show(name)}; ${hintFor(name, EVENT_NAMES, 'events')}`,
      )
    }
    if (typeof listener !== 'function') {
      throw new SentinelUsageError(`the listener of '${name}' must be a function, not ${show(listener)}`)
    }
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener as AnyListener])
  }

  off<N extends EventName>(name: N, listener: Listener<N>): void {
    const left = (this.#listeners.get(name) ?? []).filter(
      (other) => other !== listener && (other as { listener?: unknown }).listener !== listener,
    )
    if (left.length > 0) this.#listeners.set(name, left)
    else this.#listeners.delete(name)
  }

  once<N extends EventName>(name: N, listener: Listener<N>): void {
    const once = (event: EventOf<N>): unknown => {
      this.off(name, once)
      return listener(event)
    }
    this.on(name, typeof listener === 'function' ? Object.assign(once, { listener }) : listener)
  }

  emit(event: SentinelEvent): void {
    const listeners = this.#listeners.get(event.type)
    if (listeners === undefined) return
    for (const listener of listeners) {
      try {
        const result = listener(event)
        if (isThenable(result)) result.then(undefined, (thrown: unknown) => this.#failed(event, thrown))
      } catch (thrown) {
        this.#failed(event, thrown)
      }
    }
  }

  #failed(event: SentinelEvent, thrown: unknown): void {
    const error = toError(thrown)
    // A broken hookError listener cannot be told of by another hookError. (A text: of an error from another realm,
    // a test runner's say, `emitWarning` would make a new one.)
    if (event.type === 'hookError')
      return process.emitWarning(`a hookError listener failed: ${error.message}`)
    const { subject, verdict } = event as Partial<UpdateEvent>
    this.emit({ type: 'hookError', error, source: `on('${event.type}')`, subject, verdict, at: event.at })
  }
}

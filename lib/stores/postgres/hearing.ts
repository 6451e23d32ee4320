/** One session that listens, from the attempt to open it until it breaks. */
import { randomUUID } from 'node:crypto'
import { StoreError, StoreTimeoutError, toError } from '../../errors'
import { inTime } from './deadline'
import type { ListeningSession, OpenSession } from './listening'
import { UnheardError } from './sessions'

export interface HearingEvents {
  /** Tells everybody who listens, this session included. */
  tell(payload: string): Promise<void>
  heard(payload: string): void
  /** It hears what is told. */
  connected(): void
  /** It could not be opened, or is broken. Told once, and nothing after it. */
  lost(error: Error): void
}

/** ms that opening may take, that a word may be on its way, and that any other answer may take. */
const OPENING = 5_000
const RETURN = 2_000
const ANSWER = 2_000

/** ms from one look at the session to the next. */
const BEAT = 2_000

const quiet = (): void => undefined

/**
 * That words arrive is proven once, by one that comes back. From then on it is enough that the session answers and still
 * listens: a server that has a session tells it in the order in which it answers.
 */
export class Hearing {
  readonly #proof = `p ${randomUUID()}`
  #session: ListeningSession | undefined
  #proven: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #over = false

  constructor(
    private readonly channel: string,
    private readonly open: OpenSession,
    private readonly events: HearingEvents,
  ) {}

  start(): void {
    this.#connect().catch((error: unknown) => this.#break(toError(error)))
  }

  /** Ends it: nothing is told from now on. Resolves when the session has ended; one that is being opened ends by itself. */
  async end(error?: Error): Promise<void> {
    this.#over = true
    clearTimeout(this.#timer)
    await this.#session?.end(error)
  }

  async #connect(): Promise<void> {
    const events = {
      notified: (payload: string) => this.#notified(payload),
      broken: (error: Error) => this.#break(error),
    }
    const session = await this.open(this.channel, events, OPENING)
    if (this.#over) return session.end()
    this.#session = session
    await this.#prove()
    if (this.#over) return
    this.events.connected()
    this.#watch()
  }

  async #prove(): Promise<void> {
    const proven = new Promise<void>((resolve) => (this.#proven = resolve))
    await this.events.tell(this.#proof)
    await inTime(proven, RETURN, quiet).catch(() => {
      throw new UnheardError()
    })
  }

  #notified(payload: string): void {
    if (this.#over) return
    if (payload === this.#proof) this.#proven?.()
    else this.events.heard(payload)
  }

  #watch(): void {
    this.#timer = setTimeout(() => {
      this.#check().then(
        () => {
          if (!this.#over) this.#watch()
        },
        (error: unknown) => this.#break(toError(error)),
      )
    }, BEAT)
    this.#timer.unref()
  }

  async #check(): Promise<void> {
    try {
      await this.#session?.check(ANSWER)
    } catch (thrown) {
      if (!(thrown instanceof StoreTimeoutError)) throw thrown
      throw new StoreError(`PostgreSQL: the session that listens has not answered for ${ANSWER} ms`, {
        cause: thrown,
      })
    }
  }

  #break(error: Error): void {
    if (this.#over) return
    void this.end(error)
    this.events.lost(error)
  }
}

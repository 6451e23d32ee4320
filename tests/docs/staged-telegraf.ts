/** Telegraf as blocks get it. */
import { Telegraf } from 'telegraf'

/** A bot that a block has made. */
export interface Launched {
  readonly bot: Telegraf
  /** It has a Telegram of its own. */
  readonly own: boolean
  running: boolean
  readonly over: Promise<void>[]
}

export interface Backstage {
  readonly apiRoot: string
  readonly bots: Launched[]
  /** What their handlers throw. */
  readonly errors: unknown[]
}

type Options = ConstructorParameters<typeof Telegraf>[1]

/** The real class, but its bots talk to this Telegram unless they are given another, and are known backstage. */
export function stagedTelegraf({ apiRoot, bots, errors }: Backstage): typeof Telegraf {
  return class extends Telegraf {
    constructor(token: string, options?: Options) {
      super(token, { ...options, telegram: { apiRoot, ...options?.telegram } })
      const own = options?.telegram?.apiRoot !== undefined
      const launched: Launched = { bot: this as unknown as Telegraf, own, running: false, over: [] }
      this.catch((error) => void errors.push(error))
      bots.push(launched)
      const launch = this.launch.bind(this) as (...args: unknown[]) => Promise<void>
      const stop = this.stop.bind(this)
      this.launch = (...args: unknown[]) => {
        launched.running = true
        launched.over.push(launch(...args))
        return launched.over[0]
      }
      this.stop = (reason) => {
        if (launched.running) stop(reason)
        launched.running = false
      }
    }
  } as typeof Telegraf
}

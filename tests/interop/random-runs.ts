/** Runs one update through a random bot, by webhook over HTTP or by handleUpdate, and collects all that can be observed. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Telegraf, type Context, type Middleware } from 'telegraf'
import type { Update } from 'telegraf/types'
import { FakeTelegram } from 'telegraf-sentinel/testing'
import { isConcurrent, type Bot, type Node } from './random-bots'
import { Builder, everything, type BuilderParts, type Log } from './random-builder'

/** What becomes of a random bot's nodes: plain middleware, or with a sentinel. */
export interface Variant extends Pick<BuilderParts, 'guard'> {
  readonly sees?: BuilderParts['sees']
  readonly mount: (nodes: readonly Node[], builder: Builder) => readonly Middleware<Context>[]
}

export interface Observed {
  /** In order; of handlers that run side by side, each one's own. */
  readonly log: readonly unknown[]
  readonly calls: readonly unknown[]
  /** What handleUpdate came to. */
  readonly end: string
  readonly reply: unknown
}

export type How = 'webhook' | 'direct'

/** ms; waits for ever are ended by it, everything else is far from it. */
const HANDLER_TIMEOUT = 40
const NEVER = 60_000

export class Stand {
  #receive: (request: IncomingMessage, response: ServerResponse) => void = () => undefined

  private constructor(
    private readonly telegram: FakeTelegram,
    private readonly server: Server,
  ) {
    server.on('request', (request, response) => this.#receive(request, response))
  }

  static async start(): Promise<Stand> {
    const server = createServer()
    const telegram = await FakeTelegram.start()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new Stand(telegram, server)
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
    await this.telegram.stop()
  }

  /** What this bot, varied so, makes of these updates, one after the other. */
  async observe(given: Bot, variant: Variant, updates: readonly object[], how: How): Promise<Observed[]> {
    const hangs = JSON.stringify(given).includes('"hang"')
    const bot = new Telegraf<Context>(this.telegram.token, {
      telegram: { apiRoot: this.telegram.apiRoot },
      handlerTimeout: hangs ? HANDLER_TIMEOUT : NEVER,
    })
    bot.botInfo = await bot.telegram.getMe()
    const entries: [string, unknown][] = []
    const log: Log = (id, what) => void entries.push([String(id), structuredClone(what)])
    const running = { count: 0 }
    const builder = new Builder({ log, running, guard: variant.guard, sees: variant.sees ?? everything })
    bot.use(...variant.mount(given.nodes, builder))
    bot.catch((error, ctx) => {
      log('bot.catch', [String(error), ctx.update])
      if (given.onError === 'rethrow') throw error
    })
    const observed: Observed[] = []
    for (const update of updates) {
      entries.length = 0
      this.telegram.clear()
      const reached = how === 'webhook' ? await this.#post(bot, update) : await direct(bot, update)
      // What nobody waited for is to end as well.
      do await new Promise(setImmediate)
      while (running.count > 0 && !hangs)
      const calls = this.telegram.calls.map(({ method, params, via }) => ({ method, params, via }))
      observed.push(comparable({ log: [...entries], calls, ...reached }, given))
    }
    return observed
  }

  async #post(bot: Telegraf<Context>, update: object): Promise<Pick<Observed, 'end' | 'reply'>> {
    const callback = bot.webhookCallback('/hook')
    const ended = new Promise<string>((resolve) => {
      this.#receive = (request, response) =>
        void callback(request, response).then(
          () => resolve('resolved'),
          (error) => resolve(String(error)),
        )
    })
    const { port } = this.server.address() as AddressInfo
    const response = await fetch(`http://127.0.0.1:${port}/hook`, {
      method: 'POST',
      body: JSON.stringify(update),
    })
    const reply = [response.status, response.headers.get('content-type'), await response.text()]
    return { end: await ended, reply }
  }
}

function direct(bot: Telegraf<Context>, update: object): Promise<Pick<Observed, 'end' | 'reply'>> {
  return bot.handleUpdate(structuredClone(update) as Update).then(
    (value) => ({ end: `resolved: ${String(value)}`, reply: undefined }),
    (error: unknown) => ({ end: String(error), reply: undefined }),
  )
}

/**
 * Where parts run side by side, their order among each other is nobody's promise, nor is what of the context they find
 * changed by others, whose error is the first, and whose call answers the webhook.
 */
function comparable(observed: Observed, { nodes }: Bot): Observed {
  if (!isConcurrent(nodes)) return observed
  const entries = observed.log as readonly (readonly [id: string, what: unknown])[]
  const log = entries
    .map(([id, what]) =>
      id === 'bot.catch' ? id : `${id} ${Array.isArray(what) ? String(what[0]) : typeof what}`,
    )
    .sort()
  return {
    log,
    calls: [],
    end: observed.end.startsWith('resolved') ? 'resolved' : 'rejected',
    reply: undefined,
  }
}

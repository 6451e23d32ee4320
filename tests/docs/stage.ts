/**
 * Where blocks run: the packages that they import are the real ones, but a bot talks to a FakeTelegram, a server listens on a
 * free port, stores that are named by URL are those of this run, and whatever was started is ended afterwards.
 */
import * as http from 'node:http'
import { inspect } from 'node:util'
import * as telegraf from 'telegraf'
import type { Telegraf } from 'telegraf'
import * as sentinels from 'telegraf-sentinel'
import type { Sentinel, StorageAdapter } from 'telegraf-sentinel'
import { FakeTelegram } from 'telegraf-sentinel/testing'
import type { Block } from './blocks'
import { givenTo } from './given'
import { freeNames, inClass } from './fragments'
import { stagedTelegraf, type Launched } from './staged-telegraf'
import { compiled, sameModule } from './transpile'

type Modules = Readonly<Record<string, unknown>>
type Closing = () => unknown

/** What a block did. */
export interface Performance {
  readonly exports: Readonly<Record<string, unknown>>
  /** Lines that it printed. */
  readonly printed: readonly string[]
  /** What went wrong in its bots' handlers, while it ran and was driven. */
  readonly errors: readonly unknown[]
}

export interface StageOptions {
  /** What `redis://…` stands for. */
  readonly redis: string
  /** The test runner's own functions, where the block declares tests. */
  readonly runner?: Modules
  /** Blocks of the same document that it imports by their names. */
  readonly siblings?: ReadonlyMap<string, Block>
}

/** Other tests may have the machine. */
const PATIENT = { timeout: '20s' } as const

export class Stage {
  readonly #options: StageOptions
  readonly #telegram: FakeTelegram
  readonly #bots: Launched[] = []
  readonly #closings: Closing[] = []
  readonly #printed: string[] = []
  readonly #errors: unknown[] = []

  private constructor(telegram: FakeTelegram, options: StageOptions) {
    this.#telegram = telegram
    this.#options = options
  }

  static async open(options: StageOptions): Promise<Stage> {
    return new Stage(await FakeTelegram.start(), options)
  }

  /** Runs a block to its end; its bots get one update of each command that it names. */
  async perform(block: Block): Promise<Performance> {
    const exports = await this.#evaluate(block)
    const bots = this.#bots.filter(({ own }) => !own)
    if (/\bsetWebhook\(/.test(block.code)) await this.#telegram.waitForCall('setWebhook', undefined, PATIENT)
    else if (bots.length > 0) await this.#drive(block, bots)
    return { exports, printed: this.#printed, errors: this.#errors }
  }

  /** Ends what the block has left running; what went wrong meanwhile. */
  async close(): Promise<readonly unknown[]> {
    const failed: unknown[] = []
    const stopped = this.#bots.filter(({ bot }) => {
      try {
        bot.stop()
        return true
      } catch (thrown) {
        failed.push(thrown)
        return false
      }
    })
    const launched = await Promise.allSettled(stopped.flatMap(({ over }) => over))
    for (const close of this.#closings.reverse()) await close()
    await this.#telegram.stop()
    return [
      ...failed,
      ...launched.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : [])),
    ]
  }

  async #drive(block: Block, bots: readonly Launched[]): Promise<void> {
    for (const { bot, running } of bots) if (!running) void bot.launch()
    await this.#telegram.polled(PATIENT)
    const ann = this.#telegram.user({ first_name: 'Ann', language_code: 'de' })
    const commands = [...block.code.matchAll(/(?:command|Command)\('(\w+)'/g)].map(([, name]) => name)
    const actions = [...block.code.matchAll(/(?:action|Action)\('([\w:]+)'/g)].map(([, name]) => name)
    for (const name of ['start', ...commands]) ann.command(`${name} 1`)
    for (const data of actions) ann.tap(data)
    ann.say('hello')
    await this.#telegram.idle(PATIENT)
    const isSilent = this.#telegram.texts().length === 0
    if (isSilent && /\bctx\.reply\(/.test(block.code))
      throw new Error(`${block.place}: the bot has answered nothing`)
  }

  async #evaluate(block: Block): Promise<Record<string, unknown>> {
    const scope = {
      ...sentinels,
      ...this.#given(freeNames(inClass(block.code))),
      ...this.#world(),
      ...this.#options.runner,
    }
    const module = { exports: {} as Record<string, unknown> }
    const body = `${compiled(block, this.#options.redis)}\n//# sourceURL=${block.place}`
    const parameters = {
      ...scope,
      module,
      exports: module.exports,
      require: (name: string) => this.#require(name),
    }
    // Within a block of its own: what it declares may have the name of something given.
    const run = new AsyncFunction(...Object.keys(parameters), `{ ${body}\n}`)
    await run(...Object.values(parameters))
    return module.exports
  }

  #given(used: ReadonlySet<string>): Modules {
    const given = givenTo(new (this.#telegraf())(this.#telegram.token))
    if (!used.has('bot') && !used.has('sentinel')) this.#bots.pop()
    return { ...given, createSentinel: this.#createSentinel }
  }

  #world(): Modules {
    const write = (...words: unknown[]): void => void this.#printed.push(words.map(shown).join(' '))
    const env = {
      ...process.env,
      BOT_TOKEN: this.#telegram.token,
      REDIS_URL: this.#options.redis,
      PORT: '0',
      WEBHOOK_SECRET: 'secret',
      WEBHOOK_URL: 'http://127.0.0.1:9/telegram',
    }
    return {
      console: { log: write, warn: write, error: write, info: write },
      process: { env, once: () => undefined, on: () => undefined, exit: () => undefined, pid: process.pid },
    }
  }

  #require(name: string): unknown {
    const sibling = [...(this.#options.siblings ?? [])].find(([path]) => sameModule(path, name))
    if (sibling !== undefined) return this.#sibling(sibling[1])
    switch (name) {
      case 'telegraf':
        return { ...telegraf, Telegraf: this.#telegraf() }
      case 'telegraf-sentinel':
        return {
          ...sentinels,
          createSentinel: this.#createSentinel,
          failover: this.#failover,
          layered: this.#layered,
        }
      case 'node:http':
        return {
          ...http,
          createServer: (...args: [http.RequestListener]) => this.#server(http.createServer(...args)),
        }
      case 'node:test':
        return this.#options.runner
      default:
        return real(name)
    }
  }

  /** Its imports come first, so it is done before whoever wants it goes on. */
  #sibling(block: Block): unknown {
    const module = { exports: {} as Record<string, unknown> }
    const scope = {
      ...this.#world(),
      module,
      exports: module.exports,
      require: (name: string) => this.#require(name),
    }
    new Function(...Object.keys(scope), compiled(block, this.#options.redis))(...Object.values(scope))
    return module.exports
  }

  #telegraf(): typeof Telegraf {
    return stagedTelegraf({ apiRoot: this.#telegram.apiRoot, bots: this.#bots, errors: this.#errors })
  }

  readonly #createSentinel = (options?: Parameters<typeof sentinels.createSentinel>[0]): Sentinel => {
    const sentinel = sentinels.createSentinel(options)
    this.#closings.push(() => sentinel.close())
    return sentinel
  }

  readonly #failover = (...args: Parameters<typeof sentinels.failover>) =>
    this.#closed(sentinels.failover(...args))
  readonly #layered = (...args: Parameters<typeof sentinels.layered>) =>
    this.#closed(sentinels.layered(...args))

  #closed<T extends StorageAdapter>(store: T): T {
    this.#closings.push(() => store.close())
    return store
  }

  #server(server: http.Server): http.Server {
    const listen = server.listen.bind(server) as (...args: unknown[]) => http.Server
    const done = (args: readonly unknown[]) => args.filter((arg) => typeof arg === 'function')
    server.listen = (...args: unknown[]) => listen(0, '127.0.0.1', ...done(args))
    this.#closings.push(() => {
      server.closeAllConnections()
      server.close()
    })
    return server
  }
}

const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor as new (
  ...args: string[]
) => (...values: unknown[]) => Promise<void>

/** Jest's own `require`, which knows the package by its name. */
const real = module.require.bind(module) as (name: string) => unknown

function shown(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { breakLength: Infinity, compact: true })
}

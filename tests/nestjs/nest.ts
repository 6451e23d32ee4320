import 'reflect-metadata'
import { setTimeout } from 'node:timers/promises'
import { Module, type DynamicModule, type INestApplicationContext, type Provider } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { getBotToken, TelegrafModule } from 'nestjs-telegraf'
import type { Context, Middleware, MiddlewareFn, Telegraf } from 'telegraf'
import { Sentinel, type SentinelEvent, type SentinelOptions } from 'telegraf-sentinel'
import { SentinelModule } from 'telegraf-sentinel/nestjs'
import { FakeTelegram, ManualClock, type FakeUser } from 'telegraf-sentinel/testing'
import { EVENT_NAMES } from '../../lib/events'

@Module({})
export class Root {}

/** A handler, or a middleware, that waits until the test lets it go. */
export class Gate {
  readonly begun: Promise<void>
  readonly opened: Promise<void>
  begin = (): void => undefined
  open = (): void => undefined

  constructor() {
    this.begun = new Promise((resolve) => (this.begin = resolve))
    this.opened = new Promise((resolve) => (this.open = resolve))
  }

  /** Where a bot would look its user up. */
  readonly middleware: MiddlewareFn<Context> = async (_ctx, next) => {
    this.begin()
    await this.opened
    return next()
  }

  /** Once `work` is over, should it not have waited, as it ought to. */
  async openAfter(work: Promise<unknown>): Promise<void> {
    await Promise.race([work.catch(() => undefined), setTimeout(50)])
    this.open()
  }
}

export interface Parts {
  readonly providers?: Provider[]
  readonly options?: SentinelOptions
  readonly imports?: DynamicModule[]
  /** In place of `SentinelModule.forRoot(options)`. */
  readonly sentinel?: DynamicModule
  /** The bot's, made with the sentinel at hand. */
  readonly middlewares?: (sentinel: Sentinel) => Middleware<Context>[]
}

/** A Nest application with one bot that polls a Bot API server on loopback. */
export interface NestBot {
  readonly app: INestApplicationContext
  readonly telegram: FakeTelegram
  readonly sentinel: Sentinel
  readonly bot: Telegraf
  readonly clock: ManualClock
  readonly ann: FakeUser
  readonly events: SentinelEvent[]
  /** Ann sends these one after the other, each when the one before is over; what she heard since. */
  say(...texts: string[]): Promise<string[]>
  /** Which limits are left for Ann. */
  left(...names: string[]): Promise<number[]>
  types(): string[]
}

const apps: INestApplicationContext[] = []
const telegrams: FakeTelegram[] = []

/** Ends what the tests have started; for `afterEach`. */
export async function endAll(): Promise<void> {
  for (const app of apps.splice(0)) await app.close()
  for (const telegram of telegrams.splice(0)) await telegram.stop()
}

/** A Bot API server that ends with the test. */
export async function fakeTelegram(token?: string): Promise<FakeTelegram> {
  const telegram = await FakeTelegram.start({ token })
  telegrams.push(telegram)
  return telegram
}

/** An application that ends with the test. */
export async function create(root: DynamicModule): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(root, { logger: false, abortOnError: false })
  apps.push(app)
  return app
}

/** The application is the test's own to close. */
export function release(app: INestApplicationContext): void {
  apps.splice(apps.indexOf(app), 1)
}

export async function nestBot(parts: Parts = {}): Promise<NestBot> {
  const telegram = await fakeTelegram()
  const clock = new ManualClock()
  const { middlewares = () => [] } = parts
  const bots = TelegrafModule.forRootAsync({
    inject: [Sentinel],
    useFactory: (sentinel: Sentinel) => ({
      token: telegram.token,
      options: { telegram: { apiRoot: telegram.apiRoot } },
      middlewares: middlewares(sentinel),
    }),
  })
  const guards = parts.sentinel ?? SentinelModule.forRoot({ clock, ...parts.options })
  const imports = [guards, bots, ...(parts.imports ?? [])]
  const app = await create({ module: Root, imports, providers: parts.providers })
  await telegram.polled()
  const sentinel = app.get(Sentinel)
  const events: SentinelEvent[] = []
  for (const name of EVENT_NAMES) sentinel.on(name, (event) => void events.push(event as SentinelEvent))
  const ann = telegram.user({ first_name: 'Ann' })
  return {
    app,
    telegram,
    sentinel,
    bot: app.get<Telegraf>(getBotToken()),
    clock,
    ann,
    events,
    say: async (...texts) => {
      const before = ann.heard().length
      for (const text of texts) {
        ann.say(text)
        await telegram.idle()
      }
      return ann.heard().slice(before)
    },
    left: async (...names) => {
      const states = await Promise.all(names.map((name) => sentinel.limits.peek(name, { userId: ann.id })))
      return states.map(({ remaining }) => remaining)
    },
    types: () => events.map(({ type }) => type),
  }
}

/** What starting it comes to. It has no bot: nothing may be left running. */
export async function boot(root: Omit<DynamicModule, 'module'>): Promise<Error | undefined> {
  try {
    await create({ module: Root, ...root })
    return undefined
  } catch (thrown) {
    return thrown as Error
  }
}

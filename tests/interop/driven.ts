/** Guarded bots as Telegram drives them: real Telegraf, real HTTP, by polling or by webhook. */
import { Telegraf, type Context } from 'telegraf'
import { createSentinel, type Sentinel, type SentinelOptions } from 'telegraf-sentinel'
import { ManualClock, updateKinds, type FakeTelegram } from 'telegraf-sentinel/testing'
import { launch, serveWebhook, startTelegram } from '../testing/bots'

export { cleanUp } from '../testing/bots'

export const DELIVERIES = ['polling', 'webhook'] as const
export type Delivery = (typeof DELIVERIES)[number]

/** Every kind of update; some Telegram sends only to those who ask for them. */
const ALL_KINDS = [...new Set(updateKinds.map(({ type }) => type))] as never[]

export interface Driven<C extends Context> {
  readonly telegram: FakeTelegram
  readonly bot: Telegraf<C>
  /** Hands these over one after the other, each when the one before is done with. */
  send(...updates: object[]): Promise<void>
}

export interface Guarded<C extends Context> extends Driven<C> {
  readonly sentinel: Sentinel<C>
  readonly clock: ManualClock
  /** What each update came to: `allowed`, `limited`, … */
  readonly outcomes: string[]
}

const OUTCOMES = [
  'allowed',
  'exempt',
  'limited',
  'blocked',
  'debounced',
  'unregistered',
  'duplicate',
] as const

/** A bot that `build` has made, once it is being driven. */
export async function driven<C extends Context>(
  delivery: Delivery,
  build: (bot: Telegraf<C>) => unknown,
  options: Partial<Telegraf.Options<C>> = {},
): Promise<Driven<C>> {
  const telegram = await startTelegram()
  const bot = new Telegraf<C>(telegram.token, { telegram: { apiRoot: telegram.apiRoot }, ...options })
  await build(bot)
  const plain = bot as unknown as Telegraf
  if (delivery === 'polling') await launch(telegram, plain, { allowedUpdates: ALL_KINDS })
  else {
    const address = await serveWebhook(plain, '/hook', 'secret')
    await bot.telegram.setWebhook(address, { secret_token: 'secret', allowed_updates: ALL_KINDS })
  }
  telegram.clear()
  const send = async (...updates: object[]): Promise<void> => {
    for (const update of updates) {
      telegram.send(update as Parameters<FakeTelegram['send']>[0])
      await telegram.idle()
    }
  }
  return { telegram, bot, send }
}

/** A bot behind a sentinel of these options, on a clock that only the test moves. */
export async function guarded<C extends Context = Context>(
  delivery: Delivery,
  options: SentinelOptions<C> = {},
  build: (bot: Telegraf<C>, sentinel: Sentinel<C>) => unknown = () => undefined,
): Promise<Guarded<C>> {
  const clock = new ManualClock()
  const sentinel = createSentinel<C>({ clock, ...options })
  const outcomes: string[] = []
  for (const name of OUTCOMES) sentinel.on(name, ({ type }) => void outcomes.push(type))
  const driving = await driven<C>(delivery, (bot) => {
    bot.use(sentinel)
    return build(bot, sentinel)
  })
  return { ...driving, sentinel, clock, outcomes }
}

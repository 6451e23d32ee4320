/** The bot whose store is in trouble: real Telegraf, updates by webhook over HTTP. */
import 'reflect-metadata'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Telegraf, type Context } from 'telegraf'
import {
  Command,
  Controller,
  createSentinel,
  On,
  RateLimit,
  RequireRegistered,
  type Sentinel,
  type SentinelOptions,
} from 'telegraf-sentinel'
import { FakeTelegram } from 'telegraf-sentinel/testing'
import { LIMIT, WINDOW } from './people'

/** As many deliveries as Telegram makes at once. */
const DELIVERIES = 100

/** Counts, per user, what got through; the answer to an update is the end of its delivery. */
@Controller('shop')
export class Shop {
  readonly bought = new Map<number, number>()
  readonly served = new Map<number, number>()
  readonly heard = new Map<number, number>()

  @Command('buy')
  @RateLimit(LIMIT, WINDOW)
  buy(ctx: Context): void {
    count(this.bought, ctx)
  }

  @Command('vip')
  @RequireRegistered()
  serve(ctx: Context): void {
    count(this.served, ctx)
  }

  @On('text')
  hear(ctx: Context): void {
    count(this.heard, ctx)
  }
}

function count(counts: Map<number, number>, { from }: Context): void {
  if (from === undefined) throw new Error('nobody sent this')
  counts.set(from.id, (counts.get(from.id) ?? 0) + 1)
}

/** When an update arrived at the bot and when its handling was over (ms, monotonic). */
export interface Stay {
  readonly from: number
  readonly to: number
}

export interface ShopBot {
  readonly shop: Shop
  readonly sentinel: Sentinel
  readonly telegram: FakeTelegram
  /** Of every update that was handled. */
  readonly stays: readonly Stay[]
  /** What bot.catch was given. */
  readonly caught: readonly unknown[]
  stop(): Promise<void>
}

export async function startShopBot(options: SentinelOptions): Promise<ShopBot> {
  const shop = new Shop()
  const sentinel = createSentinel({ ...options, controllers: [shop] })
  const telegram = await FakeTelegram.start()
  const bot = new Telegraf(telegram.token, { telegram: { apiRoot: telegram.apiRoot } })
  bot.botInfo = await bot.telegram.getMe()
  const caught: unknown[] = []
  bot.catch((error) => void caught.push(error))
  bot.use(sentinel)
  const stays: Stay[] = []
  const webhook = await serve(bot, stays)
  const { port } = webhook.address() as AddressInfo
  await bot.telegram.setWebhook(`http://127.0.0.1:${port}/hook`, { max_connections: DELIVERIES })
  return {
    shop,
    sentinel,
    telegram,
    stays,
    caught,
    async stop() {
      await telegram.stop()
      webhook.closeAllConnections()
      await new Promise((resolve) => webhook.close(resolve))
    },
  }
}

async function serve(bot: Telegraf, stays: Stay[]): Promise<Server> {
  const callback = bot.webhookCallback('/hook')
  const server = createServer((request, response) => {
    const from = performance.now()
    const handled = (): void => void stays.push({ from, to: performance.now() })
    void callback(request, response).then(handled)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

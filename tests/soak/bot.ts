/** The bot of the soak, in a process of its own: guarded, with a webhook on 127.0.0.1. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Telegraf, type Context } from 'telegraf'
import { Command, Controller, createSentinel, Debounce, RateLimit, RequireRegistered } from '../../lib'
import type { Sentinel } from '../../lib'
import { EVENT_NAMES } from '../../lib/events'
import { failover } from '../../lib/stores/failover'
import { layered } from '../../lib/stores/layered'
import { heapUsed } from '../support/heap'
import { STORE_TIMEOUT, type BotOrder, type BotSample, type BotSetup } from './words'
import { work } from './worker'

@Controller('shop')
@RateLimit(30, '1m')
@RequireRegistered()
class Shop {
  @Command('buy')
  @RateLimit(20, '1m')
  @Debounce('1s')
  async buy(ctx: Context) {
    await ctx.sendChatAction('typing')
  }
}

/** Connections that wait to be accepted: what finds no place is tried again by TCP only a second later. */
const BACKLOG = 4_096

/** Counts the events that are not an update's. */
class Events {
  readonly counts: Record<string, number> = {}
  unjudged = 0

  constructor(sentinel: Sentinel) {
    const quiet = new Set(['allowed', 'limited', 'blocked', 'debounced', 'unregistered', 'exempt'])
    for (const name of EVENT_NAMES.filter((each) => !quiet.has(each)))
      sentinel.on(name, () => this.#count(name))
    // Whoever was judged has limits in the verdict.
    sentinel.on('allowed', ({ verdict }) => void (this.unjudged += verdict.limits.length === 0 ? 1 : 0))
    sentinel.on('storeError', ({ source, error }) => {
      if (source !== 'decide') this.#count(`storeError of ${source}: ${error.message}`.slice(0, 90))
    })
    sentinel.on('replyError', ({ error }) => this.#count(`replyError: ${error.message}`.slice(0, 90)))
  }

  #count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }
}

work<BotSetup, BotOrder>(({ url, apiRoot, token }) => {
  const store = layered('memory', failover([url, 'memory']))
  const sentinel = createSentinel({ store, storeTimeout: STORE_TIMEOUT, controllers: [Shop] })
  const bot = new Telegraf(token, { telegram: { apiRoot } })
  bot.use(sentinel)
  const events = new Events(sentinel)
  const server = createServer(bot.webhookCallback('/'))
  // The driver keeps its connections for the whole run.
  server.keepAliveTimeout = 600_000
  const open = async (): Promise<number> => {
    bot.botInfo = await bot.telegram.getMe()
    await sentinel.ready()
    await new Promise<void>((resolve) =>
      server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, resolve),
    )
    return (server.address() as AddressInfo).port
  }
  const sample = (): BotSample => ({
    heap: heapUsed(),
    resident: process.memoryUsage().rss,
    unjudged: events.unjudged,
    events: events.counts,
  })
  return (order) => {
    switch (order.act) {
      case 'open':
        return open()
      case 'ban':
        return sentinel.blocks.add(order.userId, { reason: 'soak' })
      case 'unban':
        return sentinel.blocks.remove(order.userId)
      case 'register':
        return sentinel.registrations.add(order.userId)
      case 'unregister':
        return sentinel.registrations.remove(order.userId)
      case 'health':
        return sentinel.health()
      case 'sample':
        return sample()
    }
  }
})

import { limit as grammyLimit } from '@grammyjs/ratelimiter'
import { MemoryStore as ExpressStore } from 'express-rate-limit'
import type { Options } from 'express-rate-limit'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { Context, MiddlewareFn, Telegraf } from 'telegraf'
import { message } from 'telegraf/filters'
import telegrafRatelimit from 'telegraf-ratelimit'
import { bareBot } from './bot'
import { guardedByUs } from './ours'
import { commandNames } from './updates'

/** One bot: how many commands it has, and who guards them. */
export interface Side {
  readonly name: string
  readonly commands: number
  readonly kind: 'ours' | 'peer' | 'plain'
  /** Updates per measurement, where the usual number would take minutes. */
  readonly updates?: number
  /** Adds guard and commands; every handler calls `handled`. */
  equip(bot: Telegraf, commands: readonly string[], handled: () => void): Promise<void> | void
}

/** Wide limits: these updates all pass. */
const LIMIT = 30
const WINDOW = 60_000

export const sides: readonly Side[] = [
  { name: 'telegraf-sentinel, 20 commands', commands: 20, kind: 'ours', equip: guardedByUs },
  { name: 'telegraf-sentinel, 200 commands', commands: 200, kind: 'ours', equip: guardedByUs },
  { name: 'plain Telegraf, empty chain', commands: 20, kind: 'plain', equip: emptyChain },
  { name: 'plain Telegraf, 20 commands', commands: 20, kind: 'plain', equip: plain },
  { name: 'plain Telegraf, 200 commands', commands: 200, kind: 'plain', updates: 20_000, equip: plain },
  { name: 'telegraf-ratelimit, 20 commands', commands: 20, kind: 'peer', equip: behind(ratelimit) },
  { name: '@grammyjs/ratelimiter, 20 commands', commands: 20, kind: 'peer', equip: behind(grammy) },
  { name: 'rate-limiter-flexible, 20 commands', commands: 20, kind: 'peer', equip: behind(flexible) },
  { name: 'express-rate-limit, 20 commands', commands: 20, kind: 'peer', equip: behind(express) },
]

/** The side's bot, guarded and with its commands. */
export async function botOf(side: Side, handled: () => void): Promise<Telegraf> {
  const bot = bareBot()
  await side.equip(bot, commandNames(side.commands), handled)
  return bot
}

function emptyChain(bot: Telegraf, _commands: readonly string[], handled: () => void): void {
  bot.use(handled)
}

function plain(bot: Telegraf, commands: readonly string[], handled: () => void): void {
  for (const command of commands) bot.command(command, handled)
  bot.on(message(), () => undefined)
}

function behind(guard: () => MiddlewareFn<Context>): Side['equip'] {
  return (bot, commands, handled) => {
    bot.use(guard())
    plain(bot, commands, handled)
  }
}

function ratelimit(): MiddlewareFn<Context> {
  return telegrafRatelimit({ window: WINDOW, limit: LIMIT })
}

function grammy(): MiddlewareFn<Context> {
  return grammyLimit({ timeFrame: WINDOW, limit: LIMIT })
}

/** As its documentation's Koa middleware. */
function flexible(): MiddlewareFn<Context> {
  const limiter = new RateLimiterMemory({ points: LIMIT, duration: WINDOW / 1000 })
  return async (ctx, next) => {
    if (ctx.from === undefined) return next()
    try {
      await limiter.consume(ctx.from.id)
    } catch {
      return
    }
    await next()
  }
}

function express(): MiddlewareFn<Context> {
  const store = new ExpressStore()
  store.init({ windowMs: WINDOW } as Options)
  return async (ctx, next) => {
    if (ctx.from === undefined) return next()
    const { totalHits } = await store.increment(String(ctx.from.id))
    if (totalHits <= LIMIT) await next()
  }
}

import { limit as grammyLimit } from '@grammyjs/ratelimiter'
import { MemoryStore as ExpressStore } from 'express-rate-limit'
import type { Options } from 'express-rate-limit'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import TelegrafRatelimitStore from 'telegraf-ratelimit/lib/memory-store.js'
import { LIMIT } from './contender'
import type { Contender, Run } from './contender'

/** The peers' memory stores, called as their own middleware call them: where it awaits, so does this. */
export const peers: readonly Contender[] = [
  peer('rate-limiter-flexible', rateLimiterFlexible),
  peer('@grammyjs/ratelimiter', grammy),
  peer('telegraf-ratelimit', telegrafRatelimit),
  peer('express-rate-limit', expressRateLimit),
]

/** All forget at the end of a window; express-rate-limit, which clears generations, of the one after it. */
function peer(name: string, create: Contender['create']): Contender {
  return { name, kind: 'peer', forgetsWithin: (window) => window * 2, create }
}

function rateLimiterFlexible(window: number): Run {
  const limiter = new RateLimiterMemory({ points: LIMIT, duration: window / 1000 })
  return async (ids) => {
    let passed = 0
    for (const id of ids) {
      try {
        await limiter.consume(id)
        passed++
      } catch (refusal) {
        if (refusal instanceof Error) throw refusal
      }
    }
    return passed
  }
}

/** Its store is not exported, so this goes through the middleware. */
function grammy(window: number): Run {
  let passed = 0
  const next = () => {
    passed++
    return Promise.resolve()
  }
  const middleware = grammyLimit({ timeFrame: window, limit: LIMIT })
  return async (ids) => {
    passed = 0
    for (const id of ids) await middleware({ from: { id, is_bot: false, first_name: 'A' } }, next)
    return passed
  }
}

/** The store alone, which is less than its middleware does: its class calls a debug logger per hit. */
function telegrafRatelimit(window: number): Run {
  const store = new TelegrafRatelimitStore(window)
  return (ids) => {
    let passed = 0
    for (const id of ids) if (store.incr(id) <= LIMIT) passed++
    return passed
  }
}

function expressRateLimit(window: number): Run {
  const store = new ExpressStore()
  store.init({ windowMs: window } as Options)
  return async (ids) => {
    let passed = 0
    for (const id of ids) {
      const { totalHits } = await store.increment(String(id))
      if (totalHits <= LIMIT) passed++
    }
    return passed
  }
}

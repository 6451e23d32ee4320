/** Random guards and random conversations, for laws that must hold for all of them. */
import fc from 'fast-check'
import type { Algorithm, RateLimitOptions, SentinelOptions, StorageAdapter, Verdict } from 'telegraf-sentinel'
import { guarded, type GuardedBot } from '../support/guarded'

/** One step of a conversation: wait, then send a text. */
export interface Step {
  readonly wait: number
  readonly text: string
}

const ALGORITHMS: readonly Algorithm[] = [
  'sliding-window',
  'sliding-counter',
  'fixed-window',
  'token-bucket',
  'gcra',
]

export const algorithm = fc.constantFrom(...ALGORITHMS)

const window = fc.integer({ min: 1, max: 100_000 })

const limit: fc.Arbitrary<RateLimitOptions> = fc
  .record({ algorithm, limit: fc.integer({ min: 1, max: 5 }), window, extra: fc.nat(3), cost: fc.nat(5) })
  .map(({ extra, cost, ...rule }) => {
    const bursts = rule.algorithm === 'token-bucket' || rule.algorithm === 'gcra'
    const burst = rule.limit + extra
    return {
      ...rule,
      ...(bursts && extra > 0 ? { burst } : undefined),
      cost: Math.min(cost, bursts && extra > 0 ? burst : rule.limit),
    }
  })

/** One to three limits that leave nothing behind when they refuse. */
export const limits = fc.array(limit, { minLength: 1, maxLength: 3 })

/** The same with `countRefused` and `blockFor`, which do. */
export const harshLimits = fc.array(
  fc
    .tuple(limit, fc.boolean(), fc.option(window, { nil: undefined }))
    .map(([options, countRefused, blockFor]) => ({ ...options, countRefused, blockFor })),
  { minLength: 1, maxLength: 3 },
)

export const debounce = fc.option(window, { nil: undefined })

export const conversation: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30_000 })),
    text: fc.constantFrom('one', 'two', 'three'),
  }),
  { minLength: 1, maxLength: 25 },
)

/** A bot whose method-like guard and bot-wide options are these limits: the first bot-wide, the others on the guard. */
export async function botWith(
  store: StorageAdapter,
  [first, ...others]: readonly RateLimitOptions[],
  repeats: number | undefined,
): Promise<GuardedBot> {
  const options: SentinelOptions = { store, reply: false, rateLimit: first, debounce: repeats ?? false }
  return guarded(options, {
    before: (bot, sentinel) => bot.use(sentinel.guard({ name: 'inner', rateLimit: others })),
  })
}

/** Waits and sends. */
export async function take({ clock, updates, judge }: GuardedBot, { wait, text }: Step): Promise<Verdict> {
  if (wait > 0) clock.advance(wait)
  return judge(updates.text(text, { from: 7 }))
}

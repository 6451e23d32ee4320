import { SentinelUsageError } from '../../lib/errors'
import * as limiters from '../../lib/limiters'
import type { Limiter } from '../../lib/limiters'

describe('limiterOf', () => {
  it.each(limiters.ALGORITHMS)('finds %s by its name', (name) => {
    const limiter = limiters.limiterOf(name)
    expect(limiter.name).toBe(name)
    expect(limiters.isBuiltin(limiter)).toBe(true)
  })

  it("leaves a user's own limiter as it is", () => {
    const own: Limiter<number> = {
      name: 'own',
      hit: () => [0, { allowed: true, retryAfter: 0, remaining: 1, resetAfter: 0 }],
    }
    expect(limiters.limiterOf(own as Limiter)).toBe(own)
    expect(limiters.isBuiltin(own as Limiter)).toBe(false)
  })

  it.each(['leaky', '', 'constructor', 'toString'])('throws for the unknown name %p', (name) => {
    expect(() => limiters.limiterOf(name as limiters.Algorithm)).toThrow(SentinelUsageError)
  })
})

it('ruleOf takes what a rule has and nothing else', () => {
  const rule = { limit: 1, window: 2, burst: 3, countRefused: true }
  expect(limiters.ruleOf({ ...rule, name: 'extra' } as limiters.Rule)).toEqual(rule)
})
